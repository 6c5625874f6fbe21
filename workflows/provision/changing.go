package provision

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps of a change that a provision has not. They stand in keys of objects in the field: never rename one.
const (
	stepPaper    = "paper"
	stepPackages = "packages"
	stepFiles    = "files"
	stepServices = "services"
	stepGrow     = "grow/" // And the volume's name.
	stepAside    = "aside"
	stepResize   = "resize"
	stepMember   = "member"
)

// verifyFor is how long an application may take to answer after it was changed: it is out of its pool meanwhile.
const verifyFor = 5 * time.Minute

// all lists the steps of a change, one after the other: it works on a server that is in service.
func (p *change) all(f *run.Frame, d difference) []runbook.Planned {
	var steps []runbook.Planned
	if !d.empty() {
		steps = slices.Concat(
			p.reach(d), p.settings(f, d), p.fileStep(f, d), p.serviceStep(f, d), p.growing(f, d), p.adding(f, d),
			p.aside(d), p.resize(f, d), p.replay(f, d), p.healthAgain(d), p.publishing(d), p.exchanges(d), p.memberStep(d), p.update(f, d),
			p.backInService(d), p.withdrawing(d), p.listing(f, d),
		)
	}
	if len(d.Paper) > 0 {
		steps = append(steps, p.paper(d))
	}
	if len(steps) == 0 {
		return nil // Nothing to change.
	}
	return chained(slices.Concat(p.desk(f).Open(stepAddress), steps, p.desk(f).Close(everyStepBefore(p.asked.server))))
}

// chained has each step wait for the one before it.
func chained(steps []runbook.Planned) []runbook.Planned {
	for i := range steps {
		steps[i].After = nil
		if i > 0 {
			steps[i].After = []string{steps[i-1].ID}
		}
	}
	return steps
}

// paper is what the record says anew; people approve that too, as later runs go by it.
func (p *change) paper(d difference) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: stepPaper, Title: "record the new spec", Reversal: run.Nothing,
			Do: func(workflow.Context, operation.Op) (run.Result, error) {
				return run.Result{Lines: []string{"this run's record holds it"}}, nil
			},
		},
		Action: wire.Change, Object: "spec of " + string(p.Owner()), Detail: d.Paper,
	}
}

// reach reads the guest's host keys from the platform, which every step inside needs.
func (p *change) reach(d difference) []runbook.Planned {
	s := p.asked.server.Spec
	return []runbook.Planned{{
		Step: run.Step{
			ID: runbook.StepReach, Title: "log in to the guest", Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				machine, err := p.machine(ctx, d)
				if err != nil {
					return run.Result{}, err
				}
				_, err = guest.Reach(ctx, guest.ReachInput{System: s.Access.System, Host: p.asked.hostOf(machine)})
				return run.Result{Output: machine, Lines: []string{"host key verified"}}, err
			},
		},
		Action: wire.Observe, Object: s.Access.User + "@" + p.asked.address(),
	}}
}

// machine is the machine that the plan found.
func (p *change) machine(ctx workflow.Context, d difference) (compute.Machine, error) {
	found, err := compute.FindVMs(ctx, compute.FindVMsInput{System: p.asked.server.Spec.Compute.System, Owner: p.Owner()})
	if err != nil {
		return compute.Machine{}, err
	}
	for _, m := range found.Machines {
		if m.ID == d.Machine.ID {
			return m, nil
		}
	}
	return compute.Machine{}, runbook.Gone("machine " + d.Machine.Name + " (" + d.Machine.ID + ")")
}

func (p *change) host(f *run.Frame) (guest.Host, error) {
	machine, err := run.Output[compute.Machine](f, runbook.StepReach)
	if err != nil {
		return guest.Host{}, runbook.Missing(err)
	}
	return p.asked.hostOf(machine), nil
}

// changeSystem has settings made in the guest.
func (p *change) changeSystem(f *run.Frame, settings spec.OS) func(workflow.Context, operation.Op) (run.Result, error) {
	return func(ctx workflow.Context, op operation.Op) (run.Result, error) {
		h, err := p.host(f)
		if err != nil {
			return run.Result{}, err
		}
		settings.Files = p.asked.pins.Files(settings.Files)
		out, err := guest.ChangeSystem(ctx, guest.ChangeSystemInput{
			System: p.asked.server.Spec.Access.System, Op: op, Host: h, Request: guest.SystemRequest{OS: settings},
		})
		return run.Result{Output: out.Changes, Lines: out.Changes}, err
	}
}

// settings installs packages and makes users, which nothing takes back, and sets the time zone.
func (p *change) settings(f *run.Frame, d difference) []runbook.Planned {
	if len(d.Packages)+len(d.Users) == 0 && d.Timezone == nil {
		return nil
	}
	asked := p.asked.server.Spec.OS
	settings := spec.OS{}
	var detail []string
	for _, name := range d.Packages {
		settings.Packages = append(settings.Packages, name.Name)
		detail = append(detail, "package "+name.text())
	}
	for _, u := range asked.Users {
		if slices.Contains(d.Users, u.Name) {
			settings.Users = append(settings.Users, u)
			detail = append(detail, "user "+u.Name)
		}
	}
	if d.Timezone != nil {
		settings.Timezone = d.Timezone.Is
		detail = append(detail, d.Timezone.text())
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepPackages, Title: "configure the operating system", Reversal: run.Irreversible, Do: p.changeSystem(f, settings),
			Undo: func(ctx workflow.Context, _ operation.Op) error { return p.settingsLeft(ctx, f, d) },
		},
		Action: wire.Change, Object: "guest " + p.asked.server.Metadata.Name, Detail: detail,
	}}
}

// settingsLeft looks what of the settings was made: only that is left behind.
func (p *change) settingsLeft(ctx workflow.Context, f *run.Frame, d difference) error {
	h, err := p.host(f)
	if err != nil {
		return nil //nolint:nilerr // The guest was never reached.
	}
	out, err := guest.Inspect(ctx, guest.InspectInput{System: p.asked.server.Spec.Access.System, Host: h, Request: guest.InspectRequest{
		OS: spec.OS{Packages: p.asked.server.Spec.OS.Packages, Users: p.asked.server.Spec.OS.Users, Timezone: p.asked.server.Spec.OS.Timezone},
	}})
	if err != nil {
		return err
	}
	var left []string
	for _, name := range d.Packages {
		if now := out.Inspection.Packages[packageName(name.Name)]; orNone(now) != name.Was {
			left = append(left, "package "+packageName(name.Name)+" "+now)
		}
	}
	for _, u := range d.Users {
		if slices.Contains(out.Inspection.Users, u) {
			left = append(left, "user "+u)
		}
	}
	if d.Timezone != nil && out.Inspection.Timezone != d.Timezone.Was {
		left = append(left, "time zone "+out.Inspection.Timezone)
	}
	return remains(left)
}

func (v pair) text() string { return v.Name + ": " + v.Was + " -> " + v.Is }

func texts(pairs []pair) (lines []string) {
	for _, v := range pairs {
		lines = append(lines, v.text())
	}
	return lines
}

// fileStep writes files; an image of those before is kept in the guest.
func (p *change) fileStep(f *run.Frame, d difference) []runbook.Planned {
	if len(d.Files) == 0 {
		return nil
	}
	var files []spec.File
	for _, file := range p.asked.server.Spec.OS.Files {
		if slices.ContainsFunc(d.Files, func(v pair) bool { return v.Name == file.Path }) {
			files = append(files, file)
		}
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepFiles, Title: "write files", Reversal: run.Reversible, Do: p.changeSystem(f, spec.OS{Files: files}),
			Undo: func(ctx workflow.Context, op operation.Op) error {
				return p.restore(ctx, f, op, guest.ImageRequest{Files: p.asked.pins.Files(files)})
			},
		},
		Action: wire.Change, Object: fmt.Sprintf("%d files", len(files)), Detail: texts(d.Files),
	}}
}

// restore puts back what the guest's image of before holds.
func (p *change) restore(ctx workflow.Context, f *run.Frame, op operation.Op, image guest.ImageRequest) error {
	h, err := p.host(f)
	if err != nil {
		return nil //nolint:nilerr // The guest was never reached.
	}
	_, err = guest.RestoreImage(ctx, guest.RestoreImageInput{System: p.asked.server.Spec.Access.System, Op: op, Host: h, Image: image})
	return err
}

func (p *change) serviceStep(f *run.Frame, d difference) []runbook.Planned {
	if len(d.Services) == 0 {
		return nil
	}
	var wanted, before []spec.Service
	var detail []string
	for _, s := range d.Services {
		wanted, before = append(wanted, serviceOf(s.Name, s.Is)), append(before, serviceOf(s.Name, s.Was))
		detail = append(detail, s.Name+": "+serviceText(s.Was)+" -> "+serviceText(s.Is))
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepServices, Title: "set services", Reversal: run.Reversible, Do: p.changeSystem(f, spec.OS{Services: wanted}),
			Undo: func(ctx workflow.Context, op operation.Op) error {
				if _, err := p.host(f); err != nil {
					return nil //nolint:nilerr // The guest was never reached.
				}
				_, err := p.changeSystem(f, spec.OS{Services: before})(ctx, op)
				return err
			},
		},
		Action: wire.Change, Object: fmt.Sprintf("%d services", len(wanted)), Detail: detail,
	}}
}

func serviceOf(name string, s guest.ServiceState) spec.Service {
	state := spec.StateStopped
	if s.Running {
		state = spec.StateRunning
	}
	enabled := s.Enabled
	return spec.Service{Name: name, Enabled: &enabled, State: state}
}

func serviceText(s guest.ServiceState) string {
	words := []string{"disabled", "stopped"}
	if s.Enabled {
		words[0] = "enabled"
	}
	if s.Running {
		words[1] = "running"
	}
	return strings.Join(words, ", ")
}

// healthAgain asks whether the application came through what may have interrupted it. Its update asks by itself.
func (p *change) healthAgain(d difference) []runbook.Planned {
	if p.asked.server.Spec.Application == nil || d.App != nil || !d.plays() && (d.Size == nil || !d.Size.Restarts) {
		return nil
	}
	health := p.asked.health()
	health.Do = func(ctx workflow.Context, _ operation.Op) (run.Result, error) { return healthy(ctx, p.asked) }
	return []runbook.Planned{health}
}

// healthy asks the application for its health, for as long as it may take to come up.
func healthy(ctx workflow.Context, server *provision) (run.Result, error) {
	a := server.server.Spec.Application
	if a == nil {
		return run.Result{}, nil
	}
	return runbook.Ask(verifying(ctx), a.Health.System, server.healthRequest())
}

// verifying bounds how long is asked until it counts that nothing answers.
func verifying(ctx workflow.Context) workflow.Context {
	route := operation.RouteOf(ctx)
	route.RetryFor = min(route.RetryFor, verifyFor)
	return operation.WithRoute(ctx, route)
}
