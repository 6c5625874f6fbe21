package provision

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/guest"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/reservation"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of steps. They stand in keys of objects in the field: never rename one.
const (
	stepAddress = "address"
	stepDeploy  = "deploy"
	stepDisk    = "disk/" // And the volume's name.
	stepStart   = "start"
	stepPool    = "pool"
	stepReady   = "ready"
	stepVerify  = "verify"
)

// Steps returns the steps of the approved plan.
func (p *provision) Steps(f *run.Frame) ([]run.Step, error) {
	var r resolved
	if err := json.Unmarshal(f.Plan().Plan.Resolved, &r); err != nil {
		return nil, fmt.Errorf("reading what the plan resolved: %w", err)
	}
	if r.Network != nil {
		p.settle(*r.Network)
	}
	p.pins, p.planned = f.Plan().Plan.Secrets, true
	return runbook.Bare(p.all(f, r)), nil
}

// changes is what the plan shows of the steps.
func (p *provision) changes(r resolved) []wire.PlannedChange { return runbook.Shown(p.all(nil, r)) }

// all lists the steps in the order of the runbook. A step that the spec does not ask for is not there.
func (p *provision) all(f *run.Frame, r resolved) []runbook.Planned {
	s := p.server.Spec
	steps := slices.Concat(p.reserve(), p.desk(f).Open(stepAddress), p.machine(f, r), p.inside(f, r))
	steps = append(steps, p.names()...)
	steps = append(steps, p.paths()...)
	if s.LoadBalancer != nil {
		steps = append(steps, p.service()...)
	}
	steps = append(steps, p.register(f, r)...)
	steps = append(steps, p.desk(f).Close(everyStepBefore(p.server))...)
	return runbook.Linked(steps)
}

// reserve keeps the address from any other run until this one ends. From the deployment on the machine holds it.
func (p *provision) reserve() []runbook.Planned {
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepAddress, Title: "reserve the address", Early: true, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				return run.Result{Lines: []string{p.address()}}, reservation.Take(ctx, p.reservationID(), op)
			},
			Free: func(ctx workflow.Context, op operation.Op) error {
				return reservation.Free(ctx, p.reservationID(), op)
			},
		},
		Action: wire.Use, Object: "address " + p.address(), Detail: p.reservedText(),
	}}
}

func (p *provision) reservationID() string {
	return wire.AddressReservationID(p.server.Metadata.Site, p.address())
}

// machine deploys the machine with its disks and starts it.
func (p *provision) machine(f *run.Frame, r resolved) []runbook.Planned {
	c := p.server.Spec.Compute
	steps := []runbook.Planned{{
		Step: run.Step{
			ID: stepDeploy, Title: "deploy the machine", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				out, err := compute.CloneVM(ctx, compute.CloneVMInput{System: c.System, Op: op, Request: p.request(r)})
				return run.Result{Output: out.Machine, Lines: []string{"instance UUID " + out.Machine.ID}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := compute.RemoveVM(ctx, compute.RemoveVMInput{System: c.System, Op: op})
				return err
			},
		},
		Action: wire.Create, Object: "machine " + p.server.Metadata.Name,
		Detail: []string{
			"from template " + r.Placement.Template.Name + " (" + r.Placement.Template.ID + ")",
			fmt.Sprintf("%d CPUs, %s memory", c.CPUs, c.Memory),
			"folder " + r.Placement.Folder.Name + ", pool " + r.Placement.Pool.Name + ", datastore " + r.Placement.Datastore.Name,
			"network " + r.Placement.Network.Name + ", address " + p.server.Spec.Network.Address + " (" + c.Customization + ")",
		},
	}}
	before := []string{stepDeploy}
	for _, v := range p.server.Spec.Storage {
		steps = append(steps, p.disk(f, r, v, before[len(before)-1]))
		before = append(before, stepDisk+v.Name)
	}
	return append(steps, p.start(f, before))
}

func (p *provision) request(r resolved) compute.Request {
	c, m := p.server.Spec.Compute, p.server.Metadata
	return compute.Request{
		Name: m.Name, Placement: r.Placement, CPUs: c.CPUs, MemoryBytes: int64(c.Memory),
		Customization: c.Customization, Network: p.server.Spec.Network, User: p.server.Spec.Access.User,
		AuthorizedKey: r.AuthorizedKey, UserData: p.server.Spec.Access.UserData, Annotation: c.Annotation, Tags: c.Tags,
	}
}

// disk adds one disk. Disks are added one after the other: a machine takes one change at a time.
func (p *provision) disk(f *run.Frame, r resolved, v spec.Volume, after string) runbook.Planned {
	store, own := r.Placement.Datastores[v.Name]
	if !own {
		store = r.Placement.Datastore
	}
	return runbook.Planned{
		Step: run.Step{
			ID: stepDisk + v.Name, Title: "add disk " + v.Name, After: []string{after}, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				machine, err := run.Output[compute.Machine](f, stepDeploy)
				if err != nil {
					return run.Result{}, runbook.Missing(err)
				}
				out, err := compute.AddDisk(ctx, compute.AddDiskInput{System: p.server.Spec.Compute.System, Op: op, Request: compute.DiskRequest{
					MachineID: machine.ID, Name: v.Name, Bytes: int64(v.Size), Datastore: store,
				}})
				return run.Result{Output: out.Disk, Lines: []string{"disk UUID " + out.Disk.UUID}}, err
			},
		},
		Action: wire.Create, Object: "disk " + v.Name, Detail: []string{v.Size.String() + " on " + store.Name},
	}
}

func (p *provision) start(f *run.Frame, after []string) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: stepStart, Title: "start the machine", After: after, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				machine, err := run.Output[compute.Machine](f, stepDeploy)
				if err != nil {
					return run.Result{}, runbook.Missing(err)
				}
				out, err := compute.StartVM(ctx, compute.StartVMInput{System: p.server.Spec.Compute.System, Op: op, MachineID: machine.ID})
				lines := []string{"address " + strings.Join(out.Machine.Addresses, ", "), fmt.Sprintf("%d host keys read from the platform", len(out.Machine.HostKeys))}
				return run.Result{Output: out.Machine, Lines: lines}, err
			},
		},
		Action: wire.Change, Object: "machine " + p.server.Metadata.Name, Detail: []string{"powered on"},
	}
}

// paths opens the firewalls: one step each, all their rules in one transaction.
func (p *provision) paths() []runbook.Planned {
	var steps []runbook.Planned
	for _, device := range p.firewalls() {
		address := func() (string, error) { return p.address(), nil }
		steps = append(steps, runbook.OpenFirewall(device, p.server.Spec.Firewall, p.address(), address, p.named()))
	}
	return steps
}

// service puts the server into the pool and asks for a page as a user would.
func (p *provision) service() []runbook.Planned {
	lb := p.server.Spec.LoadBalancer
	member := p.pooled()
	object := lb.Backend + "/" + member.Name
	after := p.named()
	for _, device := range p.firewalls() {
		after = append(after, runbook.FirewallStep(device))
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepPool, Title: "add to the pool, in drain", After: after, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				out, err := loadbalancer.AddMember(ctx, loadbalancer.AddMemberInput{System: lb.System, Op: op, Member: member})
				return run.Result{Output: out.Status, Lines: []string{object + " in " + string(out.Status.Runtime)}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := loadbalancer.RemoveMember(ctx, loadbalancer.RemoveMemberInput{System: lb.System, Op: op, Backend: lb.Backend, Name: member.Name})
				return err
			},
		},
		Action: wire.Create, Object: "member " + object, Detail: []string{fmt.Sprintf("%s weight %d", runbook.Joined(member.Address, member.Port), member.Weight)},
	}, {
		Step: run.Step{
			ID: stepReady, Title: "let traffic in", After: []string{stepPool}, Reversal: run.Nothing, // Undone with the member.
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				out, err := loadbalancer.SetMember(ctx, loadbalancer.SetMemberInput{System: lb.System, Op: op, Backend: lb.Backend, Name: member.Name, State: loadbalancer.Ready})
				return run.Result{Output: out.Status, Lines: []string{"the balancer's check: " + out.Status.Check}}, err
			},
		},
		Action: wire.Change, Object: "member " + object, Detail: []string{"ready, once its health check succeeds"},
	}, {
		Step: run.Step{
			ID: stepVerify, Title: "ask as a user would", After: []string{stepReady}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				return runbook.Ask(ctx, lb.VerifySystem, probe.Request{URL: lb.Verify, Contains: lb.VerifyContains})
			},
		},
		Action: wire.Observe, Object: lb.Verify, Detail: []string{"a real request through the balancer is answered"},
	}}
}

func (p *provision) host(f *run.Frame) (guest.Host, error) {
	machine, err := run.Output[compute.Machine](f, stepStart)
	if err != nil {
		return guest.Host{}, runbook.Missing(err)
	}
	return p.hostOf(machine), nil
}
