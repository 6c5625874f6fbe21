package vsphere

import (
	"context"
	"net/netip"
	"slices"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Plan resolves the placement and looks for what stands in the way.
func (d *Driver) Plan(ctx context.Context, r compute.PlanRequest) (compute.Planned, error) {
	client, err := d.session.connect(ctx)
	if err != nil {
		return compute.Planned{}, err
	}
	dc, folders, err := d.datacenter(ctx, client, r.Compute.Datacenter)
	if err != nil {
		return compute.Planned{}, err
	}
	planned := compute.Planned{Placement: compute.Placement{Datacenter: dc.plan()}}
	template, err := d.template(ctx, dc, folders, r.Compute.Template)
	if err != nil {
		return compute.Planned{}, err
	}
	planned.Placement.Template = compute.Ref{ID: template.Config.InstanceUuid, Name: template.Name}
	folder, err := d.place(ctx, dc, folders, r, &planned.Placement)
	if err != nil {
		return compute.Planned{}, err
	}
	for _, tag := range r.Compute.Tags {
		if _, err := d.tagID(ctx, tag); err != nil {
			return compute.Planned{}, err
		}
	}
	if err := d.space(ctx, client, template, r, &planned); err != nil {
		return compute.Planned{}, err
	}
	return planned, d.inTheWay(ctx, client, folder, r, &planned)
}

func (d *Driver) datacenter(ctx context.Context, client *vim25.Client, name string) (namedObject, *object.DatacenterFolders, error) {
	if name == "" {
		name = d.config.Datacenter
	}
	dc, err := d.resolve(ctx, wanted{
		what: "datacenter", name: name, root: client.ServiceContent.RootFolder, kinds: []string{"Datacenter"},
	})
	if err != nil {
		return dc, nil, err
	}
	center := object.NewDatacenter(client, dc.ref)
	center.InventoryPath = "/" + dc.name
	folders, err := center.Folders(ctx)
	return dc, folders, reading(err, "reading datacenter "+dc.name)
}

// template finds the template by name among the datacenter's templates, or by inventory path.
func (d *Driver) template(ctx context.Context, dc namedObject, folders *object.DatacenterFolders, name string) (*vm, error) {
	all, err := d.machines(ctx, folders.VmFolder.Reference())
	if err != nil {
		return nil, err
	}
	var templates, matching []namedObject
	for _, m := range all {
		if m.Config != nil && m.Config.Template {
			templates = append(templates, namedObject{m.Self, m.Name})
		}
		if m.Name == name {
			matching = append(matching, namedObject{m.Self, m.Name})
		}
	}
	w := wanted{what: "template", name: name, root: folders.VmFolder.Reference(), base: "/" + dc.name + "/vm", kinds: []string{"VirtualMachine"}}
	var ref types.ManagedObjectReference
	switch found, pathErr := d.byPath(ctx, w); {
	case len(matching) == 1:
		ref = matching[0].ref
	case len(matching) > 1:
		return nil, fault.New(fault.Invalid, "there are %d machines named %q: name the template's inventory path", len(matching), name)
	case pathErr == nil:
		ref = found.ref
	case fault.Is(pathErr, fault.NotFound):
		return nil, w.missing(templates)
	default:
		return nil, pathErr
	}
	m, err := d.read(ctx, ref)
	if err == nil && (m == nil || m.Config == nil) {
		err = w.missing(templates)
	}
	if err == nil && !m.Config.Template {
		err = fault.New(fault.Invalid, "%q is a machine, not a template; the templates are: %s", name, names(templates))
	}
	return m, err
}

// place resolves everything but the template and returns the folder.
func (d *Driver) place(ctx context.Context, dc namedObject, folders *object.DatacenterFolders, r compute.PlanRequest, p *compute.Placement) (namedObject, error) {
	at := "/" + dc.name
	folder := namedObject{folders.VmFolder.Reference(), "vm"}
	var err error
	if r.Compute.Folder != "" {
		folder, err = d.resolve(ctx, wanted{
			what: "folder", name: r.Compute.Folder, root: folders.VmFolder.Reference(), base: at + "/vm", kinds: []string{"Folder"},
		})
		if err != nil {
			return folder, err
		}
	}
	p.Folder = folder.plan()
	pool, err := d.pool(ctx, folders, at, r.Compute.Pool)
	if err != nil {
		return folder, err
	}
	p.Pool = pool.plan()
	datastore := wanted{
		what: "datastore", name: r.Compute.Datastore, root: folders.DatastoreFolder.Reference(), base: at + "/datastore", kinds: []string{"Datastore"},
	}
	if p.Datastore, err = d.planned(ctx, datastore); err != nil {
		return folder, err
	}
	for _, volume := range r.Volumes {
		if volume.Datastore == "" {
			continue
		}
		datastore.name = volume.Datastore
		if p.Datastores == nil {
			p.Datastores = map[string]compute.Ref{}
		}
		if p.Datastores[volume.Name], err = d.planned(ctx, datastore); err != nil {
			return folder, err
		}
	}
	p.Network, err = d.planned(ctx, wanted{
		what: "network", name: r.Compute.Network, root: folders.NetworkFolder.Reference(), base: at + "/network", kinds: []string{"Network"},
	})
	return folder, err
}

func (d *Driver) planned(ctx context.Context, w wanted) (compute.Ref, error) {
	found, err := d.resolve(ctx, w)
	if err != nil {
		return compute.Ref{}, err
	}
	return found.plan(), nil
}

// pool finds a cluster or host of the name, and means its root pool, or else a resource pool.
func (d *Driver) pool(ctx context.Context, folders *object.DatacenterFolders, at, name string) (namedObject, error) {
	w := wanted{what: "cluster or resource pool", name: name, root: folders.HostFolder.Reference(), base: at + "/host", kinds: []string{"ComputeResource"}}
	owner, err := d.resolve(ctx, w)
	if name != "" && fault.Is(err, fault.NotFound) {
		w.kinds = []string{"ResourcePool"}
		pool, poolErr := d.resolve(ctx, w)
		if fault.Is(poolErr, fault.NotFound) {
			return pool, err // It lists the clusters, which is what people look for.
		}
		return pool, poolErr
	}
	if err != nil {
		return owner, err
	}
	client, err := d.session.connect(ctx)
	if err != nil {
		return owner, err
	}
	var resource mo.ComputeResource
	if err := property.DefaultCollector(client).RetrieveOne(ctx, owner.ref, []string{"resourcePool"}, &resource); err != nil {
		return owner, reading(err, "reading cluster "+owner.name)
	}
	if resource.ResourcePool == nil {
		return owner, fault.New(fault.Invalid, "%q has no resource pool", owner.name)
	}
	return namedObject{*resource.ResourcePool, owner.name}, nil
}

// space compares what is needed with what the datastore has.
func (d *Driver) space(ctx context.Context, client *vim25.Client, template *vm, r compute.PlanRequest, planned *compute.Planned) error {
	var ref types.ManagedObjectReference
	ref.FromString(planned.Placement.Datastore.ID)
	var datastore mo.Datastore
	if err := property.DefaultCollector(client).RetrieveOne(ctx, ref, []string{"summary"}, &datastore); err != nil {
		return reading(err, "reading datastore "+planned.Placement.Datastore.Name)
	}
	planned.FreeBytes = datastore.Summary.FreeSpace
	for _, disk := range template.disks() {
		planned.RequiredBytes += disk.Bytes
	}
	for _, volume := range r.Volumes {
		if volume.Datastore == "" || volume.Datastore == planned.Placement.Datastore.Name {
			planned.RequiredBytes += int64(volume.Size)
		}
	}
	return nil
}

// inTheWay finds machines of the name or the owner, and those that report the address.
func (d *Driver) inTheWay(ctx context.Context, client *vim25.Client, folder namedObject, r compute.PlanRequest, planned *compute.Planned) error {
	address := ""
	if prefix, err := netip.ParsePrefix(r.Network.Address); err == nil {
		address = prefix.Addr().String()
	}
	all, err := d.machines(ctx, client.ServiceContent.RootFolder)
	if err != nil {
		return err
	}
	for _, m := range all {
		sameName := m.Name == r.Name && m.Parent != nil && *m.Parent == folder.ref
		if sameName || (r.Owner != "" && m.owner() == r.Owner) {
			if err := d.addExisting(ctx, m.Self, planned); err != nil {
				return err
			}
		}
		if address != "" && slices.Contains(m.addresses(), address) {
			planned.AddressHeldBy = append(planned.AddressHeldBy, m.ref())
		}
	}
	return d.indexedAddress(ctx, client, address, all, planned)
}

func (d *Driver) addExisting(ctx context.Context, ref types.ManagedObjectReference, planned *compute.Planned) error {
	m, err := d.read(ctx, ref)
	if err != nil || m == nil {
		return err
	}
	planned.Existing = append(planned.Existing, m.machine())
	return nil
}

// indexedAddress asks vCenter's index too: it knows machines whose details this account may not read.
func (d *Driver) indexedAddress(ctx context.Context, client *vim25.Client, address string, all []*vm, planned *compute.Planned) error {
	if address == "" {
		return nil
	}
	found, err := object.NewSearchIndex(client).FindAllByIp(ctx, nil, address, true)
	if err != nil {
		return reading(err, "looking for address "+address)
	}
	for _, holder := range found {
		ref := compute.Ref{ID: holder.Reference().String(), Name: holder.Reference().Value}
		for _, m := range all {
			if m.Self == holder.Reference() {
				ref = m.ref()
			}
		}
		if !slices.Contains(planned.AddressHeldBy, ref) {
			planned.AddressHeldBy = append(planned.AddressHeldBy, ref)
		}
	}
	return nil
}

func (m *vm) ref() compute.Ref {
	ref := compute.Ref{Name: m.Name}
	if m.Config != nil {
		ref.ID = m.Config.InstanceUuid
	}
	return ref
}

// FindByOwner returns the machines that carry the owner.
func (d *Driver) FindByOwner(ctx context.Context, owner operation.Owner) ([]compute.Machine, error) {
	client, err := d.session.connect(ctx)
	if err != nil {
		return nil, err
	}
	all, err := d.machines(ctx, client.ServiceContent.RootFolder)
	if err != nil {
		return nil, err
	}
	var planned compute.Planned
	for _, m := range all {
		if owner != "" && m.owner() == owner {
			if err := d.addExisting(ctx, m.Self, &planned); err != nil {
				return nil, err
			}
		}
	}
	return planned.Existing, nil
}
