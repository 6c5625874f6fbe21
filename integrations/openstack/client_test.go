package openstack_test

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	client "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/operation"
	"fermata/integrations/httpx"
)

// people is somebody who uses the cloud beside Fermata.
func people(t *testing.T, b bench) *gophercloud.ProviderClient {
	t.Helper()
	provider, err := client.NewClient(b.URL())
	require.NoError(t, err)
	roots, err := httpx.Roots(b.CAFile())
	require.NoError(t, err)
	provider.HTTPClient = http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}}
	require.NoError(t, client.AuthenticateV3(t.Context(), provider, &gophercloud.AuthOptions{
		Username: "fermata", Password: password, DomainName: "Default", Scope: &gophercloud.AuthScope{ProjectName: project, DomainName: "Default"},
	}, gophercloud.EndpointOpts{}))
	return provider
}

// foreign boots a server that carries nothing of Fermata's, on a port that Nova makes.
func foreign(t *testing.T, b bench, name string) string {
	t.Helper()
	provider := people(t, b)
	compute, err := client.NewComputeV2(provider, gophercloud.EndpointOpts{})
	require.NoError(t, err)
	network, err := client.NewNetworkV2(provider, gophercloud.EndpointOpts{})
	require.NoError(t, err)
	image, err := client.NewImageV2(provider, gophercloud.EndpointOpts{})
	require.NoError(t, err)
	pages, err := images.List(image, images.ListOpts{Name: "debian-12"}).AllPages(t.Context())
	require.NoError(t, err)
	imageList, err := images.ExtractImages(pages)
	require.NoError(t, err)
	pages, err = flavors.ListDetail(compute, nil).AllPages(t.Context())
	require.NoError(t, err)
	flavorList, err := flavors.ExtractFlavors(pages)
	require.NoError(t, err)
	pages, err = networks.List(network, networks.ListOpts{Name: "private"}).AllPages(t.Context())
	require.NoError(t, err)
	networkList, err := networks.ExtractNetworks(pages)
	require.NoError(t, err)
	made, err := servers.Create(t.Context(), compute, servers.CreateOpts{
		Name: name, ImageRef: imageList[0].ID, FlavorRef: flavorList[0].ID, Networks: []servers.Network{{UUID: networkList[0].ID}},
	}, nil).Extract()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		v, err := servers.Get(t.Context(), compute, made.ID).Extract()
		return err == nil && v.Status == "ACTIVE"
	}, time.Minute, 5*time.Millisecond)
	return made.ID
}

// twin asks Nova for another server on the port of an operation, as an attempt would that has just looked and seen none.
func twin(t *testing.T, b bench, o operation.Op, r cloud.Request) {
	t.Helper()
	provider := people(t, b)
	compute, err := client.NewComputeV2(provider, gophercloud.EndpointOpts{})
	require.NoError(t, err)
	network, err := client.NewNetworkV2(provider, gophercloud.EndpointOpts{})
	require.NoError(t, err)
	pages, err := ports.List(network, ports.ListOpts{Name: r.Name}).AllPages(t.Context())
	require.NoError(t, err)
	list, err := ports.ExtractPorts(pages)
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = servers.Create(t.Context(), compute, servers.CreateOpts{
		Name: r.Name, ImageRef: r.Placement.Image.ID, FlavorRef: r.Placement.Flavor.ID, Networks: []servers.Network{{Port: list[0].ID}},
		Metadata: map[string]string{"fermata_key": o.Key.String(), "fermata_owner": string(o.Owner)},
	}, nil).Extract()
	require.NoError(t, err)
}

func eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, time.Minute, 5*time.Millisecond)
}
