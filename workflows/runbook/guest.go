package runbook

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

// Ids of the steps inside a guest. They stand in keys of objects in the field: never rename one.
const (
	StepReach       = "reach"
	StepSystem      = "system"
	StepVolume      = "volume/" // And the volume's name.
	StepApplication = "application"
	StepHealth      = "health"
)

// Guest is the operating system inside a machine that this run made: what is done in it goes with the machine.
type Guest struct {
	Name   string
	Domain string
	Access spec.Access
	// Host tells how to reach it, once the machine is there.
	Host func() (guest.Host, error)
	// Pinned gives files their secrets in exactly the versions that were approved.
	Pinned func([]spec.File) []spec.File
}

// Reach waits until the guest lets the worker in.
func (g Guest) Reach(address string, after ...string) Planned {
	return Planned{
		Step: run.Step{
			ID: StepReach, Title: "log in to the guest", After: after, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				h, err := g.Host()
				if err != nil {
					return run.Result{}, err
				}
				_, err = guest.Reach(ctx, guest.ReachInput{System: g.Access.System, Host: h})
				return run.Result{Lines: []string{"host key verified, first boot done"}}, err
			},
		},
		Action: wire.Observe, Object: g.Access.User + "@" + address,
	}
}

// System configures the operating system.
func (g Guest) System(settings spec.OS) Planned {
	return Planned{
		Step: run.Step{
			ID: StepSystem, Title: "configure the operating system", After: []string{StepReach}, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				h, err := g.Host()
				if err != nil {
					return run.Result{}, err
				}
				settings.Files = g.Pinned(settings.Files)
				out, err := guest.ConfigureSystem(ctx, guest.ConfigureSystemInput{System: g.Access.System, Op: op, Host: h, Request: guest.SystemRequest{
					Hostname: g.Name, Domain: g.Domain, OS: settings,
				}})
				return run.Result{Output: out.Changes, Lines: out.Changes}, err
			},
		},
		Action: wire.Change, Object: "guest " + g.Name, Detail: systemDetail(settings),
	}
}

func systemDetail(o spec.OS) []string {
	var lines []string
	if o.Timezone != "" {
		lines = append(lines, "time zone "+o.Timezone)
	}
	if len(o.Packages) > 0 {
		lines = append(lines, "packages "+strings.Join(o.Packages, ", "))
	}
	for _, u := range o.Users {
		lines = append(lines, "user "+u.Name)
	}
	for _, f := range o.Files {
		what := "file " + f.Path
		if f.Secret != "" {
			what += " from " + f.Secret
		}
		lines = append(lines, what)
	}
	for _, s := range o.Services {
		lines = append(lines, "service "+s.Name+" "+s.State)
	}
	return lines
}

// Disk is a disk as the platform gave it to the machine.
type Disk struct {
	UUID  string // As the guest sees it.
	Bytes int64
	Key   string // Key that it was made under.
}

// Volume makes and mounts the file system of a volume; others are all volumes of the machine.
func (g Guest) Volume(v spec.Volume, others []spec.Volume, disk func() (Disk, error)) Planned {
	after := []string{StepSystem} // It makes the user that owns the mount point.
	for _, other := range others {
		if strings.HasPrefix(v.Mount, other.Mount+"/") {
			after = append(after, StepVolume+other.Name)
		}
	}
	return Planned{
		Step: run.Step{
			ID: StepVolume + v.Name, Title: "mount volume " + v.Name, After: after, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				h, err := g.Host()
				if err != nil {
					return run.Result{}, err
				}
				d, err := disk()
				if err != nil {
					return run.Result{}, Missing(err)
				}
				out, err := guest.MountVolume(ctx, guest.MountVolumeInput{System: g.Access.System, Op: op, Host: h, Request: guest.VolumeRequest{
					Volume: v, DiskUUID: d.UUID, Bytes: d.Bytes, DiskKey: d.Key,
				}})
				line := fmt.Sprintf("%s on %s, file system %s", out.State.Device, out.State.Mount, out.State.FilesystemUUID)
				return run.Result{Output: out.State, Lines: []string{line}}, err
			},
		},
		Action: wire.Create, Object: v.Filesystem + " on disk " + v.Name, Detail: []string{"mounted at " + v.Mount},
	}
}

// Application installs the application; render gives its files their contents.
func (g Guest) Application(a spec.Application, render func([]spec.File) ([]spec.File, error), after []string) Planned {
	return Planned{
		Step: run.Step{
			ID: StepApplication, Title: "install the application", After: after, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				h, err := g.Host()
				if err != nil {
					return run.Result{}, err
				}
				files, err := render(g.Pinned(a.Config))
				if err != nil {
					return run.Result{}, Invalid("rendering the configuration", err)
				}
				out, err := guest.InstallApplication(ctx, guest.InstallApplicationInput{System: g.Access.System, Op: op, Host: h, Request: guest.ApplicationRequest{
					Application: a, Files: files,
				}})
				return run.Result{Output: out.Changes, Lines: out.Changes}, err
			},
		},
		Action: wire.Create, Object: Source(a), Detail: applicationDetail(a),
	}
}

// Source is where an application comes from.
func Source(a spec.Application) string {
	if a.Archive != nil {
		return "archive " + a.Archive.URL + " sha256 " + a.Archive.SHA256
	}
	return "package " + a.Package.Name + " " + a.Package.Version
}

func applicationDetail(a spec.Application) []string {
	var lines []string
	for _, f := range a.Config {
		lines = append(lines, "file "+f.Path)
	}
	if a.Service != "" {
		lines = append(lines, "service "+a.Service+" running")
	}
	return lines
}

// Health asks the application on the machine itself.
func Health(h spec.Health, request probe.Request) Planned {
	return Planned{
		Step: run.Step{
			ID: StepHealth, Title: "ask the application for its health", After: []string{StepApplication}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				return Ask(ctx, h.System, request)
			},
		},
		Action: wire.Observe, Object: request.URL, Detail: []string{fmt.Sprintf("answers %d", h.Status)},
	}
}

// Ask sends a real request to what a user would use.
func Ask(ctx workflow.Context, prober string, r probe.Request) (run.Result, error) {
	out, err := probe.Get(ctx, probe.GetInput{System: prober, Request: r})
	if err != nil {
		return run.Result{}, err
	}
	return run.Result{Output: out.Answer, Lines: []string{fmt.Sprintf("%s answered %d: %s", r.URL, out.Answer.Status, out.Answer.Body)}}, nil
}
