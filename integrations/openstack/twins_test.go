package openstack_test

import (
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	client "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/operation"
	emulator "fermata/sandbox/estate/openstack"
)

// TestTwinsAreSettled: another attempt has made the same of everything at the same moment. The next look keeps one of each, and
// what is in use is never what goes.
func TestTwinsAreSettled(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	d, p := open(t, b.config()), &operation.Memory{}
	o := op("01JRUNA", "instance", "web-01")
	group, volume, address := o, o, o
	group.Key.Step, volume.Key.Step, address.Key.Step = "group", "volume/data", "address"
	mark := func(o operation.Op) string { return "fermata " + o.Key.String() + " " + string(o.Owner) }

	r := request(t, d, o)
	planned, err := d.Plan(t.Context(), cloud.PlanRequest{Owner: o.Owner, Name: "web-01", Image: "debian-12", Flavor: "m1.small", Network: "private", Public: "public"})
	require.NoError(t, err)
	provider := people(t, b)
	network, err := client.NewNetworkV2(provider, gophercloud.EndpointOpts{})
	require.NoError(t, err)
	block, err := client.NewBlockStorageV3(provider, gophercloud.EndpointOpts{})
	require.NoError(t, err)
	for range 2 {
		_, err = ports.Create(t.Context(), network, ports.CreateOpts{NetworkID: r.Placement.Network.ID, Description: mark(o), SecurityGroups: &[]string{r.GroupID}}).Extract()
		require.NoError(t, err)
	}
	made, err := d.EnsureInstance(t.Context(), o, r, p)
	require.NoError(t, err)
	disk, err := d.EnsureVolume(t.Context(), volume, made.ID, cloud.Volume{Name: "data", Bytes: 1 << 30}, "", p)
	require.NoError(t, err)
	public, err := d.EnsureAddress(t.Context(), address, made.ID, planned.Placement.Public, p)
	require.NoError(t, err)

	_, err = groups.Create(t.Context(), network, groups.CreateOpts{Name: "web-01", Description: mark(group)}).Extract()
	require.NoError(t, err)
	_, err = floatingips.Create(t.Context(), network, floatingips.CreateOpts{FloatingNetworkID: planned.Placement.Public.ID, Description: mark(address)}).Extract()
	require.NoError(t, err)
	second, err := volumes.Create(t.Context(), block, volumes.CreateOpts{
		Size: 1, Name: "data", Metadata: map[string]string{"fermata_key": volume.Key.String(), "fermata_owner": string(volume.Owner)},
	}, nil).Extract()
	require.NoError(t, err)
	eventually(t, func() bool {
		v, err := volumes.Get(t.Context(), block, second.ID).Extract()
		return err == nil && v.Status == "available"
	})
	require.Equal(t, emulator.Counted{Servers: 1, Ports: 1, Groups: 2, Floating: 2, Volumes: 2}, b.Count())

	again, err := d.EnsureGroup(t.Context(), group, "web-01", p)
	require.NoError(t, err)
	require.Equal(t, r.GroupID, again.ID)
	sameDisk, err := d.EnsureVolume(t.Context(), volume, made.ID, cloud.Volume{Name: "data", Bytes: 1 << 30}, "", p)
	require.NoError(t, err)
	require.Equal(t, disk, sameDisk)
	samePublic, err := d.EnsureAddress(t.Context(), address, made.ID, planned.Placement.Public, p)
	require.NoError(t, err)
	require.Equal(t, public, samePublic)
	eventually(t, func() bool {
		return b.Count() == emulator.Counted{Servers: 1, Ports: 1, Groups: 1, Floating: 1, Volumes: 1}
	})
}
