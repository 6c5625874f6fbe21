package ec2

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// groups are the security groups of the VPC, for the firewall. EC2 adds the rules of one call all or none, and removes them so.
type groups struct{ d *Driver }

var _ cloudx.Groups = groups{}

// Check lists the VPC's groups.
func (g groups) Check(ctx context.Context) error {
	_, err := g.d.listGroups(ctx)
	return err
}

// Look reads the group of an owner, and the addresses of the network interfaces that are in it.
func (g groups) Look(ctx context.Context, owner operation.Owner) (*cloudx.Group, error) {
	list, err := g.d.listGroups(ctx, byOwner(owner))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	found := &cloudx.Group{ID: aws.ToString(list[0].GroupId), Name: aws.ToString(list[0].GroupName)}
	holders, err := g.d.listInterfaces(ctx, filter("group-id", found.ID))
	if err != nil {
		return nil, err
	}
	for _, n := range holders {
		for _, a := range n.PrivateIpAddresses {
			found.Addresses = append(found.Addresses, address(a.PrivateIpAddress))
		}
		for _, a := range n.Ipv6Addresses {
			found.Addresses = append(found.Addresses, address(a.Ipv6Address))
		}
	}
	rules, err := g.d.listRules(ctx, found.ID)
	for _, r := range rules {
		found.Rules = append(found.Rules, ruleOf(r))
	}
	return found, err
}

func address(text *string) netip.Addr {
	a, _ := netip.ParseAddr(aws.ToString(text)) // What EC2 shows.
	return a
}

func ruleOf(r types.SecurityGroupRule) cloudx.Rule {
	shown := cloudx.Rule{
		ID: aws.ToString(r.SecurityGroupRuleId), Description: aws.ToString(r.Description), Ingress: !aws.ToBool(r.IsEgress),
		Protocol: aws.ToString(r.IpProtocol), From: int(aws.ToInt32(r.FromPort)), To: int(aws.ToInt32(r.ToPort)),
	}
	for _, text := range []*string{r.CidrIpv4, r.CidrIpv6} {
		if source, err := netip.ParsePrefix(aws.ToString(text)); err == nil {
			shown.Source = source
		}
	}
	return shown
}

// Add adds rules in one call.
func (g groups) Add(ctx context.Context, group *cloudx.Group, list []cloudx.Rule) error {
	return g.d.addRules(ctx, group.ID, group.Name, list)
}

func (d *Driver) addRules(ctx context.Context, groupID, name string, list []cloudx.Rule) error {
	in := &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &groupID}
	for _, r := range list {
		in.IpPermissions = append(in.IpPermissions, permission(r))
	}
	_, err := change(ctx, fmt.Sprintf("adding %d rules to security group %s", len(list), name), d.ec2.AuthorizeSecurityGroupIngress, in)
	return err
}

func permission(r cloudx.Rule) types.IpPermission {
	source := aws.String(r.Source.String())
	made := types.IpPermission{IpProtocol: &r.Protocol, FromPort: aws.Int32(int32(r.From)), ToPort: aws.Int32(int32(r.To))} //nolint:gosec // Ports, checked.
	if r.Source.Addr().Is4() {
		made.IpRanges = []types.IpRange{{CidrIp: source, Description: &r.Description}}
	} else {
		made.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: source, Description: &r.Description}}
	}
	return made
}

// Remove removes rules in one call.
func (g groups) Remove(ctx context.Context, group *cloudx.Group, ids []string) error {
	_, err := change(ctx, fmt.Sprintf("removing %d rules from security group %s", len(ids), group.Name), g.d.ec2.RevokeSecurityGroupIngress,
		&ec2.RevokeSecurityGroupIngressInput{GroupId: &group.ID, SecurityGroupRuleIds: ids})
	return err
}
