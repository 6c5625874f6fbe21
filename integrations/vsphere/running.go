package vsphere

import (
	"context"
	"errors"
	"strings"
	"time"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// EnsureRunning powers the machine on and waits for its address and host keys.
func (d *Driver) EnsureRunning(ctx context.Context, op operation.Op, machineID string, p operation.Progress) (compute.Machine, error) {
	if err := d.attach(ctx, p); err != nil {
		return compute.Machine{}, err
	}
	m, err := d.mustOwn(ctx, machineID, op.Owner)
	if err != nil {
		return compute.Machine{}, err
	}
	if err := d.powerOn(ctx, m, p); err != nil {
		return compute.Machine{}, err
	}
	// Without cloud-init nobody publishes host keys unless the template does; a host CA stands in for them.
	return d.guestUp(ctx, m, m.extra[customizationOption] != spec.VMware, p)
}

func (d *Driver) powerOn(ctx context.Context, m *vm, p operation.Progress) error {
	if m.on() {
		return nil
	}
	client, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	_, err = d.run(ctx, p, "powering on machine "+m.Name, func(ctx context.Context) (types.ManagedObjectReference, error) {
		return taskOf(object.NewVirtualMachine(client, m.Self).PowerOn(ctx))
	})
	if state, ok := as[*types.InvalidPowerState](err); ok && state.ExistingState == types.VirtualMachinePowerStatePoweredOn {
		return nil // Another attempt was faster.
	}
	return err
}

// guestUp waits until the guest reports an address, and host keys if they are needed.
func (d *Driver) guestUp(ctx context.Context, m *vm, needKeys bool, p operation.Progress) (compute.Machine, error) {
	limit := time.Duration(d.config.Wait.Address)
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p.Say("waiting for the guest of " + m.Name)
	up := newVM(m.VirtualMachine)
	lacking := up.lacking(needKeys)
	watched := []string{"runtime.powerState", "guest.ipAddress", "guest.net", "config.extraConfig"}
	err := d.watch(waiting, m.Self, watched, func(changes []types.PropertyChange) bool {
		up.take(changes)
		if now := up.lacking(needKeys); now != lacking {
			lacking = now
			if now != "" {
				p.Say("waiting for the guest of " + m.Name + ": " + now + " is missing")
			}
		}
		return lacking == "" || up.off()
	})
	switch {
	case err == nil && lacking == "":
		if m, err = d.read(ctx, m.Self); err != nil {
			return compute.Machine{}, err
		}
		if m == nil {
			return compute.Machine{}, fault.New(fault.NotFound, "waiting for a guest: its machine was removed")
		}
		return m.machine(), nil
	case err == nil:
		return compute.Machine{}, fault.New(fault.Unavailable, "machine %q was powered off while its guest started", m.Name)
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return compute.Machine{}, fault.New(fault.Unavailable, "machine %q is on, but after %s the guest has not reported %s: %s",
			m.Name, limit, lacking, lookAt(lacking))
	}
	return compute.Machine{}, reading(err, "waiting for the guest of "+m.Name)
}

const (
	anAddress   = "an address"
	itsHostKeys = "its SSH host keys"
)

// lacking names what the guest has not reported yet; "": nothing.
func (m *vm) lacking(needKeys bool) string {
	var missing []string
	if len(m.addresses()) == 0 {
		missing = append(missing, anAddress)
	}
	if needKeys && len(hostKeys(m.extra[hostKeysInfo])) == 0 {
		missing = append(missing, itsHostKeys)
	}
	return strings.Join(missing, " and ")
}

func lookAt(lacking string) string {
	if lacking == itsHostKeys {
		return "does the template have cloud-init with the VMware data source, and vmware-rpctool?"
	}
	return "do VMware Tools (open-vm-tools) run in the guest, and is its network right?"
}

// take applies changed properties to what is known of the machine.
func (m *vm) take(changes []types.PropertyChange) {
	if m.Guest == nil {
		m.Guest = &types.GuestInfo{}
	}
	for _, change := range changes {
		switch value := change.Val.(type) {
		case types.VirtualMachinePowerState:
			m.Runtime.PowerState = value
		case string:
			if change.Name == "guest.ipAddress" {
				m.Guest.IpAddress = value
			}
		case types.ArrayOfGuestNicInfo:
			m.Guest.Net = value.GuestNicInfo
		case types.ArrayOfOptionValue:
			for _, option := range value.OptionValue {
				if text, ok := option.GetOptionValue().Value.(string); ok {
					m.extra[option.GetOptionValue().Key] = text
				}
			}
		case nil:
			m.forget(change.Name)
		}
	}
}

// forget: a property without a value is one that the guest took back.
func (m *vm) forget(name string) {
	switch name {
	case "guest.ipAddress":
		m.Guest.IpAddress = ""
	case "guest.net":
		m.Guest.Net = nil
	}
}
