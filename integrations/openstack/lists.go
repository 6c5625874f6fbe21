package openstack

import (
	"context"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"fermata/activities/fault"
	"fermata/integrations/cloudx"
)

// all reads every page of a list.
func all[T any](ctx context.Context, pager pagination.Pager, extract func(pagination.Page) ([]T, error), what string) ([]T, error) {
	pages, err := pager.AllPages(ctx)
	if err != nil {
		return nil, translate(err, "listing "+what)
	}
	list, err := extract(pages)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading the list of "+what)
	}
	return list, nil
}

func (s *services) listServers(ctx context.Context) ([]servers.Server, error) {
	return all(ctx, servers.List(s.compute, servers.ListOpts{}), servers.ExtractServers, "servers")
}

func (s *services) listPorts(ctx context.Context, by ports.ListOpts) ([]ports.Port, error) {
	by.ProjectID = s.project
	return all(ctx, ports.List(s.network, by), ports.ExtractPorts, "ports")
}

func (s *services) listGroups(ctx context.Context) ([]groups.SecGroup, error) {
	return all(ctx, groups.List(s.network, groups.ListOpts{ProjectID: s.project}), groups.ExtractGroups, "security groups")
}

func (s *services) listFloating(ctx context.Context) ([]floatingips.FloatingIP, error) {
	return all(ctx, floatingips.List(s.network, floatingips.ListOpts{ProjectID: s.project}), floatingips.ExtractFloatingIPs, "floating addresses")
}

// listVolumes lists none where the cloud has no Cinder.
func (s *services) listVolumes(ctx context.Context) ([]volumes.Volume, error) {
	if s.volume == nil {
		return nil, nil
	}
	return all(ctx, volumes.List(s.volume, volumes.ListOpts{}), volumes.ExtractVolumes, "volumes")
}

func serverMark(v servers.Server) cloudx.Mark           { return markIn(v.Metadata) }
func volumeMark(v volumes.Volume) cloudx.Mark           { return markIn(v.Metadata) }
func portMark(p ports.Port) cloudx.Mark                 { return readMark(p.Description) }
func groupMark(g groups.SecGroup) cloudx.Mark           { return readMark(g.Description) }
func floatingMark(f floatingips.FloatingIP) cloudx.Mark { return readMark(f.Description) }

// checkNetwork proves that Neutron lets the credential see security groups.
func checkNetwork(ctx context.Context, s *services) error {
	_, err := all(ctx, groups.List(s.network, groups.ListOpts{ProjectID: s.project, Name: "default"}), groups.ExtractGroups, "security groups")
	return err
}

// until looks again and again until done says so. The context bounds it.
func (d *Driver) until(ctx context.Context, doing string, done func() (bool, error)) error {
	return cloudx.Until(ctx, time.Duration(d.config.Poll), doing, done)
}
