package vsphere

import (
	"context"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

const mib = int64(1) << 20

// EnsureMachine clones the machine, or finishes what an earlier attempt began.
func (d *Driver) EnsureMachine(ctx context.Context, op operation.Op, r compute.Request, p operation.Progress) (compute.Machine, error) {
	if err := checkRequest(op, r); err != nil {
		return compute.Machine{}, err
	}
	for _, tag := range r.Tags { // Before anything is made.
		if _, err := d.tagID(ctx, tag); err != nil {
			return compute.Machine{}, err
		}
	}
	if err := d.attach(ctx, p); err != nil {
		return compute.Machine{}, err
	}
	m, err := d.byKey(ctx, op.Key)
	if err == nil && m == nil {
		m, err = d.clone(ctx, op, r, p)
	}
	if err != nil {
		return compute.Machine{}, err
	}
	return d.complete(ctx, op, r, m, p)
}

func checkRequest(op operation.Op, r compute.Request) error {
	switch {
	case op.Key.Run == "" || op.Owner == "":
		return fault.New(fault.Invalid, "making machine %q: the operation has no key or no owner", r.Name)
	case r.Name == "":
		return fault.New(fault.Invalid, "making a machine: it has no name")
	case r.CPUs < 1:
		return fault.New(fault.Invalid, "making machine %q: expected at least one CPU, found %d", r.Name, r.CPUs)
	case r.MemoryBytes < 4*mib || r.MemoryBytes%(4*mib) != 0:
		return fault.New(fault.Invalid, "making machine %q: expected memory in steps of 4MiB, found %s", r.Name, spec.Size(r.MemoryBytes))
	case r.Customization == spec.CloudInit:
		_, err := guestInfo(op, r, "")
		return err
	case r.Customization == spec.VMware && r.UserData != "":
		return fault.New(fault.Invalid, "making machine %q: customization vmware takes no user data", r.Name)
	case r.Customization == spec.VMware:
		_, err := linuxPrep(r, 1)
		return err
	}
	return fault.New(fault.Invalid, "making machine %q: customization is %s or %s, found %q", r.Name, spec.CloudInit, spec.VMware, r.Customization)
}

// complete brings a machine that carries the key to what was asked for, and reads it back.
func (d *Driver) complete(ctx context.Context, op operation.Op, r compute.Request, m *vm, p operation.Progress) (compute.Machine, error) {
	missing, err := d.missing(ctx, op, r, m)
	if err != nil {
		return compute.Machine{}, err
	}
	if missing != nil {
		if err := d.reconfigure(ctx, m, *missing, p, "configuring machine "+m.Name); err != nil {
			return compute.Machine{}, err
		}
	}
	if err := d.ensureTags(ctx, m.Self, r.Tags); err != nil {
		return compute.Machine{}, err
	}
	if m, err = d.byKey(ctx, op.Key); err != nil {
		return compute.Machine{}, err
	}
	if m == nil {
		return compute.Machine{}, fault.New(fault.Ambiguous, "reading machine %q back: it has gone meanwhile", r.Name)
	}
	if made := m.machine(); made.CPUs == r.CPUs && made.MemoryBytes == r.MemoryBytes {
		return made, nil
	}
	return compute.Machine{}, fault.New(fault.Conflict, "machine %q has %d CPUs and %s, not %d and %s, and it is on: somebody changed it",
		m.Name, m.machine().CPUs, spec.Size(m.machine().MemoryBytes), r.CPUs, spec.Size(r.MemoryBytes))
}

// missing is the change that the machine still needs; nil: none. A clone drops the annotation, and the network setting
// needs the clone's MAC address, so a machine that was just cloned misses both.
func (d *Driver) missing(ctx context.Context, op operation.Op, r compute.Request, m *vm) (*types.VirtualMachineConfigSpec, error) {
	change, needed := types.VirtualMachineConfigSpec{}, false
	if r.Annotation != "" && m.Config.Annotation != r.Annotation {
		change.Annotation, needed = r.Annotation, true
	}
	want := map[string]string{ownerOption: string(op.Owner), customizationOption: r.Customization, enableUUID: "TRUE"}
	if m.off() {
		if err := d.missingWhileOff(ctx, op, r, m, &change, want); err != nil {
			return nil, err
		}
	}
	for key, value := range want {
		if m.extra[key] != value {
			change.ExtraConfig = append(change.ExtraConfig, &types.OptionValue{Key: key, Value: value})
		}
	}
	needed = needed || change.NumCPUs != 0 || change.MemoryMB != 0 || len(change.DeviceChange) > 0 || len(change.ExtraConfig) > 0
	if !needed {
		return nil, nil
	}
	return &change, nil
}

func (d *Driver) missingWhileOff(ctx context.Context, op operation.Op, r compute.Request, m *vm, change *types.VirtualMachineConfigSpec, want map[string]string) error {
	if int(m.Config.Hardware.NumCPU) != r.CPUs {
		change.NumCPUs = int32(r.CPUs) //nolint:gosec // vCenter refuses what is too large.
	}
	if int64(m.Config.Hardware.MemoryMB) != r.MemoryBytes/mib {
		change.MemoryMB = r.MemoryBytes / mib
	}
	adapter, err := d.adapterChange(ctx, m, r.Placement.Network)
	if err != nil {
		return err
	}
	if adapter != nil {
		change.DeviceChange = append(change.DeviceChange, adapter)
	}
	if r.Customization != spec.CloudInit {
		return nil
	}
	mac := ""
	if card := m.adapter(); card != nil {
		mac = card.GetVirtualEthernetCard().MacAddress
	}
	info, err := guestInfo(op, r, mac)
	for key, value := range info {
		want[key] = value
	}
	return err
}

// adapterChange connects the machine's first adapter to the planned network; nil: it is connected.
func (d *Driver) adapterChange(ctx context.Context, m *vm, network compute.Ref) (types.BaseVirtualDeviceConfigSpec, error) {
	placed, err := d.placed(ctx, "network", network)
	if err != nil {
		return nil, err
	}
	client, err := d.session.connect(ctx)
	if err != nil {
		return nil, err
	}
	reference, ok := object.NewReference(client, placed.ref).(object.NetworkReference)
	if !ok {
		return nil, fault.New(fault.Invalid, "%s %q is no network", placed.ref.Type, placed.name)
	}
	backing, err := reference.EthernetCardBackingInfo(ctx)
	if err != nil {
		return nil, reading(err, "reading network "+placed.name)
	}
	if nameless(backing) {
		return nil, fault.New(fault.Unavailable, "reading network %s: vCenter did not tell its name", placed.name)
	}
	card := m.adapter()
	if card == nil {
		added := &types.VirtualVmxnet3{}
		added.Key, added.Backing, added.AddressType = -1, backing, string(types.VirtualEthernetCardMacTypeGenerated)
		return &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: added}, nil
	}
	if sameNetwork(card.GetVirtualEthernetCard().Backing, backing) {
		return nil, nil
	}
	card.GetVirtualEthernetCard().Backing = backing
	return &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: card.(types.BaseVirtualDevice)}, nil
}

// nameless: govmomi gives an empty name, and no error, where vCenter leaves out a property, as it does for a session that ends
// in this moment. An adapter would be connected to nothing.
func nameless(backing types.BaseVirtualDeviceBackingInfo) bool {
	plain, ok := backing.(*types.VirtualEthernetCardNetworkBackingInfo)
	return ok && plain.DeviceName == ""
}

func sameNetwork(a, b types.BaseVirtualDeviceBackingInfo) bool {
	switch a := a.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		b, ok := b.(*types.VirtualEthernetCardNetworkBackingInfo)
		return ok && a.DeviceName == b.DeviceName
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		b, ok := b.(*types.VirtualEthernetCardDistributedVirtualPortBackingInfo)
		return ok && a.Port.PortgroupKey == b.Port.PortgroupKey && a.Port.SwitchUuid == b.Port.SwitchUuid
	case *types.VirtualEthernetCardOpaqueNetworkBackingInfo:
		b, ok := b.(*types.VirtualEthernetCardOpaqueNetworkBackingInfo)
		return ok && a.OpaqueNetworkId == b.OpaqueNetworkId
	}
	return false
}

func (d *Driver) reconfigure(ctx context.Context, m *vm, change types.VirtualMachineConfigSpec, p operation.Progress, doing string) error {
	client, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	_, err = d.run(ctx, p, doing, func(ctx context.Context) (types.ManagedObjectReference, error) {
		return taskOf(object.NewVirtualMachine(client, m.Self).Reconfigure(ctx, change))
	})
	return err
}

func taskOf(t *object.Task, err error) (types.ManagedObjectReference, error) {
	if err != nil {
		return types.ManagedObjectReference{}, err
	}
	return t.Reference(), nil
}
