package vsphere

import (
	"context"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"golang.org/x/crypto/ssh"
)

// What machines carry in their ExtraConfig. A guest can write guestinfo.* only, so it cannot change whose it is.
const (
	keyOption           = "fermata.key"
	ownerOption         = "fermata.owner"
	customizationOption = "fermata.customization"
	diskOption          = "fermata.disk."    // + the disk's UUID: "key name".
	pendingOption       = "fermata.disk-at." // + controller.unit: "key name" of a disk whose UUID is not known yet.
	enableUUID          = "disk.EnableUUID"  // Disks show their UUID to the guest.
	hostKeysInfo        = "guestinfo.fermata.hostkeys"
)

// vm is a machine as it was read.
type vm struct {
	mo.VirtualMachine
	extra map[string]string
}

func machineProperties() []string {
	return []string{"name", "parent", "runtime.powerState", "config", "guest.ipAddress", "guest.net", "guest.toolsRunningStatus"}
}

// read reads a machine. Nil: it has gone.
func (d *Driver) read(ctx context.Context, ref types.ManagedObjectReference) (*vm, error) {
	client, err := d.session.connect(ctx)
	if err != nil {
		return nil, err
	}
	var found mo.VirtualMachine
	err = property.DefaultCollector(client).RetrieveOne(ctx, ref, machineProperties(), &found)
	if is[*types.ManagedObjectNotFound](err) {
		return nil, nil
	}
	if err != nil {
		return nil, reading(err, "reading machine "+ref.Value)
	}
	return newVM(found), nil
}

func newVM(found mo.VirtualMachine) *vm {
	m := &vm{VirtualMachine: found, extra: map[string]string{}}
	if found.Config == nil {
		return m
	}
	for _, option := range found.Config.ExtraConfig {
		value := option.GetOptionValue()
		if text, ok := value.Value.(string); ok {
			m.extra[value.Key] = text
		}
	}
	return m
}

// find looks a machine up by instance UUID. Nil: there is none.
func (d *Driver) find(ctx context.Context, id string) (*vm, error) {
	client, err := d.session.connect(ctx)
	if err != nil {
		return nil, err
	}
	ref, err := object.NewSearchIndex(client).FindByUuid(ctx, nil, id, true, types.NewBool(true))
	if err != nil {
		return nil, reading(err, "looking for machine "+id)
	}
	if ref == nil {
		return nil, nil
	}
	return d.read(ctx, ref.Reference())
}

// byKey finds the machine that an attempt with the key made. Nil: there is none. Conflict: a machine has the key's UUID
// and another key.
func (d *Driver) byKey(ctx context.Context, key operation.Key) (*vm, error) {
	m, err := d.find(ctx, key.UUID().String())
	if err != nil || m == nil {
		return nil, err
	}
	if m.Config == nil {
		return nil, fault.New(fault.Unavailable, "reading machine %q: it is being made", m.Name)
	}
	if m.key() != key.String() {
		return nil, fault.New(fault.Conflict, "machine %q has the instance UUID of operation %s but carries the key %q: "+
			"its ExtraConfig %s was changed", m.Name, key, m.key(), keyOption)
	}
	return m, nil
}

// owned finds a machine by id that belongs to the owner. Nil: there is none.
func (d *Driver) owned(ctx context.Context, id string, owner operation.Owner) (*vm, error) {
	m, err := d.find(ctx, id)
	if err != nil || m == nil {
		return nil, err
	}
	if m.owner() != owner {
		return nil, fault.New(fault.Conflict, "machine %q (%s) belongs to %s, not to %s", m.Name, id, named(m.owner()), owner)
	}
	return m, nil
}

// mustOwn is owned, where no machine is an error.
func (d *Driver) mustOwn(ctx context.Context, id string, owner operation.Owner) (*vm, error) {
	m, err := d.owned(ctx, id, owner)
	if err == nil && m == nil {
		err = fault.New(fault.NotFound, "there is no machine with instance UUID %s", id)
	}
	return m, err
}

func named(owner operation.Owner) string {
	if owner == "" {
		return "nobody that Fermata knows"
	}
	return string(owner)
}

func (m *vm) key() string            { return m.extra[keyOption] }
func (m *vm) owner() operation.Owner { return operation.Owner(m.extra[ownerOption]) }
func (m *vm) on() bool {
	return m.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
}

func (m *vm) off() bool {
	return m.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff
}

// machine is what the port returns of it.
func (m *vm) machine() compute.Machine {
	made := compute.Machine{
		Name: m.Name, Key: m.key(), Owner: m.owner(), Addresses: m.addresses(), HostKeys: hostKeys(m.extra[hostKeysInfo]),
	}
	switch m.Runtime.PowerState {
	case types.VirtualMachinePowerStatePoweredOn:
		made.Power = compute.PoweredOn
	case types.VirtualMachinePowerStateSuspended:
		made.Power = compute.Suspended
	case types.VirtualMachinePowerStatePoweredOff:
		made.Power = compute.PoweredOff
	}
	if m.Config == nil {
		return made
	}
	made.ID = m.Config.InstanceUuid
	made.CPUHotAdd = m.Config.CpuHotAddEnabled != nil && *m.Config.CpuHotAddEnabled
	made.MemHotAdd = m.Config.MemoryHotAddEnabled != nil && *m.Config.MemoryHotAddEnabled
	made.CPUs = int(m.Config.Hardware.NumCPU)
	made.MemoryBytes = int64(m.Config.Hardware.MemoryMB) << 20
	for _, disk := range m.disks() {
		made.Disks = append(made.Disks, disk.Disk)
	}
	return made
}

// addresses are the usable ones, as the guest reports them: a link-local address is none that anybody asked for.
func (m *vm) addresses() (usable []string) {
	if m.Guest == nil {
		return nil
	}
	reported := []string{m.Guest.IpAddress}
	for _, nic := range m.Guest.Net {
		reported = append(reported, nic.IpAddress...)
	}
	for _, text := range reported {
		address, err := netip.ParseAddr(text)
		if err != nil || address.IsLinkLocalUnicast() || address.IsLoopback() || slices.Contains(usable, address.String()) {
			continue
		}
		usable = append(usable, address.String())
	}
	return usable
}

// hostKeys reads what the guest published: base64 of its public keys, a line each. What is no key is left out.
func hostKeys(published string) (keys []string) {
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(published))
	if err != nil {
		return nil
	}
	for len(text) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(text)
		if err != nil {
			return keys
		}
		keys = append(keys, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
		text = rest
	}
	return keys
}

// diskOfVM is a disk and where it is attached.
type diskOfVM struct {
	compute.Disk
	controller, unit int32
}

func (m *vm) disks() (disks []diskOfVM) {
	if m.Config == nil {
		return nil
	}
	for _, device := range m.Config.Hardware.Device {
		disk, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		found := diskOfVM{controller: disk.ControllerKey, unit: -1}
		if disk.UnitNumber != nil {
			found.unit = *disk.UnitNumber
		}
		found.UUID = strings.ToLower(diskUUID(disk))
		found.Bytes = disk.CapacityInBytes
		if found.Bytes == 0 {
			found.Bytes = disk.CapacityInKB << 10
		}
		found.Key, found.Name, _ = strings.Cut(m.extra[diskOption+found.UUID], " ")
		disks = append(disks, found)
	}
	return disks
}

func diskUUID(disk *types.VirtualDisk) string {
	switch backing := disk.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		return backing.Uuid
	case *types.VirtualDiskSeSparseBackingInfo:
		return backing.Uuid
	case *types.VirtualDiskSparseVer2BackingInfo:
		return backing.Uuid
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		return backing.Uuid
	}
	return ""
}

// devices lists the machine's hardware.
func (m *vm) devices() object.VirtualDeviceList {
	if m.Config == nil {
		return nil
	}
	return m.Config.Hardware.Device
}

// adapter is the first network adapter; nil if there is none.
func (m *vm) adapter() types.BaseVirtualEthernetCard {
	cards := m.devices().SelectByType((*types.VirtualEthernetCard)(nil))
	if len(cards) == 0 {
		return nil
	}
	return cards[0].(types.BaseVirtualEthernetCard)
}
