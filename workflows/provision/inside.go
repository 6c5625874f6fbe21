package provision

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

// inner are the steps inside the machine that must be done before anybody is let near it.
func (p *provision) inner() []string {
	after := []string{stepHealth, stepApplication, stepSystem}
	for _, v := range p.server.Spec.Storage {
		after = append(after, stepVolume+v.Name)
	}
	return append(after, p.played()...)
}

// inside are the steps in the guest. They go with the machine, which this run made.
func (p *provision) inside(f *run.Frame, r resolved) []planned {
	access := p.server.Spec.Access
	name := p.server.Metadata.Name
	steps := []planned{{
		Step: run.Step{
			ID: stepReach, Title: "log in to the guest", After: []string{stepStart}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				h, err := p.host(f)
				if err != nil {
					return run.Result{}, err
				}
				_, err = guest.Reach(ctx, guest.ReachInput{System: access.System, Host: h})
				return run.Result{Lines: []string{"host key verified, first boot done"}}, err
			},
		},
		action: wire.Observe, object: access.User + "@" + p.address(),
	}, {
		Step: run.Step{
			ID: stepSystem, Title: "configure the operating system", After: []string{stepReach}, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				h, err := p.host(f)
				if err != nil {
					return run.Result{}, err
				}
				settings := p.server.Spec.OS
				settings.Files = p.pinned(settings.Files)
				out, err := guest.ConfigureSystem(ctx, guest.ConfigureSystemInput{System: access.System, Op: op, Host: h, Request: guest.SystemRequest{
					Hostname: name, Domain: p.server.Spec.Network.Domain, OS: settings,
				}})
				return run.Result{Output: out.Changes, Lines: out.Changes}, err
			},
		},
		action: wire.Change, object: "guest " + name, detail: systemDetail(p.server.Spec.OS),
	}}
	for _, v := range p.server.Spec.Storage {
		steps = append(steps, p.volume(f, v))
	}
	steps = append(steps, p.plays(f, r)...)
	if p.server.Spec.Application != nil {
		steps = append(steps, p.application(f), p.health())
	}
	return steps
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

func (p *provision) volume(f *run.Frame, v spec.Volume) planned {
	after := []string{stepSystem} // It makes the user that owns the mount point.
	for _, other := range p.server.Spec.Storage {
		if strings.HasPrefix(v.Mount, other.Mount+"/") {
			after = append(after, stepVolume+other.Name)
		}
	}
	return planned{
		Step: run.Step{
			ID: stepVolume + v.Name, Title: "mount volume " + v.Name, After: after, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				h, err := p.host(f)
				if err != nil {
					return run.Result{}, err
				}
				disk, err := run.Output[compute.Disk](f, stepDisk+v.Name)
				if err != nil {
					return run.Result{}, missing(err)
				}
				out, err := guest.MountVolume(ctx, guest.MountVolumeInput{System: p.server.Spec.Access.System, Op: op, Host: h, Request: guest.VolumeRequest{
					Volume: v, DiskUUID: disk.UUID, Bytes: disk.Bytes, DiskKey: disk.Key,
				}})
				line := fmt.Sprintf("%s on %s, file system %s", out.State.Device, out.State.Mount, out.State.FilesystemUUID)
				return run.Result{Output: out.State, Lines: []string{line}}, err
			},
		},
		action: wire.Create, object: v.Filesystem + " on disk " + v.Name, detail: []string{"mounted at " + v.Mount},
	}
}

func (p *provision) application(f *run.Frame) planned {
	a := *p.server.Spec.Application
	after := []string{stepSystem}
	for _, v := range p.server.Spec.Storage {
		after = append(after, stepVolume+v.Name)
	}
	after = append(after, p.played()...)
	return planned{
		Step: run.Step{
			ID: stepApplication, Title: "install the application", After: after, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				h, err := p.host(f)
				if err != nil {
					return run.Result{}, err
				}
				files, err := p.rendered(p.pinned(a.Config))
				if err != nil {
					return run.Result{}, invalid("rendering the configuration", err)
				}
				out, err := guest.InstallApplication(ctx, guest.InstallApplicationInput{System: p.server.Spec.Access.System, Op: op, Host: h, Request: guest.ApplicationRequest{
					Application: a, Files: files,
				}})
				return run.Result{Output: out.Changes, Lines: out.Changes}, err
			},
		},
		action: wire.Create, object: source(a), detail: applicationDetail(a),
	}
}

func (p *provision) rendered(files []spec.File) ([]spec.File, error) {
	out := make([]spec.File, 0, len(files))
	for _, f := range files {
		if f.Secret == "" {
			content, err := p.server.RenderConfig(f)
			if err != nil {
				return nil, err
			}
			f.Content = content
		}
		out = append(out, f)
	}
	return out, nil
}

func source(a spec.Application) string {
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

func (p *provision) health() planned {
	h := p.server.Spec.Application.Health
	request := p.healthRequest()
	return planned{
		Step: run.Step{
			ID: stepHealth, Title: "ask the application for its health", After: []string{stepApplication}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				return ask(ctx, h.System, request)
			},
		},
		action: wire.Observe, object: request.URL, detail: []string{fmt.Sprintf("answers %d", h.Status)},
	}
}

// healthRequest asks the application on the server itself.
func (p *provision) healthRequest() probe.Request {
	h := p.server.Spec.Application.Health
	return probe.Request{URL: "http://" + joined(p.address(), h.Port) + h.Path, Status: h.Status, Contains: h.Contains}
}
