// Package vcentertest looks at a vCenter around its driver, for tests of the driver: with a client of its own, it counts what
// is there, and does what a person would do in the user interface.
package vcentertest

import (
	"net/url"
	"slices"
	"testing"

	"fermata/sandbox/estate/vcenter"

	"github.com/stretchr/testify/require"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// The administrator of the vCenters under test.
const (
	Username = "fermata@vsphere.local"
	Password = "right"
)

// Around is a client that has nothing to do with the driver.
func Around(t *testing.T, v *vcenter.VCenter) *vim25.Client {
	t.Helper()
	target, err := soap.ParseURL(v.URL())
	require.NoError(t, err)
	wire := soap.NewClient(target, false)
	require.NoError(t, wire.SetRootCAs(v.CAFile()))
	client, err := vim25.NewClient(t.Context(), wire)
	require.NoError(t, err)
	require.NoError(t, session.NewManager(client).Login(t.Context(), url.UserPassword(Username, Password)))
	return client
}

func machines(t *testing.T, client *vim25.Client) (all []mo.VirtualMachine) {
	t.Helper()
	container, err := view.NewManager(client).CreateContainerView(t.Context(), client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	require.NoError(t, err)
	require.NoError(t, container.Retrieve(t.Context(), []string{"VirtualMachine"}, []string{"name", "config", "network"}, &all))
	return slices.DeleteFunc(all, func(m mo.VirtualMachine) bool { return m.Config == nil || m.Config.Template })
}

// Count counts the machines and their disks, templates left out.
func Count(t *testing.T, v *vcenter.VCenter) (vms, disks int) {
	t.Helper()
	for _, m := range machines(t, Around(t, v)) {
		vms++
		disks += len(object.VirtualDeviceList(m.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)))
	}
	return vms, disks
}

// Foreign clones a machine as a person would in the user interface, and returns its instance UUID.
func Foreign(t *testing.T, v *vcenter.VCenter, name string) string {
	t.Helper()
	ctx, client := t.Context(), Around(t, v)
	finder := find.NewFinder(client)
	template, err := finder.VirtualMachine(ctx, "/DC0/vm/"+vcenter.CloudTemplate)
	require.NoError(t, err)
	folder, err := finder.Folder(ctx, "/DC0/vm/"+vcenter.ServersFolder)
	require.NoError(t, err)
	pool, err := finder.ResourcePool(ctx, "/DC0/host/DC0_C0/Resources")
	require.NoError(t, err)
	ref := pool.Reference()
	task, err := template.Clone(ctx, folder, name, types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &ref}})
	require.NoError(t, err)
	require.NoError(t, task.Wait(ctx))
	for _, m := range machines(t, client) {
		if m.Name == name {
			return m.Config.InstanceUuid
		}
	}
	require.Fail(t, "the foreign machine is missing")
	return ""
}

// Tags lists the tags of a machine as "category/name", sorted.
func Tags(t *testing.T, v *vcenter.VCenter, id string) (names []string) {
	t.Helper()
	client := Around(t, v)
	ref, err := object.NewSearchIndex(client).FindByUuid(t.Context(), nil, id, true, types.NewBool(true))
	require.NoError(t, err)
	require.NotNil(t, ref)
	wire := rest.NewClient(client)
	require.NoError(t, wire.Login(t.Context(), url.UserPassword(Username, Password)))
	manager := tags.NewManager(wire)
	attached, err := manager.GetAttachedTags(t.Context(), ref)
	require.NoError(t, err)
	for _, tag := range attached {
		category, err := manager.GetCategory(t.Context(), tag.CategoryID)
		require.NoError(t, err)
		names = append(names, category.Name+"/"+tag.Name)
	}
	slices.Sort(names)
	return names
}
