package vcenter

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// context is a caller of the simulator of its own: locks belong to it.
func (v *VCenter) context() *simulator.Context {
	return &simulator.Context{Context: context.Background(), Map: v.model.Map()}
}

func (v *VCenter) describe(vm *mo.VirtualMachine) VM {
	described := VM{
		ID: vm.Config.InstanceUuid, Name: vm.Name, ExtraConfig: extraConfig(vm), Disks: disks(vm),
		Customization: v.customs.get(vm.Config.InstanceUuid),
	}
	described.MAC, _ = v.adapter(vm)
	if described.Customization != nil {
		described.Address = described.Customization.Address
	} else {
		described.Address = metadataAddress(described.ExtraConfig)
	}
	return described
}

// boot runs the hook and reports what the guest came up with.
func (v *VCenter) boot(ctx context.Context, vm VM) {
	guest, err := Guest{}, error(nil)
	if v.options.OnPowerOn != nil {
		guest, err = v.options.OnPowerOn(ctx, vm)
	} else if prefix, bad := netip.ParsePrefix(vm.Address); bad == nil {
		guest.Address = prefix.Addr().String()
	}
	if err != nil {
		v.options.Log.Error("booting a guest", "machine", vm.Name, "error", err)
		return
	}
	if ctx.Err() != nil {
		return
	}
	if len(guest.HostKeys) > 0 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Join(guest.HostKeys, "\n") + "\n"))
		if err := v.SetGuestInfo(vm.ID, HostKeys, text); err != nil {
			v.options.Log.Error("publishing a guest's host keys", "machine", vm.Name, "error", err)
		}
	}
	v.report(ctx, vm, guest.Address)
}

// report is what the guest's tools tell the platform.
func (v *VCenter) report(ctx context.Context, vm VM, address string) {
	v.change(vm.ID, func(machine *simulator.VirtualMachine) []types.PropertyChange {
		if ctx.Err() != nil || machine.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
			return nil
		}
		changes := []types.PropertyChange{
			{Name: "guest.toolsStatus", Val: types.VirtualMachineToolsStatusToolsOk},
			{Name: "guest.toolsRunningStatus", Val: string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)},
			{Name: "guest.hostName", Val: vm.Name},
		}
		if address == "" {
			return changes
		}
		nics := slices.Clone(machine.Guest.Net)
		if len(nics) > 0 {
			nics[0].IpAddress = []string{address}
		}
		return append(changes,
			types.PropertyChange{Name: "guest.net", Val: nics},
			types.PropertyChange{Name: "guest.ipAddress", Val: address},
			types.PropertyChange{Name: "summary.guest.ipAddress", Val: address})
	})
}

// silence takes back what a guest reported: it is off.
func (v *VCenter) silence(id string) {
	v.change(id, func(machine *simulator.VirtualMachine) []types.PropertyChange {
		if machine.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
			return nil
		}
		nics := slices.Clone(machine.Guest.Net)
		for i := range nics {
			nics[i].IpAddress = nil
		}
		return []types.PropertyChange{
			{Name: "guest.toolsStatus", Val: types.VirtualMachineToolsStatusToolsNotRunning},
			{Name: "guest.toolsRunningStatus", Val: string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning)},
			{Name: "guest.net", Val: nics},
			{Name: "guest.ipAddress", Val: ""},
			{Name: "summary.guest.ipAddress", Val: ""},
		}
	})
}

// SetGuestInfo sets a guest variable, as vmware-rpctool "info-set KEY VALUE" does inside the guest. A guest can set
// nothing but guestinfo.*.
func (v *VCenter) SetGuestInfo(vmID, key, value string) error {
	if !strings.HasPrefix(key, "guestinfo.") {
		return fmt.Errorf("setting guest variable %q: only guestinfo.* can be set by a guest", key)
	}
	found := v.change(vmID, func(machine *simulator.VirtualMachine) []types.PropertyChange {
		options := slices.DeleteFunc(slices.Clone(machine.Config.ExtraConfig), func(o types.BaseOptionValue) bool {
			return o.GetOptionValue().Key == key
		})
		options = append(options, &types.OptionValue{Key: key, Value: value})
		return []types.PropertyChange{{Name: "config.extraConfig", Val: options}}
	})
	if !found {
		return fmt.Errorf("setting guest variable %q: no machine %s", key, vmID)
	}
	return v.flush()
}

// SetHotAdd lets a machine take CPUs and memory while it runs, or not, as an administrator does in its settings.
func (v *VCenter) SetHotAdd(vmID string, allowed bool) error {
	found := v.change(vmID, func(*simulator.VirtualMachine) []types.PropertyChange {
		return []types.PropertyChange{
			{Name: "config.cpuHotAddEnabled", Val: allowed},
			{Name: "config.memoryHotAddEnabled", Val: allowed},
		}
	})
	if !found {
		return fmt.Errorf("allowing hot add: no machine %s", vmID)
	}
	return nil
}

// change updates a machine under its lock.
func (v *VCenter) change(id string, do func(*simulator.VirtualMachine) []types.PropertyChange) bool {
	ref, ok := v.find(id)
	if !ok {
		return false
	}
	registry, ctx := v.model.Map(), v.context()
	machine, ok := registry.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return false
	}
	registry.WithLock(ctx, machine, func() {
		if changes := do(machine); len(changes) > 0 {
			registry.Update(ctx, machine, changes)
		}
	})
	return true
}

// find looks a machine up by its instance UUID.
func (v *VCenter) find(id string) (ref types.ManagedObjectReference, ok bool) {
	registry := v.model.Map()
	for _, entity := range registry.All("VirtualMachine") {
		vm, isVM := entity.(*simulator.VirtualMachine)
		if !isVM {
			continue
		}
		registry.WithLock(v.context(), vm, func() {
			if vm.Config != nil && vm.Config.InstanceUuid == id {
				ref, ok = vm.Self, true
			}
		})
		if ok {
			return ref, true
		}
	}
	return ref, false
}
