package vcenter

import (
	"cmp"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Device keys of the sandbox's machines, as vCenter numbers them.
const (
	controllerKey = 1000
	adapterKey    = 4000
	diskKey       = 2000
)

// spec is the configuration that makes the record's machine again.
func (r record) spec() types.VirtualMachineConfigSpec {
	spec := types.VirtualMachineConfigSpec{
		Name: r.Name, GuestId: r.GuestID, InstanceUuid: r.ID, Uuid: r.BIOS, Annotation: r.Annotation,
		NumCPUs: r.CPUs, MemoryMB: r.MemoryMB,
		Files: &types.VirtualMachineFileInfo{VmPathName: "[" + Datastore + "]"},
	}
	for key, value := range r.Extra {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: key, Value: value})
	}
	spec.DeviceChange = append(spec.DeviceChange, add(controller(), ""), add(r.adapter(), ""))
	for _, disk := range r.Disks {
		spec.DeviceChange = append(spec.DeviceChange, add(disk.device(), types.VirtualDeviceConfigSpecFileOperationCreate))
	}
	return spec
}

func add(device types.BaseVirtualDevice, file types.VirtualDeviceConfigSpecFileOperation) types.BaseVirtualDeviceConfigSpec {
	return &types.VirtualDeviceConfigSpec{
		Operation: types.VirtualDeviceConfigSpecOperationAdd, FileOperation: file, Device: device,
	}
}

func controller() types.BaseVirtualDevice {
	scsi := &types.ParaVirtualSCSIController{}
	scsi.Key = controllerKey
	scsi.SharedBus = types.VirtualSCSISharingNoSharing
	scsi.ScsiCtlrUnitNumber = 7
	return scsi
}

func (r record) adapter() types.BaseVirtualDevice {
	card := &types.VirtualVmxnet3{}
	card.Key = adapterKey
	card.MacAddress = r.MAC
	network := r.Network
	if network == "" {
		network = Network
	}
	card.Backing = &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: network},
	}
	return card
}

func (d Disk) device() types.BaseVirtualDevice {
	disk := &types.VirtualDisk{CapacityInBytes: d.Bytes, CapacityInKB: d.Bytes / 1024}
	disk.Key = diskKey + d.Unit
	disk.ControllerKey = controllerKey
	disk.UnitNumber = types.NewInt32(d.Unit)
	disk.Backing = &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: "[" + Datastore + "]"},
		DiskMode:                     string(types.VirtualDiskModePersistent), ThinProvisioned: types.NewBool(true), Uuid: d.UUID,
	}
	return disk
}

func extraConfig(vm *mo.VirtualMachine) map[string]string {
	extra := map[string]string{}
	for _, option := range vm.Config.ExtraConfig {
		value := option.GetOptionValue()
		if text, ok := value.Value.(string); ok && value.Key != "govcsim" {
			extra[value.Key] = text
		}
	}
	return extra
}

func disks(vm *mo.VirtualMachine) (found []Disk) {
	for _, device := range vm.Config.Hardware.Device {
		disk, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if !ok {
			continue
		}
		made := Disk{UUID: backing.Uuid, Bytes: disk.CapacityInBytes}
		if disk.UnitNumber != nil {
			made.Unit = *disk.UnitNumber
		}
		found = append(found, made)
	}
	slices.SortFunc(found, func(a, b Disk) int { return cmp.Compare(a.Unit, b.Unit) })
	return found
}

// adapter returns the MAC address and, for a plain network, the network's name of the first adapter.
func (v *VCenter) adapter(vm *mo.VirtualMachine) (mac, network string) {
	cards := object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualEthernetCard)(nil))
	if len(cards) == 0 {
		return "", ""
	}
	card := cards[0].(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
	if backing, ok := card.Backing.(*types.VirtualEthernetCardNetworkBackingInfo); ok {
		network = backing.DeviceName
	}
	return card.MacAddress, network
}
