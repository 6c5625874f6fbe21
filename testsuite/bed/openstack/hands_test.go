//go:build openstack

package openstack_test

import (
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	client "github.com/gophercloud/gophercloud/v2/openstack"
	block "github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/stretchr/testify/require"

	"fermata/activities/cloud/cloudtest"
	"fermata/testsuite/bed/openstack"
)

// hands reach into a project around the driver, some of them as the administrator.
type hands struct {
	compute, network, volume, image         *gophercloud.ServiceClient
	adminCompute, adminNetwork, adminVolume *gophercloud.ServiceClient
	project                                 string
}

func newHands(t *testing.T, own, admin *gophercloud.ProviderClient, project string) *hands {
	t.Helper()
	h := &hands{
		compute: service(t, novas, own), network: service(t, neutrons, own), volume: service(t, cinders, own), image: service(t, client.NewImageV2, own),
		adminCompute: service(t, novas, admin), adminNetwork: service(t, neutrons, admin), adminVolume: service(t, cinders, admin), project: project,
	}
	h.adminCompute.Microversion = "2.3" // It shows user data to administrators.
	return h
}

func (h *hands) servers(t *testing.T) []servers.Server {
	t.Helper()
	pages, err := servers.List(h.compute, nil).AllPages(t.Context())
	require.NoError(t, err)
	list, err := servers.ExtractServers(pages)
	require.NoError(t, err)
	return list
}

func (h *hands) ports(t *testing.T, by ports.ListOpts) []ports.Port {
	t.Helper()
	by.ProjectID = h.project
	pages, err := ports.List(h.network, by).AllPages(t.Context())
	require.NoError(t, err)
	list, err := ports.ExtractPorts(pages)
	require.NoError(t, err)
	return list
}

func (h *hands) floating(t *testing.T) []floatingips.FloatingIP {
	t.Helper()
	pages, err := floatingips.List(h.network, floatingips.ListOpts{ProjectID: h.project}).AllPages(t.Context())
	require.NoError(t, err)
	list, err := floatingips.ExtractFloatingIPs(pages)
	require.NoError(t, err)
	return list
}

func (h *hands) groups(t *testing.T) (list []groups.SecGroup) {
	t.Helper()
	pages, err := groups.List(h.network, groups.ListOpts{ProjectID: h.project}).AllPages(t.Context())
	require.NoError(t, err)
	all, err := groups.ExtractGroups(pages)
	require.NoError(t, err)
	for _, g := range all {
		if g.Name != "default" {
			list = append(list, g)
		}
	}
	return list
}

func (h *hands) volumes(t *testing.T) []volumes.Volume {
	t.Helper()
	pages, err := volumes.List(h.volume, volumes.ListOpts{}).AllPages(t.Context())
	require.NoError(t, err)
	list, err := volumes.ExtractVolumes(pages)
	require.NoError(t, err)
	return list
}

func (h *hands) count(t *testing.T) cloudtest.Counted {
	t.Helper()
	return cloudtest.Counted{
		Instances: len(h.servers(t)), Groups: len(h.groups(t)), Disks: len(h.volumes(t)), Addresses: len(h.floating(t)), Others: len(h.ports(t, ports.ListOpts{})),
	}
}

func (h *hands) ingress(t *testing.T, groupID string) (list []string) {
	t.Helper()
	g, err := groups.Get(t.Context(), h.network, groupID).Extract()
	require.NoError(t, err)
	for _, r := range g.Rules {
		if r.Direction == "ingress" {
			list = append(list, r.RemoteIPPrefix+" "+r.Protocol)
		}
	}
	return list
}

func (h *hands) egress(t *testing.T, groupID string) bool {
	t.Helper()
	g, err := groups.Get(t.Context(), h.network, groupID).Extract()
	require.NoError(t, err)
	families := map[string]bool{}
	for _, r := range g.Rules {
		if r.Direction == "egress" && r.RemoteIPPrefix == "" && r.Protocol == "" {
			families[r.EtherType] = true
		}
	}
	return families["IPv4"] && families["IPv6"]
}

func (h *hands) userData(t *testing.T, id string) string {
	t.Helper()
	v, err := servers.Get(t.Context(), h.adminCompute, id).Extract()
	require.NoError(t, err)
	return decoded(t, v.Userdata)
}

func (h *hands) tags(t *testing.T, id string) map[string]string {
	t.Helper()
	v, err := servers.Get(t.Context(), h.compute, id).Extract()
	require.NoError(t, err)
	return v.Metadata
}

func (h *hands) groupsOf(t *testing.T, id string) (list []string) {
	t.Helper()
	for _, p := range h.ports(t, ports.ListOpts{DeviceID: id}) {
		list = append(list, p.SecurityGroups...)
	}
	return list
}

func (h *hands) leads(t *testing.T, address string) string {
	t.Helper()
	for _, f := range h.floating(t) {
		if f.FloatingIP == address && f.PortID != "" {
			p, err := ports.Get(t.Context(), h.network, f.PortID).Extract()
			require.NoError(t, err)
			return p.DeviceID
		}
	}
	return ""
}

func (h *hands) flavor(t *testing.T) string {
	t.Helper()
	pages, err := flavors.ListDetail(h.compute, nil).AllPages(t.Context())
	require.NoError(t, err)
	list, err := flavors.ExtractFlavors(pages)
	require.NoError(t, err)
	for _, f := range list {
		if f.Name == openstack.Flavor {
			return f.ID
		}
	}
	t.Fatal("the flavour is gone")
	return ""
}

// foreign boots a server that carries nothing of Fermata's.
func (h *hands) foreign(t *testing.T, name string) string {
	t.Helper()
	pages, err := images.List(h.image, images.ListOpts{Name: openstack.Image}).AllPages(t.Context())
	require.NoError(t, err)
	image, err := images.ExtractImages(pages)
	require.NoError(t, err)
	pages, err = networks.List(h.network, networks.ListOpts{Name: openstack.Private}).AllPages(t.Context())
	require.NoError(t, err)
	network, err := networks.ExtractNetworks(pages)
	require.NoError(t, err)
	made, err := servers.Create(t.Context(), h.compute, servers.CreateOpts{
		Name: name, ImageRef: image[0].ID, FlavorRef: h.flavor(t), Networks: []servers.Network{{UUID: network[0].ID}},
	}, nil).Extract()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		v, err := servers.Get(t.Context(), h.compute, made.ID).Extract()
		return err == nil && v.Status == "ACTIVE"
	}, 2*time.Minute, 200*time.Millisecond)
	return made.ID
}

// fill sets a quota to what there is.
func (h *hands) fill(t *testing.T, r cloudtest.Resource) {
	t.Helper()
	n := h.count(t)
	var err error
	switch r {
	case cloudtest.Instances:
		_, err = quotasets.Update(t.Context(), h.adminCompute, h.project, quotasets.UpdateOpts{Instances: &n.Instances, Force: true}).Extract()
	case cloudtest.Groups:
		with := n.Groups + 1 // The default group counts.
		_, err = quotas.Update(t.Context(), h.adminNetwork, h.project, quotas.UpdateOpts{SecurityGroup: &with}).Extract()
	case cloudtest.Addresses:
		_, err = quotas.Update(t.Context(), h.adminNetwork, h.project, quotas.UpdateOpts{FloatingIP: &n.Addresses}).Extract()
	case cloudtest.Volumes:
		_, err = block.Update(t.Context(), h.adminVolume, h.project, block.UpdateOpts{Volumes: &n.Disks}).Extract()
	}
	require.NoError(t, err)
}
