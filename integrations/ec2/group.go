package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// mostGroupText is how long the description of a security group may be.
const mostGroupText = 255

func groupMark(g types.SecurityGroup) cloudx.Mark { return markIn(g.Tags) }

func groupOf(g types.SecurityGroup) cloud.Group {
	return cloud.Group{ID: aws.ToString(g.GroupId), Name: aws.ToString(g.GroupName), Key: groupMark(g).Key}
}

// EnsureGroup makes a security group in the VPC. EC2 lets everything out of a new one and nothing in; the worker's own path,
// where the configuration asks for one, is put in.
func (d *Driver) EnsureGroup(ctx context.Context, op operation.Op, name string, p operation.Progress) (cloud.Group, error) {
	if err := validGroup(op, name); err != nil {
		return cloud.Group{}, err
	}
	found, err := d.ownGroup(ctx, op)
	if err == nil && found == nil {
		p.Say("making security group " + name)
		found, err = d.makeGroup(ctx, op, name)
	}
	if err != nil {
		return cloud.Group{}, err
	}
	return *found, d.letWorkersIn(ctx, *found)
}

func validGroup(op operation.Op, name string) error {
	if err := cloud.ValidOp(op); err != nil {
		return err
	}
	if err := cloud.ValidName(name); err != nil {
		return err
	}
	if len(name) > 2 && name[:3] == "sg-" {
		return fault.New(fault.Invalid, "%q is no name of a security group: those that begin with sg- are ids", name)
	}
	return nil
}

// ownGroup finds the group that carries the operation's mark; nil: none.
func (d *Driver) ownGroup(ctx context.Context, op operation.Op) (*cloud.Group, error) {
	list, err := d.listGroups(ctx, byOwner(op.Owner))
	if err != nil {
		return nil, err
	}
	mine, err := cloudx.Ours(list, groupMark, cloudx.MarkOf(op), func(types.SecurityGroup) bool { return true }, "a security group")
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	found := groupOf(mine[0])
	return &found, nil
}

// makeGroup makes the group. Its name is unique in the VPC, so of two attempts at once the second is refused, and finds what the
// first has made.
func (d *Driver) makeGroup(ctx context.Context, op operation.Op, name string) (*cloud.Group, error) {
	text := "Made by Fermata for " + string(op.Owner)
	made, err := change(ctx, "making security group "+name, d.ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{
		GroupName: &name, Description: aws.String(text[:min(len(text), mostGroupText)]), VpcId: &d.config.VPC,
		TagSpecifications: []types.TagSpecification{specification(types.ResourceTypeSecurityGroup, tags(op, name, nil))},
	})
	if err == nil {
		return &cloud.Group{ID: aws.ToString(made.GroupId), Name: name, Key: op.Key.String()}, nil
	}
	if !coded(err, "InvalidGroup.Duplicate") {
		return nil, err
	}
	found, lookErr := d.groupNamed(ctx, name)
	switch {
	case lookErr != nil:
		return nil, lookErr
	case groupMark(found) != cloudx.MarkOf(op):
		return nil, err
	}
	mine := groupOf(found)
	return &mine, nil
}

// groupNamed finds a group that is there, once it is listed.
func (d *Driver) groupNamed(ctx context.Context, name string) (found types.SecurityGroup, err error) {
	err = d.until(ctx, "looking for security group "+name, func() (bool, error) {
		list, err := d.listGroups(ctx, filter("group-name", name))
		if err == nil && len(list) == 0 {
			err = fault.New(fault.NotFound, "security group %s is there, and not listed yet", name)
		}
		if err == nil {
			found = list[0]
		}
		return err == nil, err
	})
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.Unavailable, "%w", err)
	}
	return found, err
}

// letWorkersIn adds the rules for the worker's own path that are missing.
func (d *Driver) letWorkersIn(ctx context.Context, g cloud.Group) error {
	if len(d.config.Access.From) == 0 {
		return nil
	}
	return d.until(ctx, "letting workers in to security group "+g.Name, func() (bool, error) {
		have, err := d.listRules(ctx, g.ID)
		if err != nil {
			return false, err
		}
		var missing []cloudx.Rule
		for _, from := range d.config.Access.Prefixes() {
			if cloudx.Find(have, func(r types.SecurityGroupRule) bool {
				return aws.ToString(r.Description) == cloudx.AccessWord && ruleOf(r).Source == from
			}) == nil {
				port := d.config.Access.Port
				missing = append(missing, cloudx.Rule{Description: cloudx.AccessWord, Ingress: true, Protocol: "tcp", From: port, To: port, Source: from})
			}
		}
		if len(missing) == 0 {
			return true, nil
		}
		err = d.addRules(ctx, g.ID, g.Name, missing)
		return err == nil || coded(err, "InvalidPermission.Duplicate"), skip(err, "InvalidPermission.Duplicate")
	})
}

// skip turns a refusal with one of the codes to none.
func skip(err error, codes ...string) error {
	if coded(err, codes...) {
		return nil
	}
	return err
}

// RemoveGroup removes the group, once nothing is in it any more.
func (d *Driver) RemoveGroup(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := cloud.ValidOp(op); err != nil {
		return err
	}
	list, err := d.listGroups(ctx, byOwner(op.Owner))
	if err != nil {
		return err
	}
	return d.removeGroups(ctx, cloudx.Carrying(list, groupMark, cloudx.MarkOf(op)), p)
}

func (d *Driver) removeGroups(ctx context.Context, list []types.SecurityGroup, p operation.Progress) error {
	for _, g := range list {
		name := aws.ToString(g.GroupName)
		p.Say("removing security group " + name)
		err := d.wait(ctx, "waiting until nothing uses security group "+name, func() (bool, error) {
			users, err := d.listInterfaces(ctx, filter("group-id", aws.ToString(g.GroupId)))
			if err != nil || len(users) > 0 {
				return false, err
			}
			_, err = change(ctx, "removing security group "+name, d.ec2.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: g.GroupId})
			return err == nil || fault.Is(err, fault.NotFound), skip(cloudx.Unless(fault.NotFound, err), "DependencyViolation")
		})
		if err != nil {
			return fault.Wrap(fault.KindOf(err), err, "removing security group "+name)
		}
	}
	return nil
}
