package guest

import (
	"context"
)

// Catalogue is what the machine's package repositories offer.
type Catalogue []Package

// Package is a Debian package with all its versions.
type Package struct {
	Name     string
	Releases []Release // Oldest first; the last is what apt chooses without a version.
}

// Release is one version of a package and what installing it puts on the machine.
type Release struct {
	Version      string
	Architecture string // "amd64" if empty.
	Description  string
	Depends      []string          // Names of packages.
	Files        map[string]string // Path -> content, mode 0644.
	Conffiles    map[string]string // As Files, below /etc: an administrator's changes survive an upgrade.
	Commands     []string          // Emulated commands that appear in /usr/bin.
	Users        []string          // System accounts.
	Units        []Unit            // Enabled and started by the installation, as Debian does.
}

// Unit is a service of systemd.
type Unit struct {
	Name string // Without ".service".
	// Start brings the service up, or says why it cannot: the error becomes a line of the journal. ctx ends when the
	// machine is switched off. nil: the unit has a state and does nothing.
	Start func(ctx context.Context, m *Machine) (Service, error)
}

// Service is a running service.
type Service interface {
	// Reload reads the configuration again; an error leaves the service as it was.
	Reload(ctx context.Context) error
	// Stop ends it and frees what it listens on.
	Stop() error
}

func (c Catalogue) find(name string) (Package, bool) {
	for _, p := range c {
		if p.Name == name {
			return p, true
		}
	}
	return Package{}, false
}

func (p Package) release(version string) (Release, bool) {
	if version == "" && len(p.Releases) > 0 {
		return p.Releases[len(p.Releases)-1], true
	}
	for _, r := range p.Releases {
		if r.Version == version {
			return r, true
		}
	}
	return Release{}, false
}
