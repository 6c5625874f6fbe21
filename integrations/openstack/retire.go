package openstack

import (
	"cmp"
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// Stop shuts a server down.
func (d *Driver) Stop(ctx context.Context, op operation.Op, instanceID string, p operation.Progress) (cloud.Instance, error) {
	return d.switchTo(ctx, op, instanceID, cloud.Stopped, p, "stopping", func(ctx context.Context, s *services) error {
		return servers.Stop(ctx, s.compute, instanceID).ExtractErr()
	})
}

// Start starts a server.
func (d *Driver) Start(ctx context.Context, op operation.Op, instanceID string, p operation.Progress) (cloud.Instance, error) {
	return d.switchTo(ctx, op, instanceID, cloud.Running, p, "starting", func(ctx context.Context, s *services) error {
		return servers.Start(ctx, s.compute, instanceID).ExtractErr()
	})
}

func (d *Driver) switchTo(ctx context.Context, op operation.Op, id string, want cloud.State, p operation.Progress, doing string, ask func(context.Context, *services) error) (cloud.Instance, error) {
	if err := valid(op); err != nil {
		return cloud.Instance{}, err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return cloud.Instance{}, err
	}
	found, err := s.owners(ctx, op, id)
	if err != nil || found.State == want {
		return found, err
	}
	p.Say(doing + " instance " + found.Name)
	if err := translate(ask(ctx, s), doing+" instance "+found.Name); err != nil {
		return found, err
	}
	err = d.until(ctx, "waiting until instance "+found.Name+" is "+string(want), func() (bool, error) {
		if found, err = s.instance(ctx, id); err == nil && found.State == cloud.Failed {
			err = fault.New(fault.Invalid, "the cloud gave up on instance %s: %s", found.Name, found.Fault)
		}
		return found.State == want, err
	})
	return found, err
}

// estate is everything that an owner has, as the services show it.
type estate struct {
	servers  []servers.Server
	volumes  []volumes.Volume
	floating []floatingips.FloatingIP
	groups   []groups.SecGroup
	ports    []ports.Port
	allAddr  []floatingips.FloatingIP // Of everybody in the project: they say what leads to an instance.
}

func (s *services) estate(ctx context.Context, owner operation.Owner) (e estate, err error) {
	allServers, err := s.listServers(ctx)
	if err != nil {
		return e, err
	}
	allVolumes, err := s.listVolumes(ctx)
	if err != nil {
		return e, err
	}
	if e.allAddr, err = s.listFloating(ctx); err != nil {
		return e, err
	}
	allGroups, err := s.listGroups(ctx)
	if err != nil {
		return e, err
	}
	allPorts, err := s.listPorts(ctx, ports.ListOpts{})
	if err != nil {
		return e, err
	}
	e.servers, e.volumes = owned(allServers, serverMark, owner), owned(allVolumes, volumeMark, owner)
	e.floating, e.groups = owned(e.allAddr, floatingMark, owner), owned(allGroups, groupMark, owner)
	e.ports = owned(allPorts, portMark, owner)
	return e, nil
}

// owned is the estate as the port has it, in an order that stays.
func (e estate) owned() (o cloud.Owned) {
	for _, v := range e.servers {
		o.Instances = append(o.Instances, describe(v, e.allAddr))
	}
	for _, v := range e.volumes {
		o.Disks = append(o.Disks, diskOf(v))
	}
	for _, f := range e.floating {
		o.Addresses = append(o.Addresses, addressOf(f))
	}
	for _, g := range e.groups {
		o.Groups = append(o.Groups, groupOf(g))
	}
	slices.SortFunc(o.Instances, func(a, b cloud.Instance) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(o.Disks, func(a, b cloud.Disk) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(o.Addresses, func(a, b cloud.PublicAddress) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(o.Groups, func(a, b cloud.Group) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return o
}

// FindByOwner lists what carries the owner.
func (d *Driver) FindByOwner(ctx context.Context, owner operation.Owner) (cloud.Owned, error) {
	if err := cloud.ValidOwner(owner); err != nil {
		return cloud.Owned{}, err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return cloud.Owned{}, err
	}
	e, err := s.estate(ctx, owner)
	return e.owned(), err
}

// RemoveOwned removes public addresses, servers (which lets their volumes go), ports, volumes, and then the groups.
func (d *Driver) RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) (cloud.Owned, error) {
	if err := valid(op); err != nil {
		return cloud.Owned{}, err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return cloud.Owned{}, err
	}
	e, err := s.estate(ctx, op.Owner)
	if err != nil {
		return cloud.Owned{}, err
	}
	var marks []cloudx.Mark
	for _, port := range e.ports {
		marks = append(marks, portMark(port))
	}
	for _, step := range []func() error{
		func() error { return s.removeFloating(ctx, e.floating, p) },
		func() error { return d.removeServers(ctx, s, e.servers, marks, p) },
		func() error { return d.removeVolumes(ctx, s, e.volumes, p) },
		func() error { return d.removeGroups(ctx, s, e.groups, p) },
	} {
		if err := step(); err != nil {
			return cloud.Owned{}, err
		}
	}
	return e.owned(), nil
}
