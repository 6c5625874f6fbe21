package linux

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
)

// EnsureApplication installs the exact version or archive, writes its files, and starts its service, or restarts it
// after a change.
func (a *Access) EnsureApplication(ctx context.Context, op operation.Op, h guest.Host, r guest.ApplicationRequest, s guest.Secrets, p operation.Progress) (guest.Changes, error) {
	m := a.machine(h, p)
	if err := m.application(ctx, op, r, s); err != nil {
		return m.did, fmt.Errorf("installing the application on %s: %w", h.Name, err)
	}
	return m.did, nil
}

func (m *machine) application(ctx context.Context, op operation.Op, r guest.ApplicationRequest, s guest.Secrets) error {
	app := r.Application
	if app.Service != "" && !serviceForm.MatchString(app.Service) {
		return fault.New(fault.Invalid, "%q is no service", app.Service)
	}
	noted := false
	before := func() error {
		if noted {
			return nil
		}
		noted = true
		return m.rememberRestart(ctx, app.Service)
	}
	if app.Package != nil {
		if err := m.packageOf(ctx, op, *app.Package, before); err != nil {
			return err
		}
	}
	if app.Archive != nil {
		if err := m.archive(ctx, *app.Archive, before); err != nil {
			return err
		}
	}
	m.said.Say("writing configuration")
	if _, err := m.files(ctx, r.Files, s, before); err != nil {
		return err
	}
	if app.Service == "" {
		return nil
	}
	m.said.Say("starting " + app.Service)
	return m.serviceOf(ctx, app.Service)
}

func (m *machine) serviceOf(ctx context.Context, name string) error {
	hasSystemd, err := m.hasSystemd(ctx)
	if err != nil {
		return err
	}
	pending, err := m.restartPending(ctx, name)
	if err != nil {
		return err
	}
	return m.service(ctx, managerOf(hasSystemd), name, true, true, pending)
}

var (
	nameForm    = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	versionForm = regexp.MustCompile(`^[A-Za-z0-9.+:~-]+$`)
	wordForm    = regexp.MustCompile(`^[A-Za-z0-9._/+~-]+$`)
	uriForm     = regexp.MustCompile(`^(https?|file|copy):[^\s\x00-\x1f\[\]]+$`)
)

func (m *machine) packageOf(ctx context.Context, op operation.Op, p spec.Package, before func() error) error {
	if !nameForm.MatchString(p.Name) || !versionForm.MatchString(p.Version) {
		return fault.New(fault.Invalid, "%q in version %q is no package", p.Name, p.Version)
	}
	if p.Repository != nil {
		if err := m.repository(ctx, op, p.Name, *p.Repository); err != nil {
			return err
		}
	}
	exact := p.Name + "=" + p.Version
	lacking, err := m.lacking(ctx, []string{exact})
	if err != nil || len(lacking) == 0 {
		return err
	}
	if err := before(); err != nil {
		return err
	}
	return m.packages(ctx, []string{exact})
}

// repository tells apt of one, with the one key that may sign it.
func (m *machine) repository(ctx context.Context, op operation.Op, name string, r spec.Repository) error {
	files, err := repositoryFiles(op, name, r)
	if err != nil {
		return err
	}
	_, err = m.files(ctx, files, nil, nil)
	return err
}

// repositoryFiles are what apt reads of a repository (sources.list(5), deb822 style).
func repositoryFiles(op operation.Op, name string, r spec.Repository) ([]spec.File, error) {
	if !uriForm.MatchString(r.URI) || !wordForm.MatchString(r.Suite) {
		return nil, fault.New(fault.Invalid, "the repository %q with the suite %q is none that apt can use", r.URI, r.Suite)
	}
	for _, component := range r.Components {
		if !wordForm.MatchString(component) {
			return nil, fault.New(fault.Invalid, "%q is no component of a repository", component)
		}
	}
	key := strings.TrimSpace(strings.ReplaceAll(r.Key, "\r\n", "\n")) + "\n"
	if !strings.HasPrefix(key, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n") {
		return nil, fault.New(fault.Invalid, "the key of repository %s is no armored public key: expected -----BEGIN PGP PUBLIC KEY BLOCK-----", r.URI)
	}
	keyPath := "/etc/apt/keyrings/fermata-" + name + ".asc"
	sources := fmt.Sprintf("# Written by fermata for %s.\nTypes: deb\nURIs: %s\nSuites: %s\n", op.Owner, r.URI, r.Suite)
	if len(r.Components) > 0 {
		sources += "Components: " + strings.Join(r.Components, " ") + "\n"
	}
	sources += "Signed-By: " + keyPath + "\n"
	return []spec.File{
		{Path: keyPath, Content: key},
		{Path: "/etc/apt/sources.list.d/fermata-" + name + ".sources", Content: sources},
	}, nil
}
