package provision

import (
	"fermata/activities/compute"
	"fermata/activities/guest"
	"fermata/activities/probe"
	"fermata/spec"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// inner are the steps inside the machine that must be done before anybody is let near it.
func (p *provision) inner() []string {
	after := []string{runbook.StepHealth, runbook.StepApplication, runbook.StepSystem}
	for _, v := range p.server.Spec.Storage {
		after = append(after, runbook.StepVolume+v.Name)
	}
	return append(after, p.played()...)
}

// inside are the steps in the guest. They go with the machine, which this run made.
func (p *provision) inside(f *run.Frame, r resolved) []runbook.Planned {
	g := p.guest(f)
	steps := []runbook.Planned{g.Reach(p.address(), stepStart), g.System(p.server.Spec.OS)}
	for _, v := range p.server.Spec.Storage {
		steps = append(steps, g.Volume(v, p.server.Spec.Storage, func() (runbook.Disk, error) {
			disk, err := run.Output[compute.Disk](f, stepDisk+v.Name)
			return runbook.Disk{UUID: disk.UUID, Bytes: disk.Bytes, Key: disk.Key}, err
		}))
	}
	steps = append(steps, p.plays(f, r)...)
	if p.server.Spec.Application != nil {
		steps = append(steps, p.application(g), p.health())
	}
	return steps
}

func (p *provision) guest(f *run.Frame) runbook.Guest {
	return runbook.Guest{
		Name: p.server.Metadata.Name, Domain: p.server.Spec.Network.Domain, Access: p.server.Spec.Access,
		Host: func() (guest.Host, error) { return p.host(f) }, Pinned: p.pins.Files,
	}
}

func (p *provision) application(g runbook.Guest) runbook.Planned {
	after := []string{runbook.StepSystem}
	for _, v := range p.server.Spec.Storage {
		after = append(after, runbook.StepVolume+v.Name)
	}
	return g.Application(*p.server.Spec.Application, p.rendered, append(after, p.played()...))
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

func (p *provision) health() runbook.Planned {
	return runbook.Health(p.server.Spec.Application.Health, p.healthRequest())
}

// healthRequest asks the application on the server itself.
func (p *provision) healthRequest() probe.Request {
	h := p.server.Spec.Application.Health
	return probe.Request{URL: "http://" + runbook.Joined(p.address(), h.Port) + h.Path, Status: h.Status, Contains: h.Contains}
}
