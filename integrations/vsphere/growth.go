package vsphere

import (
	"context"
	"fmt"
	"strings"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"

	"github.com/vmware/govmomi/vim25/types"
)

// EnsureSize gives a machine other CPUs and memory. On a machine that is on, only what it may take while it runs.
func (d *Driver) EnsureSize(ctx context.Context, op operation.Op, machineID string, was, s compute.Size, p operation.Progress) (compute.Machine, error) {
	if s.CPUs < 1 || s.MemoryBytes < 4*mib || s.MemoryBytes%(4*mib) != 0 {
		return compute.Machine{}, fault.New(fault.Invalid, "resizing a machine: expected at least one CPU, and memory in steps of 4MiB, found %d and %s", s.CPUs, spec.Size(s.MemoryBytes))
	}
	if err := d.attach(ctx, p); err != nil {
		return compute.Machine{}, err
	}
	var last error
	for range diskAttempts {
		m, err := d.mustOwn(ctx, machineID, op.Owner)
		if err != nil {
			return compute.Machine{}, err
		}
		change, err := resizing(m, was, s)
		if err != nil {
			return compute.Machine{}, err
		}
		if change == nil {
			return m.machine(), nil
		}
		last = d.reconfigure(ctx, m, *change, p, fmt.Sprintf("resizing machine %q", m.Name))
		if is[*types.CpuHotPlugNotSupported](last) || is[*types.MemoryHotPlugNotSupported](last) {
			return compute.Machine{}, onlyOff(m, last.Error())
		}
		if last != nil && !is[*types.ConcurrentAccess](last) { // Somebody changed the machine since it was read: look again.
			return compute.Machine{}, last
		}
	}
	if last == nil {
		last = fault.New(fault.Ambiguous, "resizing a machine: vCenter reports success, and it has not the size")
	}
	return compute.Machine{}, last
}

// resizing is the change that the machine still needs; nil: none.
func resizing(m *vm, was, s compute.Size) (*types.VirtualMachineConfigSpec, error) {
	now := m.machine()
	if now.CPUs == s.CPUs && now.MemoryBytes == s.MemoryBytes {
		return nil, nil
	}
	if (now.CPUs != was.CPUs && now.CPUs != s.CPUs) || (now.MemoryBytes != was.MemoryBytes && now.MemoryBytes != s.MemoryBytes) {
		return nil, fault.New(fault.Conflict, "machine %q has %d CPUs and %s by now: changed by others", m.Name, now.CPUs, spec.Size(now.MemoryBytes))
	}
	if !m.off() {
		switch {
		case s.CPUs < now.CPUs, s.CPUs > now.CPUs && !now.CPUHotAdd:
			return nil, onlyOff(m, "its CPUs cannot be changed so")
		case s.MemoryBytes < now.MemoryBytes, s.MemoryBytes > now.MemoryBytes && !now.MemHotAdd:
			return nil, onlyOff(m, "its memory cannot be changed so")
		}
	}
	change := &types.VirtualMachineConfigSpec{ChangeVersion: m.Config.ChangeVersion}
	if now.CPUs != s.CPUs {
		change.NumCPUs = int32(s.CPUs) //nolint:gosec // vCenter refuses what is too large.
	}
	if now.MemoryBytes != s.MemoryBytes {
		change.MemoryMB = s.MemoryBytes / mib
	}
	return change, nil
}

func onlyOff(m *vm, why string) error {
	return fault.New(fault.Conflict, "machine %q is on, and %s while it is: shut it down first", m.Name, why)
}

// EnsureDiskSize makes a disk larger.
func (d *Driver) EnsureDiskSize(ctx context.Context, op operation.Op, machineID string, want compute.Disk, p operation.Progress) (compute.Disk, error) {
	if want.Bytes < mib || want.Bytes%1024 != 0 {
		return compute.Disk{}, fault.New(fault.Invalid, "growing disk %s: expected a size of at least 1MiB in steps of 1KiB, found %s", want.UUID, spec.Size(want.Bytes))
	}
	if err := d.attach(ctx, p); err != nil {
		return compute.Disk{}, err
	}
	var last error
	for range diskAttempts {
		m, err := d.mustOwn(ctx, machineID, op.Owner)
		if err != nil {
			return compute.Disk{}, err
		}
		disk, device := m.disk(want.UUID)
		switch {
		case device == nil:
			return compute.Disk{}, fault.New(fault.NotFound, "machine %q has no disk with the UUID %s", m.Name, want.UUID)
		case disk.Bytes == want.Bytes:
			return disk, nil
		case disk.Bytes > want.Bytes:
			return compute.Disk{}, fault.New(fault.Conflict, "disk %s of machine %q is %s already, more than %s: a disk never shrinks",
				want.UUID, m.Name, spec.Size(disk.Bytes), spec.Size(want.Bytes))
		}
		last = d.reconfigure(ctx, m, growing(m, device, want.Bytes), p, fmt.Sprintf("growing disk %s of machine %q", disk.Name, m.Name))
		if last != nil && !is[*types.ConcurrentAccess](last) {
			return compute.Disk{}, last
		}
	}
	if last == nil {
		last = fault.New(fault.Ambiguous, "growing disk %s: vCenter reports success, and it has the old size", want.UUID)
	}
	return compute.Disk{}, last
}

// disk finds a disk by its UUID, as the port and as vCenter has it.
func (m *vm) disk(uuid string) (compute.Disk, *types.VirtualDisk) {
	for _, disk := range m.disks() {
		if !strings.EqualFold(disk.UUID, uuid) {
			continue
		}
		for _, device := range m.devices() {
			if found, ok := device.(*types.VirtualDisk); ok && strings.EqualFold(diskUUID(found), uuid) {
				return disk.Disk, found
			}
		}
	}
	return compute.Disk{}, nil
}

func growing(m *vm, device *types.VirtualDisk, bytes int64) types.VirtualMachineConfigSpec {
	larger := *device
	larger.CapacityInBytes, larger.CapacityInKB = bytes, bytes/1024
	return types.VirtualMachineConfigSpec{
		ChangeVersion: m.Config.ChangeVersion,
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: &larger,
		}},
	}
}

// EnsureOff shuts the guest down.
func (d *Driver) EnsureOff(ctx context.Context, op operation.Op, machineID string, p operation.Progress) (compute.Machine, error) {
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
	return d.readBack(ctx, m)
}
