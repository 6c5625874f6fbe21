package vcenter

import (
	"context"
	"fmt"
	"net/url"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const gib = int64(1) << 30

// templates are the same in every vCenter of the sandbox, instance UUIDs included.
func templates() []record {
	made := make([]record, 0, 2)
	for _, name := range []string{CloudTemplate, VMwareTemplate} {
		id := uuid.NewSHA1(uuid.NameSpaceDNS, []byte(name+".template.sandbox"))
		made = append(made, record{
			Name: name, Template: true, ID: id.String(), BIOS: uuid.NewSHA1(id, []byte("bios")).String(),
			GuestID: string(types.VirtualMachineGuestOsIdentifierDebian12_64Guest), CPUs: 1, MemoryMB: 1024,
			Disks: []Disk{{UUID: uuid.NewSHA1(id, []byte("disk")).String(), Bytes: 8 * gib}},
		})
	}
	return made
}

// place is where the sandbox's machines go.
type place struct {
	root    *object.Folder
	servers *object.Folder
	pool    *object.ResourcePool
}

// populate makes the folder and the templates, restores what was saved, then begins to watch.
func (v *VCenter) populate(ctx context.Context) error {
	where, err := v.place(ctx)
	if err != nil {
		return fmt.Errorf("laying out the vCenter's inventory: %w", err)
	}
	saved, err := v.store.load()
	if err != nil {
		return err
	}
	var on []types.ManagedObjectReference
	for _, r := range append(templates(), saved...) {
		ref, err := v.create(ctx, where, r)
		if err != nil {
			return fmt.Errorf("restoring machine %q of the vCenter: %w", r.Name, err)
		}
		if r.Power == types.VirtualMachinePowerStatePoweredOn {
			on = append(on, ref)
		}
	}
	v.store.restored = saved
	v.watch()
	for _, ref := range on {
		task, err := object.NewVirtualMachine(v.client, ref).PowerOn(ctx)
		if err == nil {
			err = task.Wait(ctx)
		}
		if err != nil {
			return fmt.Errorf("powering machine %s on again: %w", ref.Value, err)
		}
	}
	return nil
}

func (v *VCenter) place(ctx context.Context) (p place, err error) {
	finder := find.NewFinder(v.client)
	dc, err := finder.Datacenter(ctx, Datacenter)
	if err != nil {
		return p, err
	}
	folders, err := dc.Folders(ctx)
	if err != nil {
		return p, err
	}
	p.root = folders.VmFolder
	if p.servers, err = p.root.CreateFolder(ctx, ServersFolder); err != nil {
		return p, err
	}
	p.pool, err = finder.ResourcePool(ctx, "/"+Datacenter+"/host/"+Cluster+"/Resources")
	return p, err
}

// create makes a machine as a record has it.
func (v *VCenter) create(ctx context.Context, where place, r record) (ref types.ManagedObjectReference, err error) {
	folder := where.root
	if r.Folder == ServersFolder {
		folder = where.servers
	}
	task, err := folder.CreateVM(ctx, r.spec(), where.pool, nil)
	if err != nil {
		return ref, err
	}
	info, err := task.WaitForResult(ctx)
	if err != nil {
		return ref, err
	}
	ref = info.Result.(types.ManagedObjectReference)
	if r.Custom != nil {
		v.customs.set(r.ID, r.Custom)
	}
	if r.Template {
		return ref, object.NewVirtualMachine(v.client, ref).MarkAsTemplate(ctx)
	}
	return ref, nil
}

// furnish makes the tags through the REST interface, as an administrator would.
func (v *VCenter) furnish(ctx context.Context) error {
	err := v.asAdministrator(ctx, func(manager *tags.Manager) error {
		category, err := manager.CreateCategory(ctx, &tags.Category{
			Name: TagCategory, Cardinality: "SINGLE", AssociableTypes: []string{"VirtualMachine"},
		})
		if err != nil {
			return err
		}
		for _, name := range []string{"lab", "production"} {
			if _, err := manager.CreateTag(ctx, &tags.Tag{Name: name, CategoryID: category}); err != nil {
				return err
			}
		}
		if err := v.retag(ctx, manager); err != nil {
			return err
		}
		v.category.Store(&category)
		return nil
	})
	if err != nil {
		return fmt.Errorf("making the vCenter's tags: %w", err)
	}
	v.store.touch()
	return nil
}

// asAdministrator opens a REST session past the front, so that no fault can hit it.
func (v *VCenter) asAdministrator(ctx context.Context, do func(*tags.Manager) error) error {
	target, err := soap.ParseURL(v.url)
	if err != nil {
		return err
	}
	wire := soap.NewClient(target, false)
	client := rest.NewClient(&vim25.Client{Client: wire})
	client.Transport = inProcess{v.model.Service.ServeMux}
	if err := client.Login(ctx, url.UserPassword(v.options.Username, v.options.Password)); err != nil {
		return err
	}
	defer func() { _ = client.Logout(ctx) }()
	return do(tags.NewManager(client))
}

// retag attaches the tags that restored machines had.
func (v *VCenter) retag(ctx context.Context, manager *tags.Manager) error {
	for _, r := range v.store.restored {
		if len(r.Tags) == 0 {
			continue
		}
		ref, ok := v.find(r.ID)
		if !ok {
			continue
		}
		for _, tag := range r.Tags {
			id, err := manager.GetTagForCategory(ctx, tag, TagCategory)
			if err != nil {
				return err
			}
			if err := manager.AttachTag(ctx, id.ID, ref); err != nil {
				return err
			}
		}
	}
	return nil
}
