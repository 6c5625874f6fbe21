package openstack

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/availabilityzones"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/integrations/cloudx"
)

// Plan resolves names to ids, looks for what is in the way, and asks for quotas.
func (d *Driver) Plan(ctx context.Context, r cloud.PlanRequest) (planned cloud.Planned, err error) {
	if err := r.Valid(); err != nil {
		return planned, err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return planned, err
	}
	for _, step := range []func(context.Context, *services, cloud.PlanRequest, *cloud.Planned) error{
		d.planMachine, d.planNetworks, d.planZone, d.planKeyPair, d.planExisting, d.planQuotas,
	} {
		if err := step(ctx, s, r, &planned); err != nil {
			return cloud.Planned{}, err
		}
	}
	return planned, nil
}

func (d *Driver) planMachine(ctx context.Context, s *services, r cloud.PlanRequest, into *cloud.Planned) error {
	allImages, err := all(ctx, images.List(s.image, images.ListOpts{Status: images.ImageStatusActive}), images.ExtractImages, "images")
	if err != nil {
		return err
	}
	image, err := cloudx.Resolve(allImages, func(i images.Image) cloud.Ref { return cloud.Ref{ID: i.ID, Name: i.Name} }, r.Image, "image")
	if err != nil {
		return err
	}
	allFlavors, err := all(ctx, flavors.ListDetail(s.compute, flavors.ListOpts{}), flavors.ExtractFlavors, "flavours")
	if err != nil {
		return err
	}
	flavor, err := cloudx.Resolve(allFlavors, func(f flavors.Flavor) cloud.Ref { return cloud.Ref{ID: f.ID, Name: f.Name} }, r.Flavor, "flavour")
	if err != nil {
		return err
	}
	if flavor.RAM < image.MinRAMMegabytes || flavor.Disk > 0 && flavor.Disk < image.MinDiskGigabytes {
		return fault.New(fault.Invalid, "flavour %s (%d MiB, %d GiB) is too small for image %s, which wants %d MiB and %d GiB",
			flavor.Name, flavor.RAM, flavor.Disk, image.Name, image.MinRAMMegabytes, image.MinDiskGigabytes)
	}
	into.Placement.Image, into.Placement.Flavor = cloud.Ref{ID: image.ID, Name: image.Name}, cloud.Ref{ID: flavor.ID, Name: flavor.Name}
	into.CPUs, into.MemoryBytes = flavor.VCPUs, int64(flavor.RAM)<<20
	return nil
}

// outer is a network with what Neutron's extension of that name says.
type outer struct {
	networks.Network
	external.NetworkExternalExt
}

func extractNetworks(p pagination.Page) (list []outer, err error) {
	err = networks.ExtractNetworksInto(p, &list)
	return list, err
}

func (d *Driver) planNetworks(ctx context.Context, s *services, r cloud.PlanRequest, into *cloud.Planned) error {
	list, err := all(ctx, networks.List(s.network, networks.ListOpts{}), extractNetworks, "networks")
	if err != nil {
		return err
	}
	ref := func(n outer) cloud.Ref { return cloud.Ref{ID: n.ID, Name: n.Name} }
	network, err := cloudx.Resolve(list, ref, r.Network, "network")
	if err != nil {
		return err
	}
	into.Placement.Network = ref(network)
	if r.Public != "" {
		pools := slices.DeleteFunc(list, func(n outer) bool { return !n.External })
		pool, err := cloudx.Resolve(pools, ref, r.Public, "external network")
		if err != nil {
			return err
		}
		into.Placement.Public = ref(pool)
	}
	if r.Address == "" {
		return nil
	}
	holders, err := all(ctx, ports.List(s.network, ports.ListOpts{
		NetworkID: network.ID, FixedIPs: []ports.FixedIPOpts{{IPAddress: r.Address}},
	}), ports.ExtractPorts, "ports")
	for _, p := range holders {
		into.AddressHeldBy = append(into.AddressHeldBy, cloud.Ref{ID: p.ID, Name: p.Name})
	}
	return err
}

func (d *Driver) planZone(ctx context.Context, s *services, r cloud.PlanRequest, into *cloud.Planned) error {
	if r.Zone == "" {
		return nil
	}
	list, err := all(ctx, availabilityzones.List(s.compute), availabilityzones.ExtractAvailabilityZones, "availability zones")
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(z availabilityzones.AvailabilityZone) bool { return !z.ZoneState.Available })
	zone, err := cloudx.Resolve(list, func(z availabilityzones.AvailabilityZone) cloud.Ref {
		return cloud.Ref{ID: z.ZoneName, Name: z.ZoneName}
	}, r.Zone, "availability zone")
	into.Placement.Zone = zone.ZoneName
	return err
}

// planKeyPair names a key pair by its fingerprint: one that is replaced under the same name is another.
func (d *Driver) planKeyPair(ctx context.Context, s *services, r cloud.PlanRequest, into *cloud.Planned) error {
	if r.KeyPair == "" {
		return nil
	}
	list, err := all(ctx, keypairs.List(s.compute, keypairs.ListOpts{}), keypairs.ExtractKeyPairs, "key pairs")
	if err != nil {
		return err
	}
	ref := func(k keypairs.KeyPair) cloud.Ref { return cloud.Ref{ID: k.Fingerprint, Name: k.Name} }
	pair, err := cloudx.Resolve(list, ref, r.KeyPair, "key pair")
	into.Placement.KeyPair = ref(pair)
	return err
}

func (d *Driver) planExisting(ctx context.Context, s *services, r cloud.PlanRequest, into *cloud.Planned) error {
	list, err := s.listServers(ctx)
	if err != nil {
		return err
	}
	floating, err := s.listFloating(ctx)
	for _, v := range list {
		if v.Name == r.Name || serverMark(v).Owner == r.Owner {
			into.Existing = append(into.Existing, describe(v, floating))
		}
	}
	return err
}
