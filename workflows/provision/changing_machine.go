package provision

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// remains says what nothing takes back; nil for nothing.
func remains(left []string) error {
	if len(left) == 0 {
		return nil
	}
	return temporal.NewNonRetryableApplicationError("irreversible: "+strings.Join(left, ", "), string(fault.Conflict), nil)
}

func sizeText(s compute.Size) string {
	return fmt.Sprintf("%d CPUs, %s", s.CPUs, spec.Size(s.MemoryBytes))
}

// resize gives the machine more CPUs and memory: while it runs where it takes that, else between a shutdown and a start.
func (p *change) resize(f *run.Frame, d difference) []runbook.Planned {
	if d.Size == nil {
		return nil
	}
	how := "while it runs"
	if d.Size.Restarts {
		how = "restarts the machine: it does not take that while it runs"
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepResize, Title: "resize the machine", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				err := p.setSize(ctx, f, d, op, d.Size.Was, d.Size.Is, d.Size.Restarts)
				return run.Result{Lines: []string{sizeText(d.Size.Is)}}, err
			},
			// No machine gives CPUs or memory back while it runs.
			Undo: func(ctx workflow.Context, op operation.Op) error { return p.sizeBack(ctx, f, d, op) },
		},
		Action: wire.Change, Object: "machine " + d.Machine.Name,
		Detail: []string{sizeText(d.Size.Was) + " -> " + sizeText(d.Size.Is), how, "taking it back restarts the machine"},
	}}
}

func (p *change) setSize(ctx workflow.Context, f *run.Frame, d difference, op operation.Op, was, is compute.Size, restart bool) error {
	platform := p.asked.server.Spec.Compute.System
	if restart {
		if _, err := compute.StopVM(ctx, compute.StopVMInput{System: platform, Op: op, MachineID: d.Machine.ID}); err != nil {
			return err
		}
	}
	if _, err := compute.ResizeVM(ctx, compute.ResizeVMInput{System: platform, Op: op, MachineID: d.Machine.ID, Was: was, Size: is}); err != nil || !restart {
		return err
	}
	if _, err := compute.StartVM(ctx, compute.StartVMInput{System: platform, Op: op, MachineID: d.Machine.ID}); err != nil {
		return err
	}
	h, err := p.host(f)
	if err != nil {
		return err
	}
	_, err = guest.Reach(ctx, guest.ReachInput{System: p.asked.server.Spec.Access.System, Host: h})
	return err
}

// sizeBack looks first: a machine that was never resized is not restarted, only started if it was shut down.
func (p *change) sizeBack(ctx workflow.Context, f *run.Frame, d difference, op operation.Op) error {
	machine, err := p.machine(ctx, d)
	if err != nil {
		return err
	}
	now := compute.Size{CPUs: machine.CPUs, MemoryBytes: machine.MemoryBytes}
	if now == d.Size.Was && machine.Power == compute.PoweredOn {
		return nil
	}
	if err := p.standAside(ctx, d, op); err != nil {
		return err
	}
	return p.setSize(ctx, f, d, op, d.Size.Is, d.Size.Was, true)
}

// growing makes disks, and the file systems on them, larger.
func (p *change) growing(f *run.Frame, d difference) (steps []runbook.Planned) {
	for _, g := range d.Grown {
		v := p.volume(g.Volume)
		steps = append(steps, runbook.Planned{
			Step: run.Step{
				ID: stepGrow + g.Volume, Title: "grow volume " + g.Volume, Reversal: run.Irreversible,
				Do:   func(ctx workflow.Context, op operation.Op) (run.Result, error) { return p.grow(ctx, f, d, op, g, v) },
				Undo: func(ctx workflow.Context, _ operation.Op) error { return p.grownLeft(ctx, d, g) },
			},
			Action: wire.Change, Object: "disk " + g.Volume,
			Detail: []string{spec.Size(g.Was).String() + " -> " + spec.Size(g.Is).String(), v.Filesystem + " at " + v.Mount + " grows with it"},
		})
	}
	return steps
}

func (p *change) volume(name string) spec.Volume {
	for _, v := range p.asked.server.Spec.Storage {
		if v.Name == name {
			return v
		}
	}
	return spec.Volume{Name: name}
}

func (p *change) grow(ctx workflow.Context, f *run.Frame, d difference, op operation.Op, g grown, v spec.Volume) (run.Result, error) {
	_, err := compute.GrowDisk(ctx, compute.GrowDiskInput{
		System: p.asked.server.Spec.Compute.System, Op: op, MachineID: d.Machine.ID, Disk: compute.Disk{UUID: g.UUID, Bytes: g.Is},
	})
	if err != nil {
		return run.Result{}, err
	}
	h, err := p.host(f)
	if err != nil {
		return run.Result{}, err
	}
	out, err := guest.GrowVolume(ctx, guest.GrowVolumeInput{
		System: p.asked.server.Spec.Access.System, Op: op, Host: h, Request: guest.GrowRequest{Volume: v, DiskUUID: g.UUID, Bytes: g.Is},
	})
	return run.Result{Output: out.Size, Lines: []string{fmt.Sprintf("disk %s, file system %s", spec.Size(g.Is), gibibytes(out.Size.Filesystem))}}, err
}

// grownLeft looks whether the disk grew.
func (p *change) grownLeft(ctx workflow.Context, d difference, g grown) error {
	machine, err := p.machine(ctx, d)
	if err != nil {
		return err
	}
	for _, disk := range machine.Disks {
		if disk.UUID == g.UUID && disk.Bytes > g.Was {
			return remains([]string{fmt.Sprintf("disk %s has %s", g.Volume, spec.Size(disk.Bytes))})
		}
	}
	return nil
}

// adding adds disks with a file system on each. What is mounted and written to is not taken away again.
func (p *change) adding(f *run.Frame, d difference) (steps []runbook.Planned) {
	for _, a := range d.Added {
		v := p.volume(a.Volume)
		steps = append(steps, runbook.Planned{
			Step: run.Step{
				ID: stepDisk + v.Name, Title: "add disk " + v.Name, Reversal: run.Irreversible,
				Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
					out, err := compute.AddDisk(ctx, compute.AddDiskInput{System: p.asked.server.Spec.Compute.System, Op: op, Request: compute.DiskRequest{
						MachineID: d.Machine.ID, Name: v.Name, Bytes: int64(v.Size), Datastore: a.Datastore,
					}})
					return run.Result{Output: out.Disk, Lines: []string{"disk UUID " + out.Disk.UUID}}, err
				},
				Undo: func(ctx workflow.Context, op operation.Op) error { return p.addedLeft(ctx, d, op, v.Name) },
			},
			Action: wire.Create, Object: "disk " + v.Name, Detail: []string{v.Size.String()},
		}, runbook.Planned{
			Step: run.Step{
				ID: runbook.StepVolume + v.Name, Title: "mount volume " + v.Name, Reversal: run.Nothing, // Left behind with its disk.
				Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) { return p.mount(ctx, f, op, v) },
			},
			Action: wire.Create, Object: v.Filesystem + " on disk " + v.Name, Detail: []string{"mounted at " + v.Mount},
		})
	}
	return steps
}

func (p *change) mount(ctx workflow.Context, f *run.Frame, op operation.Op, v spec.Volume) (run.Result, error) {
	h, err := p.host(f)
	if err != nil {
		return run.Result{}, err
	}
	disk, err := run.Output[compute.Disk](f, stepDisk+v.Name)
	if err != nil {
		return run.Result{}, runbook.Missing(err)
	}
	out, err := guest.MountVolume(ctx, guest.MountVolumeInput{System: p.asked.server.Spec.Access.System, Op: op, Host: h, Request: guest.VolumeRequest{
		Volume: v, DiskUUID: disk.UUID, Bytes: disk.Bytes, DiskKey: disk.Key,
	}})
	return run.Result{Output: out.State, Lines: []string{out.State.Device + " on " + out.State.Mount}}, err
}

// addedLeft looks whether this run's disk is there.
func (p *change) addedLeft(ctx workflow.Context, d difference, op operation.Op, volume string) error {
	machine, err := p.machine(ctx, d)
	if err != nil {
		return err
	}
	for _, disk := range machine.Disks {
		if disk.Name == volume && op.Key.SameRun(disk.Key) {
			return remains([]string{fmt.Sprintf("disk %s (%s) was added", volume, disk.UUID)})
		}
	}
	return nil
}
