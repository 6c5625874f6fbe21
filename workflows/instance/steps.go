package instance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/cloud"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of steps. They stand in keys of objects in the field: never rename one.
const (
	stepGroup  = "group"
	stepDeploy = "deploy"
	stepDisk   = "disk/" // And the volume's name.
	stepPublic = "public"
	stepItem   = "item"
)

// Steps returns the steps of the approved plan.
func (p *instance) Steps(f *run.Frame) ([]run.Step, error) {
	var r resolved
	if err := json.Unmarshal(f.Plan().Plan.Resolved, &r); err != nil {
		return nil, fmt.Errorf("reading what the plan resolved: %w", err)
	}
	p.pins, p.planned = f.Plan().Plan.Secrets, true
	return runbook.Bare(p.all(f, r)), nil
}

// all lists the steps in the order of the runbook. A step that the spec does not ask for is not there.
func (p *instance) all(f *run.Frame, r resolved) []runbook.Planned {
	steps := slices.Concat(
		p.desk(f).Open(), p.machine(f, r), p.inside(f), p.localAccounts(f), p.database(f, r), p.application(f), p.paths(f),
		p.health(f), p.directoryAccounts(), p.register(f, r), p.expiries(f),
	)
	return runbook.Linked(append(steps, p.desk(f).Close(idsOf(steps))...))
}

func idsOf(steps []runbook.Planned) []string {
	ids := make([]string, len(steps))
	for i, s := range steps {
		ids[i] = s.ID
	}
	return ids
}

// machine makes the instance, with what belongs to it in the cloud.
func (p *instance) machine(f *run.Frame, r resolved) []runbook.Planned {
	c, name := p.spec.Spec.Cloud, p.spec.Metadata.Name
	address := "an address that the cloud chooses"
	if c.Address != "" {
		address = "address " + c.Address
	}
	steps := []runbook.Planned{{
		Step: run.Step{
			ID: stepGroup, Title: "make the security group", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				out, err := cloud.MakeGroup(ctx, cloud.MakeGroupInput{System: c.System, Op: op, Name: name})
				return run.Result{Output: out.Group, Lines: []string{"group " + out.Group.ID}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := cloud.RemoveGroup(ctx, cloud.RemoveGroupInput{System: c.System, Op: op})
				return err
			},
		},
		Action: wire.Create, Object: "security group " + name, Detail: []string{"lets nothing in that no rule allows"},
	}, {
		Step: run.Step{
			ID: stepDeploy, Title: "start the instance", After: []string{stepGroup}, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) { return p.deploy(ctx, f, r, op) },
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := cloud.RemoveInstance(ctx, cloud.RemoveInstanceInput{System: c.System, Op: op})
				return err
			},
		},
		Action: wire.Create, Object: "instance " + name,
		Detail: []string{
			"from image " + r.Placement.Image.Name + " (" + r.Placement.Image.ID + ")",
			fmt.Sprintf("flavour %s: %d CPUs, %s memory", r.Placement.Flavor.Name, r.CPUs, spec.Size(r.MemoryBytes)),
			"network " + r.Placement.Network.Name + ", " + address,
		},
	}}
	before := stepDeploy
	for _, v := range p.volumes() {
		steps = append(steps, p.disk(f, r, v, before))
		before = stepDisk + v.Name
	}
	if c.Public != "" {
		steps = append(steps, p.public(f, r))
	}
	return steps
}

func (p *instance) deploy(ctx workflow.Context, f *run.Frame, r resolved, op operation.Op) (run.Result, error) {
	group, err := run.Output[cloud.Group](f, stepGroup)
	if err != nil {
		return run.Result{}, runbook.Missing(err)
	}
	c, name := p.spec.Spec.Cloud, p.spec.Metadata.Name
	set := map[string]any{"hostname": name}
	if c.Domain != "" {
		set["fqdn"] = name + "." + c.Domain
	}
	userData, err := spec.CloudConfig(p.spec.Spec.Access.UserData, p.spec.Spec.Access.User, r.AuthorizedKey, set)
	if err != nil {
		return run.Result{}, runbook.Invalid("writing the user data", err)
	}
	out, err := cloud.MakeInstance(ctx, cloud.MakeInstanceInput{System: c.System, Op: op, Request: cloud.Request{
		Name: name, Placement: r.Placement, Address: c.Address, GroupID: group.ID, UserData: string(userData), Tags: c.Tags,
	}})
	return run.Result{Output: out.Instance, Lines: []string{
		"instance " + out.Instance.ID, "address " + strings.Join(out.Instance.Addresses, ", "),
		fmt.Sprintf("%d host keys read from the console", len(out.Instance.HostKeys)),
	}}, err
}

// made returns the instance that this run made.
func made(f *run.Frame) (cloud.Instance, error) {
	m, err := run.Output[cloud.Instance](f, stepDeploy)
	if err == nil && len(m.Addresses) == 0 {
		err = fmt.Errorf("the instance has no address")
	}
	return m, err
}

// disk adds one volume. They are added one after the other, so that a guest sees them in their order.
func (p *instance) disk(f *run.Frame, r resolved, v cloud.Volume, after string) runbook.Planned {
	system := p.spec.Spec.Cloud.System
	return runbook.Planned{
		Step: run.Step{
			ID: stepDisk + v.Name, Title: "add volume " + v.Name, After: []string{after}, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				m, err := made(f)
				if err != nil {
					return run.Result{}, runbook.Missing(err)
				}
				out, err := cloud.AddVolume(ctx, cloud.AddVolumeInput{System: system, Op: op, InstanceID: m.ID, Volume: v, Zone: r.Placement.Zone})
				return run.Result{Output: out.Disk, Lines: []string{"volume " + out.Disk.ID}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := cloud.RemoveVolume(ctx, cloud.RemoveVolumeInput{System: system, Op: op})
				return err
			},
		},
		Action: wire.Create, Object: "volume " + v.Name, Detail: []string{strings.TrimSpace(spec.Size(v.Bytes).String() + " " + v.Type)},
	}
}

func (p *instance) public(f *run.Frame, r resolved) runbook.Planned {
	system := p.spec.Spec.Cloud.System
	return runbook.Planned{
		Step: run.Step{
			ID: stepPublic, Title: "take a public address", After: []string{stepDeploy}, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				m, err := made(f)
				if err != nil {
					return run.Result{}, runbook.Missing(err)
				}
				out, err := cloud.TakeAddress(ctx, cloud.TakeAddressInput{System: system, Op: op, InstanceID: m.ID, Pool: r.Placement.Public})
				return run.Result{Output: out.Address, Lines: []string{"public address " + out.Address.Address}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := cloud.GiveBackAddress(ctx, cloud.GiveBackAddressInput{System: system, Op: op})
				return err
			},
		},
		Action: wire.Create, Object: "public address", Detail: []string{"from " + r.Placement.Public.Name},
	}
}

func (p *instance) guest(f *run.Frame) runbook.Guest {
	return runbook.Guest{
		Name: p.spec.Metadata.Name, Domain: p.spec.Spec.Cloud.Domain, Access: p.spec.Spec.Access, Pinned: p.pins.Files,
		Host: func() (guest.Host, error) {
			m, err := made(f)
			if err != nil {
				return guest.Host{}, runbook.Missing(err)
			}
			return hostOf(p.spec, m), nil
		},
	}
}

func hostOf(s *spec.Instance, m cloud.Instance) guest.Host {
	a := s.Spec.Access
	h := guest.Host{Name: s.Metadata.Name, Port: a.Port, User: a.User, Keys: m.HostKeys}
	if len(m.Addresses) > 0 {
		h.Address = m.Addresses[0]
	}
	return h
}

// inside are the steps in the guest. They go with the instance, which this run made.
func (p *instance) inside(f *run.Frame) []runbook.Planned {
	g := p.guest(f)
	ready := []string{stepDeploy}
	for _, v := range p.spec.Spec.Storage {
		ready = append(ready, stepDisk+v.Name)
	}
	steps := []runbook.Planned{g.Reach(p.spec.Metadata.Name, ready...), g.System(p.spec.Spec.OS)}
	for _, v := range p.spec.Volumes() {
		steps = append(steps, g.Volume(v, p.spec.Volumes(), func() (runbook.Disk, error) {
			disk, err := run.Output[cloud.Disk](f, stepDisk+v.Name)
			return runbook.Disk{UUID: disk.Serial, Bytes: disk.Bytes, Key: disk.Key}, err
		}))
	}
	return steps
}

// application installs the application once it can reach its data: volumes are mounted, and the database was proven.
func (p *instance) application(f *run.Frame) []runbook.Planned {
	a := p.spec.Spec.Application
	if a == nil {
		return nil
	}
	after := []string{runbook.StepSystem, stepProve}
	for _, v := range p.spec.Spec.Storage {
		after = append(after, runbook.StepVolume+v.Name)
	}
	return []runbook.Planned{p.guest(f).Application(*a, func(files []spec.File) ([]spec.File, error) { return p.rendered(f, files) }, after)}
}

// rendered gives the files of the application the values that are known once the instance is there.
func (p *instance) rendered(f *run.Frame, files []spec.File) ([]spec.File, error) {
	m, err := made(f)
	if err != nil {
		return nil, err
	}
	out := make([]spec.File, 0, len(files))
	for _, file := range files {
		if file.Secret == "" {
			if file.Content, err = p.spec.RenderConfig(file, m.Addresses[0]); err != nil {
				return nil, err
			}
		}
		out = append(out, file)
	}
	return out, nil
}

// paths opens the firewalls, the cloud's own security group among them: only once all behind them is ready.
func (p *instance) paths(f *run.Frame) []runbook.Planned {
	shown := p.spec.Spec.Cloud.Address
	if shown == "" {
		shown = "the instance"
	}
	address := func() (string, error) {
		m, err := made(f)
		if err != nil {
			return "", err
		}
		return m.Addresses[0], nil
	}
	var steps []runbook.Planned
	for _, device := range runbook.Firewalls(p.spec.Spec.Firewall) {
		steps = append(steps, runbook.OpenFirewall(device, p.spec.Spec.Firewall, shown, address, p.inner()))
	}
	return steps
}

// inner are the steps that must be done before anybody is let near the instance.
func (p *instance) inner() []string {
	after := []string{runbook.StepApplication, runbook.StepSystem, stepProve}
	for _, v := range p.spec.Spec.Storage {
		after = append(after, runbook.StepVolume+v.Name)
	}
	for _, a := range p.spec.Spec.Accounts.Local {
		after = append(after, stepAccount+a.Name)
	}
	return after
}

// health asks the application as its users will: through the firewalls.
func (p *instance) health(f *run.Frame) []runbook.Planned {
	a := p.spec.Spec.Application
	if a == nil {
		return nil
	}
	h, after := a.Health, []string{runbook.StepApplication}
	for _, device := range runbook.Firewalls(p.spec.Spec.Firewall) {
		after = append(after, runbook.FirewallStep(device))
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: runbook.StepHealth, Title: "ask the application for its health", After: after, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				m, err := made(f)
				if err != nil {
					return run.Result{}, runbook.Missing(err)
				}
				return runbook.Ask(ctx, h.System, probe.Request{
					URL: "http://" + runbook.Joined(m.Addresses[0], h.Port) + h.Path, Status: h.Status, Contains: h.Contains,
				})
			},
		},
		Action: wire.Observe, Object: fmt.Sprintf("port %d, %s", h.Port, h.Path), Detail: []string{fmt.Sprintf("answers %d", h.Status)},
	}}
}
