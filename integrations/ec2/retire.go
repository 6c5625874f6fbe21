package ec2

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// Stop shuts an instance down.
func (d *Driver) Stop(ctx context.Context, op operation.Op, instanceID string, p operation.Progress) (cloud.Instance, error) {
	return d.switchTo(ctx, op, instanceID, cloud.Stopped, p, "stopping", func(doing string) error {
		_, err := change(ctx, doing, d.ec2.StopInstances, &ec2.StopInstancesInput{InstanceIds: []string{instanceID}})
		return err
	})
}

// Start starts an instance.
func (d *Driver) Start(ctx context.Context, op operation.Op, instanceID string, p operation.Progress) (cloud.Instance, error) {
	return d.switchTo(ctx, op, instanceID, cloud.Running, p, "starting", func(doing string) error {
		_, err := change(ctx, doing, d.ec2.StartInstances, &ec2.StartInstancesInput{InstanceIds: []string{instanceID}})
		return err
	})
}

func (d *Driver) switchTo(ctx context.Context, op operation.Op, id string, want cloud.State, p operation.Progress, doing string, ask func(doing string) error) (cloud.Instance, error) {
	if err := cloud.ValidOp(op); err != nil {
		return cloud.Instance{}, err
	}
	i, err := d.owners(ctx, op, id)
	found := describe(i)
	if err != nil || found.State == want {
		return found, err
	}
	p.Say(doing + " instance " + found.Name)
	if err := ask(doing + " instance " + found.Name); err != nil {
		return found, err
	}
	err = d.wait(ctx, "waiting until instance "+found.Name+" is "+string(want), func() (bool, error) {
		if i, err = d.instance(ctx, id); err != nil {
			return false, err
		}
		switch found = describe(i); {
		case ended(i), found.State == cloud.Failed:
			return false, fault.New(fault.NotFound, "instance %s is terminated: %s", found.Name, reason(i))
		case found.State == cloud.Stopped && want == cloud.Running && strings.HasPrefix(reason(i), "Server."): // There was no room for it.
			return false, fault.New(fault.Unavailable, "EC2 did not start instance %s: %s", found.Name, reason(i))
		}
		return found.State == want, nil
	})
	return found, err
}

// estate is everything that an owner has, as EC2 shows it.
type estate struct {
	instances []types.Instance
	volumes   []types.Volume
	addresses []types.Address
	groups    []types.SecurityGroup
}

func (d *Driver) estate(ctx context.Context, owner operation.Owner) (e estate, err error) {
	if e.instances, err = d.listInstances(ctx, byOwner(owner)); err != nil {
		return e, err
	}
	if e.volumes, err = d.dataVolumes(ctx, owner); err != nil {
		return e, err
	}
	if e.addresses, err = d.listAddresses(ctx, byOwner(owner)); err != nil {
		return e, err
	}
	e.groups, err = d.listGroups(ctx, byOwner(owner))
	return e, err
}

// owned is the estate as the port has it, in an order that stays. What is terminated has gone, unless EC2 gave it up.
func (e estate) owned() (o cloud.Owned) {
	for _, i := range e.instances {
		if stateName(i) != types.InstanceStateNameTerminated || failed(i) {
			o.Instances = append(o.Instances, describe(i))
		}
	}
	for _, v := range e.volumes {
		o.Disks = append(o.Disks, diskOf(v))
	}
	for _, a := range e.addresses {
		o.Addresses = append(o.Addresses, addressOf(a))
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
	e, err := d.estate(ctx, owner)
	if err != nil {
		return cloud.Owned{}, err
	}
	return e.owned(), nil
}

// RemoveOwned removes public addresses, instances (which lets their volumes go), volumes, and then the groups.
func (d *Driver) RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) (cloud.Owned, error) {
	if err := cloud.ValidOp(op); err != nil {
		return cloud.Owned{}, err
	}
	e, err := d.estate(ctx, op.Owner)
	if err != nil {
		return cloud.Owned{}, err
	}
	for _, step := range []func() error{
		func() error { return d.removeAddresses(ctx, e.addresses, p) },
		func() error { return d.removeInstances(ctx, e.instances, p) },
		func() error { return d.removeVolumes(ctx, e.volumes, p) },
		func() error { return d.removeGroups(ctx, e.groups, p) },
	} {
		if err := step(); err != nil {
			return cloud.Owned{}, err
		}
	}
	return e.owned(), nil
}

// running are the instances that draw on quotas, whoever's.
func (d *Driver) running(ctx context.Context) ([]types.Instance, error) {
	return d.listInstances(ctx, filter("instance-state-name", string(types.InstanceStateNamePending), string(types.InstanceStateNameRunning)))
}

// virtualCPUs of an instance, as quotas count them.
func virtualCPUs(i types.Instance) int64 {
	if i.CpuOptions == nil {
		return 0
	}
	return int64(aws.ToInt32(i.CpuOptions.CoreCount)) * int64(aws.ToInt32(i.CpuOptions.ThreadsPerCore))
}
