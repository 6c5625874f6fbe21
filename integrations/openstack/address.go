package openstack

import (
	"context"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// EnsureAddress takes a floating address from the pool, a network, and leads it to the instance's first port.
func (d *Driver) EnsureAddress(ctx context.Context, op operation.Op, instanceID string, pool cloud.Ref, p operation.Progress) (cloud.PublicAddress, error) {
	if err := valid(op); err != nil {
		return cloud.PublicAddress{}, err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return cloud.PublicAddress{}, err
	}
	instance, err := s.owners(ctx, op, instanceID)
	if err != nil {
		return cloud.PublicAddress{}, err
	}
	port, err := s.firstPort(ctx, instance)
	if err != nil {
		return cloud.PublicAddress{}, err
	}
	found, err := s.floating(ctx, op)
	if err == nil && found == nil {
		p.Say("taking a public address")
		found, err = s.takeAddress(ctx, op, pool, port.ID)
	}
	if err != nil {
		return cloud.PublicAddress{}, err
	}
	switch found.PortID {
	case port.ID:
		return addressOf(*found), nil
	case "":
		_, err := floatingips.Update(ctx, s.network, found.ID, floatingips.UpdateOpts{PortID: &port.ID}).Extract()
		return addressOf(*found), gone(translate(err, "leading "+found.FloatingIP+" to instance "+instance.Name))
	}
	return cloud.PublicAddress{}, fault.New(fault.Conflict, "%s leads to another port than that of instance %s: changed by others", found.FloatingIP, instance.Name)
}

// firstPort is the port that has the instance's first address.
func (s *services) firstPort(ctx context.Context, i cloud.Instance) (*ports.Port, error) {
	list, err := s.listPorts(ctx, ports.ListOpts{DeviceID: i.ID})
	if err != nil {
		return nil, err
	}
	port := cloudx.Find(list, func(p ports.Port) bool {
		return len(i.Addresses) > 0 && slices.ContainsFunc(p.FixedIPs, func(f ports.IP) bool { return f.IPAddress == i.Addresses[0] })
	})
	if port == nil {
		return nil, fault.New(fault.Unavailable, "instance %s has no port with its address yet", i.Name)
	}
	return port, nil
}

// floating finds the address that carries the operation's mark; nil: none.
func (s *services) floating(ctx context.Context, op operation.Op) (*floatingips.FloatingIP, error) {
	list, err := s.listFloating(ctx)
	if err != nil {
		return nil, err
	}
	mine, err := cloudx.Ours(list, floatingMark, cloudx.MarkOf(op), func(floatingips.FloatingIP) bool { return true }, "a public address")
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	var all []cloudx.Candidate
	for _, f := range mine {
		all = append(all, cloudx.Candidate{ID: f.ID, InUse: f.PortID != "", Created: f.CreatedAt})
	}
	id, err := cloudx.Settle(ctx, all, s.deleteFloating)
	if err != nil {
		return nil, err
	}
	return cloudx.Find(mine, func(f floatingips.FloatingIP) bool { return f.ID == id }), nil
}

func (s *services) deleteFloating(ctx context.Context, id string) error {
	return translate(floatingips.Delete(ctx, s.network, id).ExtractErr(), "giving back public address "+id)
}

// takeAddress makes an address that leads to the port from the start. Neutron lets one lead to a port, so of two attempts at once
// the second is refused and finds what the first has made.
func (s *services) takeAddress(ctx context.Context, op operation.Op, pool cloud.Ref, portID string) (*floatingips.FloatingIP, error) {
	made, err := floatingips.Create(ctx, s.network, floatingips.CreateOpts{
		FloatingNetworkID: pool.ID, PortID: portID, Description: textOf(cloudx.MarkOf(op)),
	}).Extract()
	if err = translate(err, "taking a public address from "+pool.Name); err == nil {
		return made, nil
	}
	if fault.Is(err, fault.NotFound) && strings.Contains(err.Error(), portID) {
		return nil, gone(err)
	}
	if !fault.Is(err, fault.Conflict) {
		return nil, err
	}
	found, lookErr := s.floating(ctx, op)
	if lookErr != nil || found == nil {
		return nil, err
	}
	return found, nil
}

func addressOf(f floatingips.FloatingIP) cloud.PublicAddress {
	return cloud.PublicAddress{ID: f.ID, Address: f.FloatingIP, Key: floatingMark(f).Key}
}

// RemoveAddress gives the address back.
func (d *Driver) RemoveAddress(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := valid(op); err != nil {
		return err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	list, err := s.listFloating(ctx)
	if err != nil {
		return err
	}
	return s.removeFloating(ctx, cloudx.Carrying(list, floatingMark, cloudx.MarkOf(op)), p)
}

func (s *services) removeFloating(ctx context.Context, list []floatingips.FloatingIP, p operation.Progress) error {
	for _, f := range list {
		p.Say("giving back public address " + f.FloatingIP)
		if err := cloudx.Unless(fault.NotFound, s.deleteFloating(ctx, f.ID)); err != nil {
			return err
		}
	}
	return nil
}
