package estate

import (
	"context"
	"net/netip"

	"fermata/sandbox/estate/bastion"
	"fermata/sandbox/estate/openstack"
)

// What the cloud is called, and has.
const (
	CloudUser    = "fermata"
	CloudProject = "apps"
	CloudRegion  = "sandbox-1"
)

// CloudNetwork is where instances get their addresses; PublicNetwork gives floating ones.
var (
	CloudNetwork  = netip.MustParsePrefix("10.30.0.0/24")
	PublicNetwork = netip.MustParsePrefix("203.0.113.0/24")
)

// WorkerNetwork is where workers come from: the bastion's.
var WorkerNetwork = netip.PrefixFrom(bastion.Address, 32)

func (e *Estate) startCloud(context.Context) error {
	if e.o.CloudPassword == "" {
		return nil
	}
	folder, err := e.folder(Cloud)
	if err != nil {
		return err
	}
	machines, err := e.folder("instances")
	if err != nil {
		return err
	}
	e.Instances = NewInstances(InstanceOptions{Folder: machines, Network: e.Network, Faults: e.o.Faults[Guests], Log: e.o.Log})
	e.onClose(e.Instances.Close)
	e.Cloud, err = openstack.Start(openstack.Options{
		Folder: folder, Listen: before(folder), Region: CloudRegion, Users: []openstack.User{{Name: CloudUser, Password: e.o.CloudPassword, Project: CloudProject}},
		Images:  []openstack.Image{{Name: "debian-12", MinDisk: 5, MinRAM: 512}},
		Flavors: []openstack.Flavor{{Name: "m1.small", CPUs: 1, Memory: 2048, GiB: 20}, {Name: "m1.medium", CPUs: 2, Memory: 4096, GiB: 40}},
		Networks: []openstack.Network{
			{Name: "apps", Prefixes: []netip.Prefix{CloudNetwork}}, {Name: "internet", Prefixes: []netip.Prefix{PublicNetwork}, External: true},
		},
		Quotas: map[string]int{"instances": 20, "cores": 40, "ram": 81920, "volumes": 40, "gigabytes": 1000, "security_group": 40, "floatingip": 10},
		Guests: e.Instances, Faults: e.o.Faults[Cloud], Log: e.o.Log,
	})
	if err != nil {
		return err
	}
	e.onClose(e.Cloud.Close)
	e.Network.SetFilter(FilterInstances(e.Cloud, e.passes))
	return remember(folder, hostOf(e.Cloud.URL()))
}
