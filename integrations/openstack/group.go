package openstack

import (
	"context"
	"fmt"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

const ingress = string(rules.DirIngress)

// EnsureGroup makes a security group. What an operator's template lets into new groups is taken out again; the worker's own
// path, where the configuration asks for one, is put in.
func (d *Driver) EnsureGroup(ctx context.Context, op operation.Op, name string, p operation.Progress) (cloud.Group, error) {
	if err := valid(op); err != nil {
		return cloud.Group{}, err
	}
	if err := cloud.ValidName(name); err != nil {
		return cloud.Group{}, err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return cloud.Group{}, err
	}
	found, err := s.ownGroup(ctx, op)
	if err == nil && found == nil {
		p.Say("making security group " + name)
		made := groups.Create(ctx, s.network, groups.CreateOpts{Name: name, Description: textOf(cloudx.MarkOf(op))})
		if err = translate(made.Err, "making security group "+name); err == nil {
			found, err = s.ownGroup(ctx, op)
		}
	}
	if err != nil {
		return cloud.Group{}, err
	}
	if found == nil {
		return cloud.Group{}, fault.New(fault.Unavailable, "making security group %s: it is not listed yet", name)
	}
	return groupOf(*found), d.tidy(ctx, s, *found, op)
}

// ownGroup finds the group that carries the operation's mark; nil: none.
func (s *services) ownGroup(ctx context.Context, op operation.Op) (*groups.SecGroup, error) {
	list, err := s.listGroups(ctx)
	if err != nil {
		return nil, err
	}
	mine, err := cloudx.Ours(list, groupMark, cloudx.MarkOf(op), func(groups.SecGroup) bool { return true }, "a security group")
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	var all []cloudx.Candidate
	for _, g := range mine {
		c := cloudx.Candidate{ID: g.ID, Created: g.CreatedAt}
		if len(mine) > 1 {
			users, err := s.users(ctx, g.ID)
			if err != nil {
				return nil, err
			}
			c.InUse = len(users) > 0
		}
		all = append(all, c)
	}
	id, err := cloudx.Settle(ctx, all, s.deleteGroup)
	if err != nil {
		return nil, err
	}
	return cloudx.Find(mine, func(g groups.SecGroup) bool { return g.ID == id }), nil
}

// users are the ports that are in a group.
func (s *services) users(ctx context.Context, groupID string) ([]ports.Port, error) {
	return s.listPorts(ctx, ports.ListOpts{SecurityGroups: []string{groupID}})
}

func (s *services) deleteGroup(ctx context.Context, id string) error {
	return translate(groups.Delete(ctx, s.network, id).ExtractErr(), "removing security group "+id)
}

// tidy takes out what lets something in and is not ours, and puts the worker's own path in.
func (d *Driver) tidy(ctx context.Context, s *services, g groups.SecGroup, op operation.Op) error {
	access := cloudx.AccessWord + " " + cloudx.MarkOf(op).Key + " " + string(op.Owner)
	if len(access) > mostDescription {
		return fault.New(fault.Invalid, "key and owner of %s make a description of %d bytes, Neutron keeps %d: shorten the names", op.Owner, len(access), mostDescription)
	}
	open := map[string]bool{}
	for _, r := range g.Rules {
		switch word, _, _ := strings.Cut(r.Description, " "); {
		case r.Direction != ingress || word == objectWord:
		case word == cloudx.AccessWord:
			open[r.RemoteIPPrefix] = true
		default:
			if err := cloudx.Unless(fault.NotFound, s.deleteRule(ctx, r.ID)); err != nil {
				return err
			}
		}
	}
	for _, from := range d.config.Access.Prefixes() {
		if !open[from.String()] {
			port := d.config.Access.Port
			options := ruleOptions(g.ID, cloudx.Rule{Description: access, Protocol: "tcp", From: port, To: port, Source: from})
			made := rules.Create(ctx, s.network, options)
			if err := gone(translate(made.Err, fmt.Sprintf("letting the worker in from %s to security group %s", from, g.Name))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *services) deleteRule(ctx context.Context, id string) error {
	return translate(rules.Delete(ctx, s.network, id).ExtractErr(), "removing rule "+id)
}

func groupOf(g groups.SecGroup) cloud.Group {
	return cloud.Group{ID: g.ID, Name: g.Name, Key: groupMark(g).Key}
}

// RemoveGroup removes the group, once no port is in it any more.
func (d *Driver) RemoveGroup(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := valid(op); err != nil {
		return err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	list, err := s.listGroups(ctx)
	if err != nil {
		return err
	}
	return d.removeGroups(ctx, s, cloudx.Carrying(list, groupMark, cloudx.MarkOf(op)), p)
}

func (d *Driver) removeGroups(ctx context.Context, s *services, list []groups.SecGroup, p operation.Progress) error {
	for _, g := range list {
		p.Say("removing security group " + g.Name)
		err := d.until(ctx, "waiting until nothing uses security group "+g.Name, func() (bool, error) {
			users, err := s.users(ctx, g.ID)
			return len(users) == 0, err
		})
		if err == nil {
			err = cloudx.Unless(fault.NotFound, s.deleteGroup(ctx, g.ID))
		}
		if err != nil {
			return fault.Wrap(fault.KindOf(err), err, "removing security group "+g.Name)
		}
	}
	return nil
}
