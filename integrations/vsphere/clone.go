package vsphere

import (
	"context"
	"net"
	"net/netip"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// clone makes the machine. Where the name is taken it looks by whom: an attempt with the same key may have been faster.
func (d *Driver) clone(ctx context.Context, op operation.Op, r compute.Request, p operation.Progress) (*vm, error) {
	template, err := d.find(ctx, r.Placement.Template.ID)
	if err != nil {
		return nil, err
	}
	if template == nil || template.Config == nil {
		return nil, fault.New(fault.NotFound, "the plan's template %q (%s) has gone: plan again", r.Placement.Template.Name, r.Placement.Template.ID)
	}
	folder, err := d.placed(ctx, "folder", r.Placement.Folder)
	if err != nil {
		return nil, err
	}
	if taken, err := d.holder(ctx, folder, r.Name); err != nil || taken != nil {
		return d.adopt(op, r.Name, taken, err)
	}
	request, err := d.cloneSpec(ctx, op, r, template)
	if err != nil {
		return nil, err
	}
	client, err := d.session.connect(ctx)
	if err != nil {
		return nil, err
	}
	_, err = d.run(ctx, p, "cloning machine "+r.Name, func(ctx context.Context) (types.ManagedObjectReference, error) {
		return taskOf(object.NewVirtualMachine(client, template.Self).Clone(ctx, object.NewFolder(client, folder.ref), r.Name, *request))
	})
	if err != nil {
		return d.afterFailedClone(ctx, op, r, folder, err)
	}
	m, err := d.byKey(ctx, op.Key)
	if err == nil && m == nil {
		// vCenter may give a new instance UUID where the wanted one is taken.
		taken, lookErr := d.holder(ctx, folder, r.Name)
		if m, err = d.adopt(op, r.Name, taken, lookErr); err == nil && m == nil {
			err = fault.New(fault.Ambiguous, "cloning machine %q: vCenter reports success, and there is no such machine", r.Name)
		}
	}
	return m, err
}

// afterFailedClone looks whether another attempt with the same key made the machine.
func (d *Driver) afterFailedClone(ctx context.Context, op operation.Op, r compute.Request, folder namedObject, failed error) (*vm, error) {
	if kind := fault.KindOf(failed); kind != fault.Conflict && kind != fault.Invalid || ctx.Err() != nil {
		return nil, failed
	}
	if m, err := d.byKey(ctx, op.Key); err != nil || m != nil {
		return m, err
	}
	if !is[*types.DuplicateName](failed) && !is[*types.AlreadyExists](failed) && !is[*types.FileAlreadyExists](failed) {
		return nil, failed
	}
	taken, err := d.holder(ctx, folder, r.Name)
	if err == nil && taken == nil {
		return nil, fault.Wrap(fault.Unavailable, failed, "the name is taken by something that is being made or removed")
	}
	return d.adopt(op, r.Name, taken, err)
}

// holder is the machine of the name in the folder; nil: none.
func (d *Driver) holder(ctx context.Context, folder namedObject, name string) (*vm, error) {
	client, err := d.session.connect(ctx)
	if err != nil {
		return nil, err
	}
	child, err := object.NewSearchIndex(client).FindChild(ctx, folder.ref, name)
	if err != nil {
		return nil, reading(err, "looking for machine "+name)
	}
	if child == nil {
		return nil, nil
	}
	if child.Reference().Type != "VirtualMachine" {
		return nil, fault.New(fault.Conflict, "the name %q is taken in folder %q by a %s", name, folder.name, child.Reference().Type)
	}
	return d.read(ctx, child.Reference())
}

// adopt takes a machine of the wanted name if it carries the key.
func (d *Driver) adopt(op operation.Op, name string, m *vm, err error) (*vm, error) {
	switch {
	case err != nil || m == nil:
		return nil, err
	case m.Config == nil:
		return nil, fault.New(fault.Unavailable, "machine %q is being made by somebody; looking again", name)
	case m.key() == op.Key.String() && m.Config.InstanceUuid == op.Key.UUID().String():
		return m, nil
	case m.key() == op.Key.String():
		return nil, fault.New(fault.Conflict, "machine %q carries this operation's key but the instance UUID %s instead of %s: "+
			"vCenter gave it another; remove it, then retry", name, m.Config.InstanceUuid, op.Key.UUID())
	case m.key() == "":
		return nil, fault.New(fault.Conflict, "there is a machine %q (%s) that Fermata did not make", name, m.Config.InstanceUuid)
	}
	return nil, fault.New(fault.Conflict, "there is a machine %q (%s) of %s, made by operation %s", name, m.Config.InstanceUuid, m.owner(), m.key())
}

// cloneSpec is everything that a clone can carry: placement, size, identity, network.
func (d *Driver) cloneSpec(ctx context.Context, op operation.Op, r compute.Request, template *vm) (*types.VirtualMachineCloneSpec, error) {
	pool, err := d.placed(ctx, "resource pool", r.Placement.Pool)
	if err != nil {
		return nil, err
	}
	datastore, err := d.placed(ctx, "datastore", r.Placement.Datastore)
	if err != nil {
		return nil, err
	}
	adapter, err := d.cloneAdapter(ctx, template, r.Placement.Network)
	if err != nil {
		return nil, err
	}
	request := &types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{
			Pool: &pool.ref, Datastore: &datastore.ref,
			DeviceChange: []types.BaseVirtualDeviceConfigSpec{adapter},
		},
		Config: &types.VirtualMachineConfigSpec{
			InstanceUuid: op.Key.UUID().String(),
			NumCPUs:      int32(r.CPUs), //nolint:gosec // vCenter refuses what is too large.
			MemoryMB:     r.MemoryBytes / mib,
			ExtraConfig: []types.BaseOptionValue{
				&types.OptionValue{Key: keyOption, Value: op.Key.String()},
				&types.OptionValue{Key: ownerOption, Value: string(op.Owner)},
				&types.OptionValue{Key: customizationOption, Value: r.Customization},
				&types.OptionValue{Key: enableUUID, Value: "TRUE"},
			},
		},
	}
	if r.Customization == spec.VMware {
		adapters := len(template.devices().SelectByType((*types.VirtualEthernetCard)(nil)))
		request.Customization, err = linuxPrep(r, max(adapters, 1))
	}
	return request, err
}

// cloneAdapter connects the clone's first adapter to the network, with a MAC address of its own.
func (d *Driver) cloneAdapter(ctx context.Context, template *vm, network compute.Ref) (types.BaseVirtualDeviceConfigSpec, error) {
	if card := template.adapter(); card != nil {
		ethernet := card.GetVirtualEthernetCard()
		ethernet.MacAddress, ethernet.AddressType = "", string(types.VirtualEthernetCardMacTypeGenerated)
		ethernet.Backing = nil // So that it differs, and is set.
	}
	return d.adapterChange(ctx, template, network)
}

// linuxPrep is the platform's guest customization: a fixed address for the first adapter, DHCP for the others.
func linuxPrep(r compute.Request, adapters int) (*types.CustomizationSpec, error) {
	prefix, err := netip.ParsePrefix(r.Network.Address)
	if err != nil || !prefix.Addr().Is4() {
		return nil, fault.New(fault.Invalid, "making machine %q: customization vmware needs an IPv4 address with its prefix length, found %q",
			r.Name, r.Network.Address)
	}
	domain := r.Network.Domain
	if domain == "" {
		domain = "localdomain" // LinuxPrep requires one.
	}
	first := types.CustomizationAdapterMapping{Adapter: types.CustomizationIPSettings{
		Ip:         &types.CustomizationFixedIp{IpAddress: prefix.Addr().String()},
		SubnetMask: net.IP(net.CIDRMask(prefix.Bits(), 32)).String(), DnsServerList: r.Network.Nameservers, DnsDomain: domain,
	}}
	if r.Network.Gateway != "" {
		first.Adapter.Gateway = []string{r.Network.Gateway}
	}
	made := &types.CustomizationSpec{
		Identity:         &types.CustomizationLinuxPrep{HostName: &types.CustomizationFixedName{Name: r.Name}, Domain: domain},
		GlobalIPSettings: types.CustomizationGlobalIPSettings{DnsServerList: r.Network.Nameservers, DnsSuffixList: []string{domain}},
		NicSettingMap:    []types.CustomizationAdapterMapping{first},
	}
	for range adapters - 1 {
		made.NicSettingMap = append(made.NicSettingMap, types.CustomizationAdapterMapping{
			Adapter: types.CustomizationIPSettings{Ip: &types.CustomizationDhcpIpGenerator{}},
		})
	}
	return made, nil
}
