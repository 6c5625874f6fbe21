package openstack

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	client "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// What Furnish makes.
const (
	Image   = "debian-12"
	Flavor  = "m1.small"
	Public  = "public"  // 198.18.0.0/16.
	Private = "private" // A project's own, by Network: 10.30.0.0/24, of which .10 to .199 are given out.
)

// Furnish makes what every project may use: an image, a flavour, and a pool of public addresses. It
// returns the id of a flavour that no hypervisor has room for.
func (c *Cloud) Furnish(ctx context.Context) (huge string, err error) {
	admin, err := c.Login(ctx, Admin, c.secret, Admin)
	if err != nil {
		return "", err
	}
	if err := c.furnishImages(ctx, admin); err != nil {
		return "", fmt.Errorf("making an image: %w", err)
	}
	compute, err := client.NewComputeV2(admin, Internal())
	if err != nil {
		return "", err
	}
	disk := 1
	if _, err := flavors.Create(ctx, compute, flavors.CreateOpts{Name: Flavor, RAM: 512, VCPUs: 1, Disk: &disk}).Extract(); err != nil {
		return "", fmt.Errorf("making a flavour: %w", err)
	}
	none, err := flavors.Create(ctx, compute, flavors.CreateOpts{Name: "huge", RAM: 512, VCPUs: 100_000, Disk: &disk}).Extract()
	if err != nil {
		return "", fmt.Errorf("making a flavour: %w", err)
	}
	return none.ID, c.furnishPool(ctx, admin)
}

func (c *Cloud) furnishImages(ctx context.Context, admin *gophercloud.ProviderClient) error {
	var err error
	for range 60 { // Glance listens before it serves.
		public := images.ImageVisibilityPublic
		if err = c.AddImage(ctx, admin, Image, &public); err == nil {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return err
		}
	}
	return err
}

// AddImage makes an image with a little in it.
func (c *Cloud) AddImage(ctx context.Context, of *gophercloud.ProviderClient, name string, visibility *images.ImageVisibility) error {
	glance, err := client.NewImageV2(of, Internal())
	if err != nil {
		return err
	}
	made, err := images.Create(ctx, glance, images.CreateOpts{Name: name, ContainerFormat: "bare", DiskFormat: "raw", Visibility: visibility}).Extract()
	if err != nil {
		return err
	}
	return imagedata.Upload(ctx, glance, made.ID, strings.NewReader("nothing boots from this")).ExtractErr()
}

func (c *Cloud) furnishPool(ctx context.Context, admin *gophercloud.ProviderClient) error {
	neutron, err := client.NewNetworkV2(admin, Internal())
	if err != nil {
		return err
	}
	yes, no := true, false
	outside, err := networks.Create(ctx, neutron, external.CreateOptsExt{CreateOptsBuilder: networks.CreateOpts{Name: Public, AdminStateUp: &yes}, External: &yes}).Extract()
	if err != nil {
		return fmt.Errorf("making the external network: %w", err)
	}
	_, err = subnets.Create(ctx, neutron, subnets.CreateOpts{NetworkID: outside.ID, CIDR: "198.18.0.0/16", IPVersion: gophercloud.IPv4, EnableDHCP: &no}).Extract()
	c.outside = outside.ID
	return err
}

// Network makes a project's own network, with a router to the pool of public addresses.
func (c *Cloud) Network(ctx context.Context, of *gophercloud.ProviderClient) error {
	neutron, err := client.NewNetworkV2(of, Internal())
	if err != nil {
		return err
	}
	yes, no := true, false
	inside, err := networks.Create(ctx, neutron, networks.CreateOpts{Name: Private, AdminStateUp: &yes}).Extract()
	if err != nil {
		return fmt.Errorf("making the network: %w", err)
	}
	subnet, err := subnets.Create(ctx, neutron, subnets.CreateOpts{
		NetworkID: inside.ID, CIDR: "10.30.0.0/24", IPVersion: gophercloud.IPv4, EnableDHCP: &no,
		AllocationPools: []subnets.AllocationPool{{Start: "10.30.0.10", End: "10.30.0.199"}},
	}).Extract()
	if err != nil {
		return fmt.Errorf("making the subnet: %w", err)
	}
	router, err := routers.Create(ctx, neutron, routers.CreateOpts{Name: "edge", AdminStateUp: &yes, GatewayInfo: &routers.GatewayInfo{NetworkID: c.outside}}).Extract()
	if err != nil {
		return fmt.Errorf("making the router: %w", err)
	}
	_, err = routers.AddInterface(ctx, neutron, router.ID, routers.AddInterfaceOpts{SubnetID: subnet.ID}).Extract()
	return err
}
