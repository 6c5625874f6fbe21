package vsphere

import (
	"context"
	"fmt"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"

	"github.com/vmware/govmomi/vim25/types"
)

// attempts at choosing a place for a disk while others add disks to the same machine.
const diskAttempts = 5

// EnsureDisk adds a data disk. The disk, and the note under which key it stands at which unit, are one change, so a retry
// finds the disk whatever was lost; when its UUID is known the note moves to the UUID.
func (d *Driver) EnsureDisk(ctx context.Context, op operation.Op, r compute.DiskRequest, p operation.Progress) (compute.Disk, error) {
	if r.Bytes < mib || r.Bytes%1024 != 0 {
		return compute.Disk{}, fault.New(fault.Invalid, "adding disk %q: expected a size of at least 1MiB in steps of 1KiB, found %s", r.Name, spec.Size(r.Bytes))
	}
	if err := d.attach(ctx, p); err != nil {
		return compute.Disk{}, err
	}
	var last error
	for range diskAttempts {
		m, err := d.mustOwn(ctx, r.MachineID, op.Owner)
		if err != nil {
			return compute.Disk{}, err
		}
		if disk, found, err := d.knownDisk(ctx, op, r, m, p); err != nil || found {
			return disk, err
		}
		last = d.addDisk(ctx, op, r, m, p)
		// Somebody changed the machine since it was read, or took the unit: look again.
		if last != nil && !is[*types.ConcurrentAccess](last) && !is[*types.InvalidDeviceSpec](last) {
			return compute.Disk{}, last
		}
	}
	if last == nil {
		last = fault.New(fault.Ambiguous, "adding disk %q: vCenter reports success, and there is no such disk", r.Name)
	}
	return compute.Disk{}, last
}

// knownDisk finds the disk that was made under the key, and finishes its note.
func (d *Driver) knownDisk(ctx context.Context, op operation.Op, r compute.DiskRequest, m *vm, p operation.Progress) (compute.Disk, bool, error) {
	note := op.Key.String() + " " + r.Name
	for _, disk := range m.disks() {
		place := placeOption(disk.controller, disk.unit)
		if m.extra[diskOption+disk.UUID] != note && m.extra[place] != note {
			continue
		}
		if disk.Bytes != r.Bytes {
			return compute.Disk{}, false, fault.New(fault.Conflict, "disk %q of machine %q is %s, not %s: somebody changed it",
				r.Name, m.Name, spec.Size(disk.Bytes), spec.Size(r.Bytes))
		}
		if m.extra[place] != "" {
			change := types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{
				&types.OptionValue{Key: diskOption + disk.UUID, Value: note},
				&types.OptionValue{Key: place, Value: ""}, // An empty value removes the option.
			}}
			if err := d.reconfigure(ctx, m, change, p, "noting the UUID of disk "+r.Name); err != nil {
				return compute.Disk{}, false, err
			}
		}
		disk.Key, disk.Name = op.Key.String(), r.Name
		return disk.Disk, true, nil
	}
	return compute.Disk{}, false, nil
}

func placeOption(controller, unit int32) string {
	return fmt.Sprintf("%s%d.%d", pendingOption, controller, unit)
}

func (d *Driver) addDisk(ctx context.Context, op operation.Op, r compute.DiskRequest, m *vm, p operation.Progress) error {
	controller, unit, err := freeUnit(m)
	if err != nil {
		return err
	}
	backing := &types.VirtualDiskFlatVer2BackingInfo{
		DiskMode: string(types.VirtualDiskModePersistent), ThinProvisioned: types.NewBool(true),
	}
	if r.Datastore.ID != "" {
		datastore, err := d.placed(ctx, "datastore", r.Datastore)
		if err != nil {
			return err
		}
		backing.Datastore, backing.FileName = &datastore.ref, "["+datastore.name+"]"
	}
	disk := &types.VirtualDisk{CapacityInBytes: r.Bytes, CapacityInKB: r.Bytes / 1024}
	disk.Key, disk.ControllerKey, disk.UnitNumber, disk.Backing = -1, controller, types.NewInt32(unit), backing
	return d.reconfigure(ctx, m, types.VirtualMachineConfigSpec{
		ChangeVersion: m.Config.ChangeVersion, // Refused if the machine changed since the unit was chosen.
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationAdd, FileOperation: types.VirtualDeviceConfigSpecFileOperationCreate, Device: disk,
		}},
		ExtraConfig: []types.BaseOptionValue{
			&types.OptionValue{Key: placeOption(controller, unit), Value: op.Key.String() + " " + r.Name},
		},
	}, p, fmt.Sprintf("adding disk %q to machine %q", r.Name, m.Name))
}

// freeUnit chooses where the disk goes: the lowest free unit of the first SCSI controller that has one.
func freeUnit(m *vm) (controller, unit int32, err error) {
	controllers := m.devices().SelectByType((*types.VirtualSCSIController)(nil))
	for _, each := range controllers {
		scsi := each.(types.BaseVirtualSCSIController).GetVirtualSCSIController()
		used := map[int32]bool{7: true, scsi.ScsiCtlrUnitNumber: true} // 7 is the controller's own.
		for _, device := range m.devices() {
			if base := device.GetVirtualDevice(); base.ControllerKey == scsi.Key && base.UnitNumber != nil {
				used[*base.UnitNumber] = true
			}
		}
		for unit := range int32(16) {
			if !used[unit] {
				return scsi.Key, unit, nil
			}
		}
	}
	if len(controllers) == 0 {
		return 0, 0, fault.New(fault.Invalid, "machine %q has no SCSI controller for data disks: give its template one", m.Name)
	}
	return 0, 0, fault.New(fault.Invalid, "machine %q has no free unit for another disk", m.Name)
}
