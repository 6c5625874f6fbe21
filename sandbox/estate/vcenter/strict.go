package vcenter

import (
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Configuration maximums of vSphere 8 (VMware Configuration Maximums).
const (
	maxCPUs     = 768
	maxMemoryMB = 24 << 20
	maxDisk     = int64(62) << 40
)

// intercept sees every call before the simulator acts. It refuses what vCenter refuses and the simulator does not, and
// answers with the troubles that were asked for.
func (v *VCenter) intercept(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if ctx.Session == nil {
		return nil, nil // The simulator refuses it.
	}
	if fault := v.trouble.callFault(method.Name); fault != nil {
		return nil, fault
	}
	machine, isMachine := ctx.Map.Get(method.This).(*simulator.VirtualMachine)
	if !isMachine {
		return nil, nil
	}
	fault := v.check(ctx, machine, method)
	if clone, ok := method.Body.(*types.CloneVM_Task); ok && fault == nil {
		v.noteCustomization(clone)
	}
	trouble := v.trouble.task(method.Name)
	if fault == nil {
		fault = trouble.fault
	}
	if fault == nil && trouble.delay == 0 {
		return nil, nil
	}
	v.substitute(ctx, &troubled{VirtualMachine: machine, v: v, delay: trouble.delay, fault: fault})
	return nil, nil
}

// substitute makes this call reach the troubled machine. The simulator looks for a call's object among those of the
// session first, and the session that it holds for a request is a copy of its own.
func (v *VCenter) substitute(ctx *simulator.Context, machine *troubled) {
	own := ctx.Session.Registry
	machine.restore = func() { ctx.Session.Registry = own }
	ctx.Session.Registry = simulator.NewRegistry()
	ctx.Session.Registry.Put(machine)
}

// check returns the fault that vCenter's task would end with.
func (v *VCenter) check(ctx *simulator.Context, machine *simulator.VirtualMachine, method *simulator.Method) types.BaseMethodFault {
	switch request := method.Body.(type) {
	case *types.CloneVM_Task:
		if request.Spec.Config == nil {
			return nil
		}
		if id := request.Spec.Config.InstanceUuid; id != "" {
			if _, taken := v.find(id); taken && !v.nameTaken(ctx, request.Folder, request.Name) {
				return &types.InvalidArgument{InvalidProperty: "spec.config.instanceUuid"}
			}
		}
		return checkSize(request.Spec.Config)
	case *types.ReconfigVM_Task:
		stale := false
		ctx.Map.WithLock(ctx, machine, func() {
			stale = request.Spec.ChangeVersion != "" && request.Spec.ChangeVersion != machine.Config.ChangeVersion
		})
		if stale {
			return &types.ConcurrentAccess{}
		}
		if fault := checkNetworks(ctx, &request.Spec); fault != nil {
			return fault
		}
		if fault := checkHotPlug(ctx, machine, &request.Spec); fault != nil {
			return fault
		}
		return checkSize(&request.Spec)
	case *types.Rename_Task:
		if machine.Parent != nil && v.nameTaken(ctx, *machine.Parent, request.NewName) {
			return &types.DuplicateName{Name: request.NewName, Object: machine.Self}
		}
	}
	return nil
}

// checkHotPlug refuses what a machine that is on does not take, and a disk that would shrink.
func checkHotPlug(ctx *simulator.Context, machine *simulator.VirtualMachine, spec *types.VirtualMachineConfigSpec) (fault types.BaseMethodFault) {
	ctx.Map.WithLock(ctx, machine, func() {
		config := machine.Config
		on := machine.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
		allowed := func(flag *bool) bool { return flag != nil && *flag }
		switch cpus, memory := config.Hardware.NumCPU, int64(config.Hardware.MemoryMB); {
		case on && spec.NumCPUs != 0 && spec.NumCPUs != cpus && (spec.NumCPUs < cpus || !allowed(config.CpuHotAddEnabled)):
			fault = &types.CpuHotPlugNotSupported{}
		case on && spec.MemoryMB != 0 && spec.MemoryMB != memory && (spec.MemoryMB < memory || !allowed(config.MemoryHotAddEnabled)):
			fault = &types.MemoryHotPlugNotSupported{}
		}
		for _, change := range spec.DeviceChange {
			disk, ok := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk)
			if !ok || change.GetVirtualDeviceConfigSpec().Operation != types.VirtualDeviceConfigSpecOperationEdit {
				continue
			}
			for _, device := range config.Hardware.Device {
				if have, ok := device.(*types.VirtualDisk); ok && have.Key == disk.Key && disk.CapacityInKB < have.CapacityInKB {
					fault = &types.InvalidDeviceSpec{InvalidVmConfig: types.InvalidVmConfig{Property: "deviceChange.device.capacityInKB"}}
				}
			}
		}
	})
	return fault
}

func (v *VCenter) nameTaken(ctx *simulator.Context, folder types.ManagedObjectReference, name string) bool {
	where, ok := ctx.Map.Get(folder).(*simulator.Folder)
	if !ok {
		return false
	}
	taken := false
	ctx.Map.WithLock(ctx, where, func() { taken = ctx.Map.FindByName(name, where.ChildEntity) != nil })
	return taken
}

func checkSize(spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	if spec.NumCPUs < 0 || spec.NumCPUs > maxCPUs {
		return &types.InvalidArgument{InvalidProperty: "configSpec.numCPUs"}
	}
	if spec.MemoryMB < 0 || spec.MemoryMB > maxMemoryMB || spec.MemoryMB%4 != 0 {
		return &types.InvalidArgument{InvalidProperty: "configSpec.memoryMB"}
	}
	for _, change := range spec.DeviceChange {
		if disk, ok := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk); ok && disk.CapacityInBytes > maxDisk {
			return &types.InvalidArgument{InvalidProperty: "configSpec.deviceChange.device.capacityInBytes"}
		}
	}
	return nil
}

// checkNetworks refuses an adapter on a network that is not there. The simulator would take a nil network for one.
func checkNetworks(ctx *simulator.Context, spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	for _, change := range spec.DeviceChange {
		card, ok := change.GetVirtualDeviceConfigSpec().Device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		backing, ok := card.GetVirtualEthernetCard().Backing.(*types.VirtualEthernetCardNetworkBackingInfo)
		if ok && !hasNetwork(ctx, backing.DeviceName) {
			return &types.InvalidDeviceBacking{InvalidDeviceSpec: types.InvalidDeviceSpec{InvalidVmConfig: types.InvalidVmConfig{Property: "deviceChange.device.backing"}}}
		}
	}
	return nil
}

func hasNetwork(ctx *simulator.Context, name string) bool {
	for _, kind := range []string{"Network", "DistributedVirtualPortgroup", "OpaqueNetwork"} {
		for _, n := range ctx.Map.All(kind) {
			if n.Entity().Name == name {
				return true
			}
		}
	}
	return false
}

// noteCustomization keeps what the guest will need of a clone's customization: the simulator forgets it at power-on.
func (v *VCenter) noteCustomization(request *types.CloneVM_Task) {
	custom := request.Spec.Customization
	if custom == nil || request.Spec.Config == nil || request.Spec.Config.InstanceUuid == "" {
		return
	}
	fixed := &Fixed{Nameservers: custom.GlobalIPSettings.DnsServerList}
	if prep, ok := custom.Identity.(*types.CustomizationLinuxPrep); ok {
		fixed.Domain = prep.Domain
		if name, ok := prep.HostName.(*types.CustomizationFixedName); ok {
			fixed.Hostname = name.Name
		}
	}
	for _, nic := range custom.NicSettingMap {
		if ip, ok := nic.Adapter.Ip.(*types.CustomizationFixedIp); ok {
			fixed.Address = strings.TrimSuffix(ip.IpAddress+"/"+prefixLength(nic.Adapter.SubnetMask), "/")
			fixed.Gateway = nic.Adapter.Gateway
			break
		}
	}
	v.customs.set(request.Spec.Config.InstanceUuid, fixed)
}
