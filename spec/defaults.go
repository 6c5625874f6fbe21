package spec

import (
	"strings"
	"time"
)

// Defaults of a Server.
const (
	DefaultSSHPort      = 22
	DefaultFilesystem   = "ext4"
	DefaultMountMode    = "0755"
	DefaultOwner        = "root"
	DefaultFileMode     = "0644"
	DefaultSecretMode   = "0600"
	DefaultShell        = "/usr/sbin/nologin"
	DefaultHealthPath   = "/"
	DefaultHealthStatus = 200
	DefaultProtocol     = "tcp"
	DefaultWeight       = 1
	DefaultComponent    = "main"
	DefaultTTL          = Duration(5 * time.Minute)

	DefaultApprovalDeadline = Duration(72 * time.Hour)
	DefaultRetryFor         = Duration(time.Hour)
	DefaultGrace            = Duration(168 * time.Hour)
)

// States of a Service.
const (
	StateRunning = "running"
	StateStopped = "stopped"
)

// ApplyDefaults fills in what the document leaves open, so that the plan's hash covers it:
//
//	access.port                22
//	storage[].filesystem       ext4, owner root, mode 0755
//	os.users[].shell           /usr/sbin/nologin
//	os.files[], application.config[]   owner root, mode 0644; with a secret 0600
//	os.services[]              enabled true, state running
//	application.health         path /, status 200
//	application.package.repository.components   main, unless the suite ends in "/" (a flat repository has none)
//	firewall[].protocol        tcp
//	loadBalancer.weight        1
//	dns                        zone network.domain, ttl 5m, reverse true, reverseZone that of the address's network
//	run                        onFailure hold, approvalDeadline 72h, retryFor 1h, grace 168h
func (s *Server) ApplyDefaults() {
	spec := &s.Spec
	fill(&spec.Access.Port, DefaultSSHPort)
	for i := range spec.Storage {
		fill(&spec.Storage[i].Filesystem, DefaultFilesystem)
		fill(&spec.Storage[i].Owner, DefaultOwner)
		fill(&spec.Storage[i].Mode, DefaultMountMode)
	}
	spec.OS.applyDefaults()
	if spec.Application != nil {
		spec.Application.applyDefaults()
	}
	for i := range spec.Firewall {
		fill(&spec.Firewall[i].Protocol, DefaultProtocol)
	}
	if spec.LoadBalancer != nil {
		fill(&spec.LoadBalancer.Weight, DefaultWeight)
	}
	if spec.DNS != nil {
		spec.DNS.ApplyDefaults(spec.Network)
	}
	spec.Run.applyDefaults()
}

func (r *RunPolicy) applyDefaults() {
	fill(&r.OnFailure, OnFailureHold)
	fill(&r.ApprovalDeadline, DefaultApprovalDeadline)
	fill(&r.RetryFor, DefaultRetryFor)
	fill(&r.Grace, DefaultGrace)
}

func (o *OS) applyDefaults() {
	for i := range o.Users {
		fill(&o.Users[i].Shell, DefaultShell)
	}
	fileDefaults(o.Files)
	for i := range o.Services {
		if o.Services[i].Enabled == nil {
			enabled := true
			o.Services[i].Enabled = &enabled
		}
		fill(&o.Services[i].State, StateRunning)
	}
}

func (a *Application) applyDefaults() {
	fileDefaults(a.Config)
	fill(&a.Health.Path, DefaultHealthPath)
	fill(&a.Health.Status, DefaultHealthStatus)
	if a.Package == nil || a.Package.Repository == nil {
		return
	}
	repository := a.Package.Repository
	if len(repository.Components) == 0 && !strings.HasSuffix(repository.Suite, "/") {
		repository.Components = []string{DefaultComponent}
	}
}

func fileDefaults(files []File) {
	for i := range files {
		fill(&files[i].Owner, DefaultOwner)
		if files[i].Secret != "" {
			fill(&files[i].Mode, DefaultSecretMode)
		}
		fill(&files[i].Mode, DefaultFileMode)
	}
}

func fill[T comparable](field *T, value T) {
	var absent T
	if *field == absent {
		*field = value
	}
}
