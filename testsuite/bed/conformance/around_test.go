package conformance

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

// around is a client that has nothing to do with the driver.
func around(t *testing.T, v *vcenter.VCenter) *vim25.Client {
	t.Helper()
	target, err := soap.ParseURL(v.URL())
	require.NoError(t, err)
	wire := soap.NewClient(target, false)
	require.NoError(t, wire.SetRootCAs(v.CAFile()))
	client, err := vim25.NewClient(t.Context(), wire)
	require.NoError(t, err)
	require.NoError(t, session.NewManager(client).Login(t.Context(), url.UserPassword(administrator, "right")))
	return client
}

func machinesOf(t *testing.T, client *vim25.Client) (machines []mo.VirtualMachine) {
	t.Helper()
	container, err := view.NewManager(client).CreateContainerView(t.Context(), client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	require.NoError(t, err)
	require.NoError(t, container.Retrieve(t.Context(), []string{"VirtualMachine"}, []string{"name", "config", "network"}, &machines))
	return slices.DeleteFunc(machines, func(m mo.VirtualMachine) bool { return m.Config == nil || m.Config.Template })
}

func count(t *testing.T, v *vcenter.VCenter) (machines, disks int) {
	t.Helper()
	for _, m := range machinesOf(t, around(t, v)) {
		machines++
		disks += len(object.VirtualDeviceList(m.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)))
	}
	return machines, disks
}

// foreign clones a machine as a person would in the user interface.
func foreign(t *testing.T, v *vcenter.VCenter, name string) string {
	t.Helper()
	ctx, client := t.Context(), around(t, v)
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
	for _, m := range machinesOf(t, client) {
		if m.Name == name {
			return m.Config.InstanceUuid
		}
	}
	require.Fail(t, "the foreign machine is missing")
	return ""
}

func tagsOf(t *testing.T, v *vcenter.VCenter, id string) (names []string) {
	t.Helper()
	client := around(t, v)
	ref, err := object.NewSearchIndex(client).FindByUuid(t.Context(), nil, id, true, types.NewBool(true))
	require.NoError(t, err)
	require.NotNil(t, ref)
	wire := rest.NewClient(client)
	require.NoError(t, wire.Login(t.Context(), url.UserPassword(administrator, "right")))
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
