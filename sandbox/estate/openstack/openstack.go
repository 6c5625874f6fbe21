// Package openstack emulates the part of an OpenStack that a driver of instances uses: Keystone v3, Nova 2.1 with its
// microversions, Neutron, Glance v2 and Cinder v3, on one HTTPS server with a catalogue of services.
//
// It keeps its state in a folder, lets servers, volumes and their attachments come and go by steps as the services do, and
// refuses what they refuse: a token that is over, a field that nobody knows, a state that forbids it, a group in use, a
// quota used up. Security groups filter: Allows says whether a packet to a port passes.
//
// Sources: the API references at docs.openstack.org/api-ref and the services' own answers; testsuite/bed/openstack runs the
// same suite on real ones.
package openstack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/machine"
	"fermata/sandbox/estate/web"
	"fermata/sandbox/keep"
)

// Options describe a cloud.
type Options struct {
	// Folder keeps the state and the certificate. It is made if missing.
	Folder string
	// Listen is the address of all services; empty: 127.0.0.1 with a free port.
	Listen string
	// Region of the catalogue; empty: RegionOne.
	Region string
	// Users may log in. The domain of all is Default.
	Users []User
	// Credentials are application credentials.
	Credentials []Credential
	// What the cloud has from the start.
	Images   []Image
	Flavors  []Flavor
	Networks []Network
	KeyPairs []KeyPair
	Zones    []string // Availability zones of instances and volumes; empty: nova.
	// Quotas of each project by their names: instances, cores, ram (MiB), volumes, gigabytes, security_group,
	// security_group_rule, floatingip, port. What is not named has no limit.
	Quotas map[string]int
	// Guests are the machines behind the servers; nil: a server has none and makes its console up.
	Guests machine.Guests
	// TokenLifetime is how long a token lives: an hour if zero.
	TokenLifetime time.Duration
	// PageSize is how many servers one answer lists at most: 1000 if zero.
	PageSize int
	// OpenGroups gives new security groups a rule that lets members of the group in, as an operator's template may.
	OpenGroups bool
	// Faults make it misbehave; may be nil.
	Faults *faults.Faults
	Log    *slog.Logger
}

// User is an account with a role in one project.
type User struct {
	Name, Password, Project string
	// Denied lists services (compute, network, image, volume) whose policy lets it do nothing.
	Denied []string
}

// Credential is an application credential of a project.
type Credential struct{ ID, Secret, Project string }

// Image is what servers boot from. Sizes are in GiB and MiB.
type Image struct {
	Name            string
	MinDisk, MinRAM int
}

// Flavor is a size of servers. Memory is in MiB, the disk in GiB.
type Flavor struct {
	Name              string
	CPUs, Memory, GiB int
}

// Network has a subnet for each prefix. An external one gives floating addresses.
type Network struct {
	Name     string
	Prefixes []netip.Prefix
	External bool
}

// KeyPair is a public key that servers accept.
type KeyPair struct{ Name, PublicKey string }

// Server is a running cloud.
type Server struct {
	options Options
	web     *web.Server
	tls     *tls.Config
	trouble trouble
	stop    context.CancelFunc
	ctx     context.Context //nolint:containedctx // Ends what goes on in the background; no request has it.
	tasks   machine.Queue

	mu    sync.Mutex
	state state
}

// Start reads the state and serves until Close. Servers that were on are booted again.
func Start(o Options) (*Server, error) {
	s := &Server{options: o.withDefaults()}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.stop()
		return nil, fmt.Errorf("starting OpenStack: %w", err)
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Region == "" {
		o.Region = "RegionOne"
	}
	if len(o.Zones) == 0 {
		o.Zones = []string{"nova"}
	}
	if o.TokenLifetime == 0 {
		o.TokenLifetime = time.Hour
	}
	if o.PageSize == 0 {
		o.PageSize = 1000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (s *Server) start() (err error) {
	if err := s.options.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.options.Folder, 0o700); err != nil {
		return err
	}
	if err := keep.Load(s.file(), &s.state); err != nil {
		return err
	}
	s.furnish()
	if err := s.save(); err != nil {
		return err
	}
	if s.tls, err = certificate.Of(s.options.Folder, "OpenStack"); err != nil {
		return err
	}
	if s.web, err = web.Listen(s.options.Listen, s.tls); err != nil {
		return err
	}
	s.web.Serve(s.routes())
	s.resume()
	return nil
}

func (o Options) check() error {
	if o.Folder == "" || len(o.Users)+len(o.Credentials) == 0 {
		return errors.New("a folder and somebody who may log in are needed")
	}
	for _, u := range o.Users {
		if u.Name == "" || len(u.Password) < 8 || u.Project == "" {
			return fmt.Errorf("user %q: a name, a password of 8 characters and a project are needed", u.Name)
		}
	}
	for _, c := range o.Credentials {
		if c.ID == "" || len(c.Secret) < 8 || c.Project == "" {
			return fmt.Errorf("application credential %q: an id, a secret of 8 characters and a project are needed", c.ID)
		}
	}
	return nil
}

func (s *Server) file() string { return filepath.Join(s.options.Folder, "openstack.json") }

// save writes the state before a change is answered. It is called with the lock.
func (s *Server) save() error { return keep.Save(s.file(), s.state) }

// URL is the address of Keystone.
func (s *Server) URL() string { return s.web.URL() + "/identity/v3" }

// CAFile is the certificate that clients trust.
func (s *Server) CAFile() string { return certificate.File(s.options.Folder) }

// Close ends the server. Guests stay as they are: they are somebody else's to stop.
func (s *Server) Close() error {
	s.stop()
	err := s.web.Close()
	s.tasks.Wait()
	return err
}
