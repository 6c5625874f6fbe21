package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

func byOwner(owner operation.Owner) types.Filter { return filter("tag:"+ownerTag, string(owner)) }

func (d *Driver) listInstances(ctx context.Context, by ...types.Filter) ([]types.Instance, error) {
	pages := ec2.NewDescribeInstancesPaginator(d.ec2, &ec2.DescribeInstancesInput{Filters: by, MaxResults: aws.Int32(pageSize)})
	return all(ctx, d, pages, func(page *ec2.DescribeInstancesOutput) (list []types.Instance) {
		for _, r := range page.Reservations {
			list = append(list, r.Instances...)
		}
		return list
	}, "instances")
}

// instance reads one by its id. Fault: NotFound.
func (d *Driver) instance(ctx context.Context, id string) (types.Instance, error) {
	out, err := read(ctx, d, "reading instance "+id, d.ec2.DescribeInstances, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return types.Instance{}, err
	}
	if len(out.Reservations) == 0 || len(out.Reservations[0].Instances) == 0 {
		return types.Instance{}, fault.New(fault.NotFound, "reading instance %s: there is none", id)
	}
	return out.Reservations[0].Instances[0], nil
}

func (d *Driver) listVolumes(ctx context.Context, by ...types.Filter) ([]types.Volume, error) {
	pages := ec2.NewDescribeVolumesPaginator(d.ec2, &ec2.DescribeVolumesInput{Filters: by, MaxResults: aws.Int32(pageSize)})
	return all(ctx, d, pages, func(page *ec2.DescribeVolumesOutput) []types.Volume { return page.Volumes }, "volumes")
}

// volume reads one by its id. Fault: NotFound.
func (d *Driver) volume(ctx context.Context, id string) (types.Volume, error) {
	out, err := read(ctx, d, "reading volume "+id, d.ec2.DescribeVolumes, &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
	if err != nil {
		return types.Volume{}, err
	}
	if len(out.Volumes) == 0 || out.Volumes[0].State == types.VolumeStateDeleted {
		return types.Volume{}, fault.New(fault.NotFound, "reading volume %s: there is none", id)
	}
	return out.Volumes[0], nil
}

func (d *Driver) listGroups(ctx context.Context, by ...types.Filter) ([]types.SecurityGroup, error) {
	by = append(by, filter("vpc-id", d.config.VPC))
	pages := ec2.NewDescribeSecurityGroupsPaginator(d.ec2, &ec2.DescribeSecurityGroupsInput{Filters: by, MaxResults: aws.Int32(pageSize)})
	return all(ctx, d, pages, func(page *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return page.SecurityGroups }, "security groups")
}

func (d *Driver) listRules(ctx context.Context, groupID string) ([]types.SecurityGroupRule, error) {
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(d.ec2, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{filter("group-id", groupID)}, MaxResults: aws.Int32(pageSize),
	})
	return all(ctx, d, pages, func(page *ec2.DescribeSecurityGroupRulesOutput) []types.SecurityGroupRule {
		return page.SecurityGroupRules
	}, "rules")
}

func (d *Driver) listInterfaces(ctx context.Context, by ...types.Filter) ([]types.NetworkInterface, error) {
	pages := ec2.NewDescribeNetworkInterfacesPaginator(d.ec2, &ec2.DescribeNetworkInterfacesInput{Filters: by, MaxResults: aws.Int32(pageSize)})
	return all(ctx, d, pages, func(page *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface {
		return page.NetworkInterfaces
	}, "network interfaces")
}

// listAddresses has no pages.
func (d *Driver) listAddresses(ctx context.Context, by ...types.Filter) ([]types.Address, error) {
	out, err := read(ctx, d, "listing Elastic IP addresses", d.ec2.DescribeAddresses, &ec2.DescribeAddressesInput{Filters: by})
	if err != nil {
		return nil, err
	}
	return out.Addresses, nil
}

// allGroups are those of every VPC in the region.
func (d *Driver) allGroups(ctx context.Context) ([]types.SecurityGroup, error) {
	pages := ec2.NewDescribeSecurityGroupsPaginator(d.ec2, &ec2.DescribeSecurityGroupsInput{MaxResults: aws.Int32(pageSize)})
	return all(ctx, d, pages, func(page *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return page.SecurityGroups }, "security groups")
}
