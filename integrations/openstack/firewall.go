package openstack

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// securityGroups are those of the project, for the firewall. Neutron adds the rules of one call all or none, and removes them one
// by one.
type securityGroups struct{ d *Driver }

var _ cloudx.Groups = securityGroups{}

// Firewall returns the driver's security groups.
func (d *Driver) Firewall() cloudx.Firewall { return cloudx.Firewall{Groups: securityGroups{d}} }

// Check proves that Neutron answers and shows security groups.
func (g securityGroups) Check(ctx context.Context) error {
	s, err := g.d.session.connect(ctx)
	if err != nil {
		return err
	}
	return checkNetwork(ctx, s)
}

// Look reads the group of an owner, and the addresses of the ports that are in it.
func (g securityGroups) Look(ctx context.Context, owner operation.Owner) (*cloudx.Group, error) {
	s, err := g.d.session.connect(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.listGroups(ctx)
	if err != nil {
		return nil, err
	}
	mine := owned(list, groupMark, owner)
	if len(mine) == 0 {
		return nil, nil
	}
	found := groupShown(mine[0])
	holders, err := s.listPorts(ctx, ports.ListOpts{SecurityGroups: []string{found.ID}})
	for _, p := range holders {
		for _, fixed := range p.FixedIPs {
			found.Addresses = append(found.Addresses, order(fixed.IPAddress))
		}
	}
	return found, err
}

func groupShown(g groups.SecGroup) *cloudx.Group {
	found := &cloudx.Group{ID: g.ID, Name: g.Name}
	for _, r := range g.Rules {
		rule := cloudx.Rule{
			ID: r.ID, Description: r.Description, Ingress: r.Direction == ingress, Protocol: r.Protocol, From: r.PortRangeMin, To: r.PortRangeMax,
		}
		if source, err := netip.ParsePrefix(r.RemoteIPPrefix); err == nil {
			rule.Source = source
		}
		found.Rules = append(found.Rules, rule)
	}
	return found
}

// Add adds rules, all or none.
func (g securityGroups) Add(ctx context.Context, group *cloudx.Group, list []cloudx.Rule) error {
	s, err := g.d.session.connect(ctx)
	if err != nil {
		return err
	}
	var options []rules.CreateOpts
	for _, r := range list {
		options = append(options, ruleOptions(group.ID, r))
	}
	return translate(rules.CreateBulk(ctx, s.network, options).Err, fmt.Sprintf("adding %d rules to security group %s", len(list), group.Name))
}

// Remove removes rules. One that is gone is left.
func (g securityGroups) Remove(ctx context.Context, _ *cloudx.Group, ids []string) error {
	s, err := g.d.session.connect(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := cloudx.Unless(fault.NotFound, s.deleteRule(ctx, id)); err != nil {
			return err
		}
	}
	return nil
}

func ruleOptions(groupID string, r cloudx.Rule) rules.CreateOpts {
	family := rules.EtherType4
	if r.Source.Addr().Is6() {
		family = rules.EtherType6
	}
	return rules.CreateOpts{
		Direction: rules.DirIngress, EtherType: family, SecGroupID: groupID, Protocol: rules.RuleProtocol(r.Protocol), PortRangeMin: r.From, PortRangeMax: r.To,
		RemoteIPPrefix: r.Source.String(), Description: r.Description,
	}
}
