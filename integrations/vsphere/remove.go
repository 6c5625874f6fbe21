package vsphere

import (
	"context"

	"fermata/activities/fault"
	"fermata/activities/operation"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// RemoveMachine destroys the machine that carries the key.
func (d *Driver) RemoveMachine(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := d.attach(ctx, p); err != nil {
		return err
	}
	m, err := d.byKey(ctx, op.Key)
	if err == nil && m == nil {
		m, err = d.searchKey(ctx, op.Key)
	}
	if err != nil || m == nil {
		return err
	}
	return d.destroy(ctx, m, p)
}

// Destroy removes a machine of the owner.
func (d *Driver) Destroy(ctx context.Context, op operation.Op, machineID string, p operation.Progress) error {
	if err := d.attach(ctx, p); err != nil {
		return err
	}
	m, err := d.owned(ctx, machineID, op.Owner)
	if err != nil || m == nil {
		return err
	}
	return d.destroy(ctx, m, p)
}

// searchKey looks through all machines: vCenter may have given ours another instance UUID.
func (d *Driver) searchKey(ctx context.Context, key operation.Key) (*vm, error) {
	client, err := d.session.connect(ctx)
	if err != nil {
		return nil, err
	}
	var all []mo.VirtualMachine
	err = d.view(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"},
		[]string{`config.extraConfig["` + keyOption + `"]`}, &all)
	if err != nil {
		return nil, reading(err, "looking for the machine of operation "+key.String())
	}
	for _, each := range all {
		if newVM(each).key() == key.String() {
			return d.read(ctx, each.Self)
		}
	}
	return nil, nil
}

// destroy powers off and destroys. What another attempt did meanwhile is no error.
func (d *Driver) destroy(ctx context.Context, m *vm, p operation.Progress) error {
	if err := d.powerOff(ctx, m, p); err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	client, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	_, err = d.run(ctx, p, "destroying machine "+m.Name, func(ctx context.Context) (types.ManagedObjectReference, error) {
		return taskOf(object.NewVirtualMachine(client, m.Self).Destroy(ctx))
	})
	if err != nil && !is[*types.ManagedObjectNotFound](err) {
		return err
	}
	left, err := d.read(ctx, m.Self)
	if err == nil && left != nil {
		err = fault.New(fault.Ambiguous, "destroying machine %q: it is still there", m.Name)
	}
	return err
}

func (d *Driver) powerOff(ctx context.Context, m *vm, p operation.Progress) error {
	if m.off() {
		return nil
	}
	client, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	_, err = d.run(ctx, p, "powering off machine "+m.Name, func(ctx context.Context) (types.ManagedObjectReference, error) {
		return taskOf(object.NewVirtualMachine(client, m.Self).PowerOff(ctx))
	})
	if state, ok := as[*types.InvalidPowerState](err); ok && state.ExistingState == types.VirtualMachinePowerStatePoweredOff {
		return nil
	}
	return err
}
