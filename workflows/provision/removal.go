package provision

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps of a decommission. They stand in keys of objects in the field: never rename one.
const (
	stepDrain   = "drain"
	stepRules   = "rules" // And, for a named firewall, a slash and its name.
	stepRetire  = "retire"
	stepPoolOut = "pool-out"
	stepDestroy = "destroy"
	stepAbsent  = "absent"
)

// all lists the steps of a decommission: out of the pool first, then out of reach, then off; gone only after the grace.
func (p *decommission) all(f *run.Frame, found estate) []runbook.Planned {
	// Switched off, the machine cannot say that the address is its own, and a restore would bring it back.
	steps := append((&provision{server: p.server}).reserve(), p.desk(f).Open(stepAddress)...)
	var outward []string
	if len(found.Members) > 0 {
		steps = append(steps, p.drain(found))
		outward = append(outward, stepDrain)
	}
	for _, device := range runbook.Firewalls(p.server.Spec.Firewall) {
		id := stepRules
		if device != "" {
			id += "/" + device
		}
		s := runbook.CloseFirewall(id, device, found.Rules[device], []string{stepDrain})
		steps = append(steps, s)
		outward = append(outward, s.ID)
	}
	if p.server.Spec.DNS != nil {
		steps = append(steps, p.withdraw(found))
		outward = append(outward, stepNames)
	}
	steps = append(steps, p.retire(found, outward))
	steps = append(steps, runbook.RetireItems(stepItemOut, p.server.Spec.Inventory, found.Items, stepRetire)...)
	steps = append(steps, runbook.Grace(f, "server", found.grace(), stepRetire, stepItemOut))
	if len(found.Members) > 0 {
		steps = append(steps, p.leavePool(found))
	}
	steps = append(steps, p.destroy(found), p.absent(found))
	return runbook.Linked(append(steps, p.desk(f).Close(everyStepBefore(p.server))...))
}

func (p *decommission) drain(found estate) runbook.Planned {
	set := func(ctx workflow.Context, op operation.Op, s loadbalancer.State) error {
		for _, m := range found.Members {
			_, err := loadbalancer.SetMember(ctx, loadbalancer.SetMemberInput{System: p.server.Spec.LoadBalancer.System, Op: op, Backend: m.Backend, Name: m.Name, State: s})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return runbook.Planned{
		Step: run.Step{
			ID: stepDrain, Title: "drain", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				return run.Result{Lines: []string{"no connection is left"}}, set(ctx, op, loadbalancer.Drain)
			},
			Undo: func(ctx workflow.Context, op operation.Op) error { return set(ctx, op, loadbalancer.Ready) },
		},
		Action: wire.Change, Object: members(found), Detail: []string{"no new connections; waits for those in flight"},
	}
}

func members(found estate) string {
	text := "members"
	for _, m := range found.Members {
		text += " " + m.Backend + "/" + m.Name
	}
	return text
}

func (p *decommission) retire(found estate, after []string) runbook.Planned {
	platform := p.server.Spec.Compute.System
	return runbook.Planned{
		Step: run.Step{
			ID: stepRetire, Title: "shut down and rename", After: after, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				var lines []string
				for _, m := range found.Machines {
					out, err := compute.RetireVM(ctx, compute.RetireVMInput{System: platform, Op: op, MachineID: m.ID, Name: m.Name + "-retired"})
					if err != nil {
						return run.Result{}, err
					}
					lines = append(lines, m.Name+" is now "+out.Machine.Name+", "+string(out.Machine.Power))
				}
				return run.Result{Lines: lines}, nil
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				for _, m := range found.Machines {
					if _, err := compute.RestoreVM(ctx, compute.RestoreVMInput{System: platform, Op: op, MachineID: m.ID, Name: m.Name}); err != nil {
						return err
					}
				}
				return nil
			},
		},
		Action: wire.Change, Object: machines(found), Detail: []string{"kept for " + found.grace().String()},
	}
}

func machines(found estate) string {
	text := "machines"
	for _, m := range found.Machines {
		text += " " + m.Name + " (" + m.ID + ")"
	}
	return text
}

func (p *decommission) leavePool(found estate) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: stepPoolOut, Title: "remove from the pool", After: []string{runbook.StepGrace}, Reversal: run.Irreversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				_, err := loadbalancer.RemoveOwned(ctx, loadbalancer.RemoveOwnedInput{System: p.server.Spec.LoadBalancer.System, Op: op})
				return run.Result{}, err
			},
			Undo: func(ctx workflow.Context, _ operation.Op) error { return p.stillInPool(ctx, found) },
		},
		Action: wire.Remove, Object: members(found),
	}
}

func (p *decommission) destroy(found estate) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: stepDestroy, Title: "destroy the machine and its disks", After: []string{runbook.StepGrace, stepPoolOut}, Reversal: run.Irreversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				for _, m := range found.Machines {
					if _, err := compute.DestroyVM(ctx, compute.DestroyVMInput{System: p.server.Spec.Compute.System, Op: op, MachineID: m.ID}); err != nil {
						return run.Result{}, err
					}
				}
				return run.Result{}, nil
			},
			Undo: func(ctx workflow.Context, _ operation.Op) error { return p.stillThere(ctx, found) },
		},
		Action: wire.Remove, Object: machines(found), Detail: []string{"with all data on its disks"},
	}
}

// stillInPool looks what a removal did that may have failed before it did anything: only what is gone is left behind.
func (p *decommission) stillInPool(ctx workflow.Context, found estate) error {
	lb := p.server.Spec.LoadBalancer
	out, err := loadbalancer.FindMembers(ctx, loadbalancer.FindMembersInput{System: lb.System, Owner: p.Owner()})
	if err != nil {
		return err
	}
	for _, m := range found.Members {
		if !slices.ContainsFunc(out.Members, func(s loadbalancer.Status) bool { return s.Backend == m.Backend && s.Name == m.Name }) {
			return runbook.Gone("member " + m.Backend + "/" + m.Name)
		}
	}
	return nil
}

// stillThere looks what a destruction did that may have failed before it did anything.
func (p *decommission) stillThere(ctx workflow.Context, found estate) error {
	out, err := compute.FindVMs(ctx, compute.FindVMsInput{System: p.server.Spec.Compute.System, Owner: p.Owner()})
	if err != nil {
		return err
	}
	for _, m := range found.Machines {
		if !slices.ContainsFunc(out.Machines, func(vm compute.Machine) bool { return vm.ID == m.ID }) {
			return runbook.Gone("machine " + m.Name + " (" + m.ID + ")")
		}
	}
	return nil
}

// absent looks whether anything of the owner is left, and whether anybody still answers at the address.
func (p *decommission) absent(found estate) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: stepAbsent, Title: "look that nothing is left", After: []string{stepDestroy}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				left := estate{Rules: map[string][]firewall.Installed{}}
				for _, o := range runbook.Look(ctx, p.readings(&left)...) {
					if !o.OK {
						return run.Result{}, temporal.NewApplicationError(o.Name+": "+o.Text, string(fault.Unavailable))
					}
				}
				n := len(left.Machines) + len(left.Members) + len(left.Names) + len(left.Items)
				for _, device := range runbook.Firewalls(p.server.Spec.Firewall) {
					n += len(left.Rules[device])
				}
				if n > 0 {
					return run.Result{}, temporal.NewApplicationError(fmt.Sprintf("%d objects of %s are left", n, p.Owner()), string(fault.Conflict))
				}
				return run.Result{Lines: []string{"no machine, rule or pool member of this owner"}}, p.silent(ctx, found)
			},
		},
		Action: wire.Observe, Object: "everything of " + string(p.Owner()),
	}
}

// silent asks at the server's own address: nobody must answer.
func (p *decommission) silent(ctx workflow.Context, found estate) error {
	if err := p.unanswered(ctx, found); err != nil {
		return err
	}
	a := p.server.Spec.Application
	if a == nil {
		return nil
	}
	address := (&provision{server: p.server}).address()
	url := "http://" + runbook.Joined(address, a.Health.Port) + a.Health.Path
	_, err := probe.Get(ctx, probe.GetInput{System: a.Health.System, Request: probe.Request{URL: url, Absent: true}})
	return err
}
