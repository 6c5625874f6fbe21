package vsphere

import (
	"context"
	"errors"
	"time"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// Retire shuts the guest down and renames the machine.
func (d *Driver) Retire(ctx context.Context, op operation.Op, machineID, name string, p operation.Progress) (compute.Machine, error) {
	if err := d.attach(ctx, p); err != nil {
		return compute.Machine{}, err
	}
	m, err := d.mustOwn(ctx, machineID, op.Owner)
	if err != nil {
		return compute.Machine{}, err
	}
	if err := d.shutdown(ctx, m, p); err != nil {
		return compute.Machine{}, err
	}
	if err := d.rename(ctx, m, name, p); err != nil {
		return compute.Machine{}, err
	}
	return d.readBack(ctx, m)
}

// Restore renames the machine back, powers it on and waits for its address.
func (d *Driver) Restore(ctx context.Context, op operation.Op, machineID, name string, p operation.Progress) (compute.Machine, error) {
	if err := d.attach(ctx, p); err != nil {
		return compute.Machine{}, err
	}
	m, err := d.mustOwn(ctx, machineID, op.Owner)
	if err != nil {
		return compute.Machine{}, err
	}
	if err := d.rename(ctx, m, name, p); err != nil {
		return compute.Machine{}, err
	}
	if err := d.powerOn(ctx, m, p); err != nil {
		return compute.Machine{}, err
	}
	m.Name = name
	return d.guestUp(ctx, m, false, p)
}

func (d *Driver) readBack(ctx context.Context, m *vm) (compute.Machine, error) {
	now, err := d.read(ctx, m.Self)
	if err != nil {
		return compute.Machine{}, err
	}
	if now == nil {
		return compute.Machine{}, fault.New(fault.NotFound, "reading machine %q back: it was removed", m.Name)
	}
	return now.machine(), nil
}

// shutdown asks the guest, and powers the machine off if the guest does not answer in time.
func (d *Driver) shutdown(ctx context.Context, m *vm, p operation.Progress) error {
	if m.on() {
		if err := stopped(ctx, "shutting down the guest of "+m.Name); err != nil {
			return err
		}
		client, err := d.session.connect(ctx)
		if err != nil {
			return err
		}
		p.Say("shutting down the guest of " + m.Name)
		err = object.NewVirtualMachine(client, m.Self).ShutdownGuest(ctx)
		switch {
		case is[*types.ToolsUnavailable](err), is[*types.InvalidPowerState](err), is[*types.NotSupported](err):
		case err != nil:
			return changing(err, "shutting down the guest of "+m.Name)
		default:
			if err := d.offInTime(ctx, m); err != nil {
				return err
			}
		}
	}
	now, err := d.read(ctx, m.Self)
	if err != nil {
		return err
	}
	if now == nil {
		return fault.New(fault.NotFound, "shutting down machine %q: it was removed", m.Name)
	}
	return d.powerOff(ctx, now, p)
}

// offInTime waits for the machine to be off; that it takes too long is no error.
func (d *Driver) offInTime(ctx context.Context, m *vm) error {
	waiting, cancel := context.WithTimeout(ctx, time.Duration(d.config.Wait.Shutdown))
	defer cancel()
	err := d.watch(waiting, m.Self, []string{"runtime.powerState"}, func(changes []types.PropertyChange) bool {
		m.take(changes)
		return m.off()
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return reading(err, "waiting for machine "+m.Name+" to shut down")
}

func (d *Driver) rename(ctx context.Context, m *vm, name string, p operation.Progress) error {
	if m.Name == name {
		return nil
	}
	client, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	_, err = d.run(ctx, p, "renaming machine "+m.Name+" to "+name, func(ctx context.Context) (types.ManagedObjectReference, error) {
		return taskOf(object.NewVirtualMachine(client, m.Self).Rename(ctx, name))
	})
	if is[*types.DuplicateName](err) {
		return fault.Wrap(fault.Conflict, err, "there is another machine named "+name)
	}
	return err
}
