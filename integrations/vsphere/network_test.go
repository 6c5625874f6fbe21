package vsphere_test

import (
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"fermata/activities/operation"
	"fermata/sandbox/estate/vcenter"
	"fermata/sandbox/estate/vcenter/vcentertest"
	"fermata/spec"
)

// An adapter is connected to a network that is there, or the emulated vCenter refuses it, as the real one does.
func TestAnAdapterNeedsANetworkThatIsThere(t *testing.T) {
	t.Parallel()
	var boots atomic.Int32
	v := start(t, t.TempDir(), &boots)
	u, err := soap.ParseURL(v.URL())
	require.NoError(t, err)
	u.User = url.UserPassword(vcentertest.Username, vcentertest.Password)
	client := soap.NewClient(u, false)
	require.NoError(t, client.SetRootCAs(v.CAFile()))
	connection, err := vim25.NewClient(t.Context(), client)
	require.NoError(t, err)
	require.NoError(t, session.NewManager(connection).Login(t.Context(), u.User))
	d := vcentertest.Open(t, config(v))
	planned, err := d.Plan(t.Context(), planOf("server/web-01", vcenter.CloudTemplate))
	require.NoError(t, err)
	op := operation.Op{Key: operation.Key{Run: "01J0000000000000000000000D", Step: "deploy", Target: "web-01"}, Owner: "server/web-01"}
	_, err = d.EnsureMachine(t.Context(), op, requestOf(planned.Placement, spec.CloudInit), &operation.Memory{})
	require.NoError(t, err)
	vm, err := find.NewFinder(connection).VirtualMachine(t.Context(), "web-01")
	require.NoError(t, err)
	for name, refused := range map[string]bool{"": true, "nowhere": true, vcenter.Network: false} {
		card := &types.VirtualVmxnet3{}
		card.Key = -1
		card.Backing = &types.VirtualEthernetCardNetworkBackingInfo{VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: name}}
		changed, err := vm.Reconfigure(t.Context(), types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{
			&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: card},
		}})
		require.NoError(t, err)
		err = changed.Wait(t.Context())
		var told task.Error
		if refused {
			require.ErrorAs(t, err, &told, name)
			require.IsType(t, &types.InvalidDeviceBacking{}, told.Fault(), name)
			continue
		}
		require.NoError(t, err, name)
	}
}
