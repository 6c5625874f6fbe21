package vsphere

import (
	"context"
	"slices"
	"strings"

	"fermata/activities/compute"
	"fermata/activities/fault"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// view reads the properties of all objects of the kinds below root.
func (d *Driver) view(ctx context.Context, root types.ManagedObjectReference, kinds, properties []string, into any) error {
	err := d.viewOnce(ctx, root, kinds, properties, into)
	if sessionLost(err) { // The view ended with the session.
		err = d.viewOnce(ctx, root, kinds, properties, into)
	}
	return err
}

func (d *Driver) viewOnce(ctx context.Context, root types.ManagedObjectReference, kinds, properties []string, into any) error {
	client, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	container, err := view.NewManager(client).CreateContainerView(ctx, root, kinds, true)
	if err != nil {
		return err
	}
	defer func() {
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceAfter)
		defer cancel()
		_ = container.Destroy(tidy)
	}()
	return container.Retrieve(ctx, kinds, properties, into)
}

// named is an object of the inventory.
type namedObject struct {
	ref  types.ManagedObjectReference
	name string
}

func (n namedObject) plan() compute.Ref { return compute.Ref{ID: n.ref.String(), Name: n.name} }

// list returns the objects of the kinds below root that keep accepts, sorted by name.
func (d *Driver) list(ctx context.Context, root types.ManagedObjectReference, kinds ...string) ([]namedObject, error) {
	var content []types.ObjectContent
	if err := d.view(ctx, root, kinds, []string{"name"}, &content); err != nil {
		return nil, err
	}
	found := make([]namedObject, 0, len(content))
	for _, object := range content {
		for _, property := range object.PropSet {
			if name, ok := property.Val.(string); ok && property.Name == "name" {
				found = append(found, namedObject{object.Obj, name})
			}
		}
	}
	slices.SortFunc(found, func(a, b namedObject) int { return strings.Compare(a.name+a.ref.Value, b.name+b.ref.Value) })
	return found, nil
}

// wanted is a name of a spec to be resolved.
type wanted struct {
	what  string // For people: "folder".
	name  string // Name or inventory path; empty: the only one.
	root  types.ManagedObjectReference
	base  string // Inventory path of root, for relative paths.
	kinds []string
}

// resolve finds the one object that is meant. Faults: NotFound lists what there is, Invalid where several are meant.
func (d *Driver) resolve(ctx context.Context, w wanted) (namedObject, error) {
	if strings.Contains(w.name, "/") {
		return d.byPath(ctx, w)
	}
	all, err := d.list(ctx, w.root, w.kinds...)
	if err != nil {
		return namedObject{}, reading(err, "listing each "+w.what)
	}
	matching := all
	if w.name != "" {
		matching = nil
		for _, candidate := range all {
			if candidate.name == w.name {
				matching = append(matching, candidate)
			}
		}
	}
	switch {
	case len(matching) == 1:
		return matching[0], nil
	case len(matching) == 0:
		return namedObject{}, w.missing(all)
	case w.name == "":
		return namedObject{}, fault.New(fault.Invalid, "the spec names no %s and there are several: %s", w.what, names(all))
	}
	return namedObject{}, fault.New(fault.Invalid, "there are %d of %s %q: name its inventory path, such as %s/%s",
		len(matching), w.what, w.name, w.base, w.name)
}

func (w wanted) missing(all []namedObject) error {
	if len(all) == 0 {
		return fault.New(fault.NotFound, "there is no %s %q, nor any other that this account may see", w.what, w.name)
	}
	return fault.New(fault.NotFound, "there is no %s %q; there are: %s", w.what, w.name, names(all))
}

// names lists at most 20.
func names(all []namedObject) string {
	list := make([]string, 0, len(all))
	for _, object := range all {
		if !slices.Contains(list, object.name) {
			list = append(list, object.name)
		}
	}
	if len(list) > 20 {
		list = append(list[:20], "…")
	}
	return strings.Join(list, ", ")
}

// byPath finds an object by its inventory path, absolute or below the usual place of its kind.
func (d *Driver) byPath(ctx context.Context, w wanted) (namedObject, error) {
	client, err := d.session.connect(ctx)
	if err != nil {
		return namedObject{}, err
	}
	for _, path := range []string{w.name, w.base + "/" + strings.TrimPrefix(w.name, "/")} {
		found, err := object.NewSearchIndex(client).FindByInventoryPath(ctx, strings.TrimPrefix(path, "/"))
		if err != nil {
			return namedObject{}, reading(err, "looking for "+w.what+" "+path)
		}
		if found != nil && slices.ContainsFunc(w.kinds, func(kind string) bool { return fits(kind, found.Reference().Type) }) {
			name, err := d.nameOf(ctx, found.Reference())
			return namedObject{found.Reference(), name}, err
		}
	}
	return namedObject{}, fault.New(fault.NotFound, "there is no %s at inventory path %q, nor below %s", w.what, w.name, w.base)
}

// fits reports whether a type is, or derives from, the kind.
func fits(kind, actual string) bool {
	switch kind {
	case actual:
		return true
	case "Network":
		return actual == "DistributedVirtualPortgroup" || actual == "OpaqueNetwork"
	case "ComputeResource":
		return actual == "ClusterComputeResource"
	case "ResourcePool":
		return actual == "VirtualApp"
	}
	return false
}

func (d *Driver) nameOf(ctx context.Context, ref types.ManagedObjectReference) (string, error) {
	client, err := d.session.connect(ctx)
	if err != nil {
		return "", err
	}
	var content []types.ObjectContent
	err = property.DefaultCollector(client).RetrieveOne(ctx, ref, []string{"name"}, &content)
	if err != nil {
		return "", reading(err, "reading the name of "+ref.String())
	}
	for _, object := range content {
		for _, property := range object.PropSet {
			if name, ok := property.Val.(string); ok {
				return name, nil
			}
		}
	}
	return "", nil
}

// placed reads a planned reference back. Faults: NotFound if it has gone since.
func (d *Driver) placed(ctx context.Context, what string, planned compute.Ref) (namedObject, error) {
	var ref types.ManagedObjectReference
	if !ref.FromString(planned.ID) {
		return namedObject{}, fault.New(fault.Invalid, "the plan's %s %q has the id %q, which is none of vCenter", what, planned.Name, planned.ID)
	}
	name, err := d.nameOf(ctx, ref)
	if fault.Is(err, fault.NotFound) {
		return namedObject{}, fault.New(fault.NotFound, "the plan's %s %q (%s) has gone: plan again", what, planned.Name, planned.ID)
	}
	return namedObject{ref, name}, err
}

// machines reads all machines below root with the properties that lists need.
func (d *Driver) machines(ctx context.Context, root types.ManagedObjectReference) ([]*vm, error) {
	var found []mo.VirtualMachine
	err := d.view(ctx, root, []string{"VirtualMachine"}, []string{
		"name", "parent", "config.template", "config.instanceUuid", `config.extraConfig["` + ownerOption + `"]`,
		"guest.ipAddress", "guest.net",
	}, &found)
	if err != nil {
		return nil, reading(err, "listing the machines")
	}
	list := make([]*vm, 0, len(found))
	for _, each := range found {
		list = append(list, newVM(each))
	}
	return list, nil
}
