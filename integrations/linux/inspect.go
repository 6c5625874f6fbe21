package linux

import (
	"context"
	"fmt"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/spec"
)

// Inspect tells how the guest is, of what the request names.
func (a *Access) Inspect(ctx context.Context, h guest.Host, r guest.InspectRequest, s guest.Secrets) (guest.Inspection, error) {
	m := a.machine(h, nil)
	seen, err := m.inspect(ctx, r, s)
	if err != nil {
		return guest.Inspection{}, fmt.Errorf("looking at %s: %w", h.Name, err)
	}
	return seen, nil
}

func (m *machine) inspect(ctx context.Context, r guest.InspectRequest, s guest.Secrets) (guest.Inspection, error) {
	seen := guest.Inspection{Services: map[string]guest.ServiceState{}}
	if err := validSystem(guest.SystemRequest{OS: r.OS}); err != nil {
		return seen, err
	}
	hasSystemd, err := m.hasSystemd(ctx)
	if err != nil {
		return seen, err
	}
	services := make([]string, 0, len(r.OS.Services)+1)
	for _, service := range r.OS.Services {
		services = append(services, service.Name)
	}
	packages := r.OS.Packages
	if app := r.Application; app != nil {
		if app.Service != "" {
			services = append(services, app.Service)
		}
		if app.Package != nil {
			packages = append(packages[:len(packages):len(packages)], app.Package.Name)
		}
	}
	for _, look := range []func() error{
		func() error { return m.seeZone(ctx, r.OS.Timezone, hasSystemd, &seen) },
		func() error { return m.seePackages(ctx, packages, &seen) },
		func() error { return m.seeUsers(ctx, r.OS.Users, &seen) },
		func() error {
			return m.seeFiles(ctx, append(r.OS.Files[:len(r.OS.Files):len(r.OS.Files)], r.Files...), s, &seen)
		},
		func() error { return m.seeServices(ctx, managerOf(hasSystemd), services, &seen) },
		func() error { return m.seeArchive(ctx, r.Application, &seen) },
		func() error { return m.seeVolumes(ctx, r.Volumes, &seen) },
	} {
		if err := look(); err != nil {
			return seen, err
		}
	}
	return seen, nil
}

func (m *machine) seeZone(ctx context.Context, asked string, hasSystemd bool, seen *guest.Inspection) error {
	if asked == "" {
		return nil
	}
	ask := zoneScriptPlain
	if hasSystemd {
		ask = zoneScript
	}
	zone, err := m.output(ctx, "asking for the time zone", ask)
	seen.Timezone = zone
	return err
}

func (m *machine) seePackages(ctx context.Context, wanted []string, seen *guest.Inspection) (err error) {
	if len(wanted) == 0 {
		return nil
	}
	seen.Packages, err = m.versions(ctx, wanted)
	return err
}

func (m *machine) seeUsers(ctx context.Context, users []spec.User, seen *guest.Inspection) error {
	for _, u := range users {
		r, err := m.read(ctx, `exec getent passwd "$1"`, u.Name)
		switch {
		case err != nil:
			return fault.Wrap(fault.KindOf(err), err, "looking for user "+u.Name)
		case r.Exit == 0:
			seen.Users = append(seen.Users, u.Name)
		case r.Exit != noSuchName:
			return fault.New(fault.Invalid, "looking for user %s: %s", u.Name, r.Text())
		}
	}
	return nil
}

func (m *machine) seeFiles(ctx context.Context, files []spec.File, secrets guest.Secrets, seen *guest.Inspection) error {
	for _, f := range files {
		w, err := want(f, secrets)
		if err != nil {
			return err
		}
		state, err := m.fileState(ctx, w)
		if err != nil {
			return err
		}
		if f.Secret != "" {
			state.SHA256 = "" // Not even the hash of a secret leaves the worker.
		}
		seen.Files = append(seen.Files, state)
	}
	return nil
}

// seeServices looks at services. One that is masked, or still starts, is told as it is: disabled, or running.
func (m *machine) seeServices(ctx context.Context, by manager, names []string, seen *guest.Inspection) error {
	for _, name := range names {
		r, err := m.read(ctx, by.look, name)
		words := strings.Fields(string(r.Stdout))
		switch {
		case err != nil:
			return fault.Wrap(fault.KindOf(err), err, "looking at service "+name)
		case r.Exit == noInput:
			continue
		case r.Exit != 0 || len(words) != 2:
			return fault.New(fault.Invalid, "looking at service %s on %s: %s", name, m.host.Name, r.Text())
		}
		seen.Services[name] = guest.ServiceState{Enabled: words[0] == "enabled", Running: words[1] == isRunning || words[1] == "activating"}
	}
	return nil
}

func (m *machine) seeArchive(ctx context.Context, app *spec.Application, seen *guest.Inspection) error {
	if app == nil || app.Archive == nil {
		return nil
	}
	if !mountForm.MatchString(app.Archive.Into) {
		return fault.New(fault.Invalid, "%q is no folder of an archive: expected an absolute path", app.Archive.Into)
	}
	sum, err := m.output(ctx, "looking at "+app.Archive.Into, archiveState, app.Archive.Into)
	if sum != "none" {
		seen.Archive = sum
	}
	return err
}

func (m *machine) seeVolumes(ctx context.Context, volumes []guest.VolumeRef, seen *guest.Inspection) error {
	for _, v := range volumes {
		size, err := m.volumeSize(ctx, v.Name, v.DiskUUID)
		if err != nil {
			return err
		}
		seen.Volumes = append(seen.Volumes, size)
	}
	return nil
}
