package ec2

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// mostGenerations is how often an instance may be made under one key after it was removed.
const mostGenerations = 20

// EnsureInstance launches an instance under a client token, and waits until it runs and tells its host keys.
func (d *Driver) EnsureInstance(ctx context.Context, op operation.Op, r cloud.Request, p operation.Progress) (cloud.Instance, error) {
	if err := errors.Join(cloud.ValidOp(op), r.Valid(), validTags(r.Tags)); err != nil {
		return cloud.Instance{}, fault.Wrap(fault.Invalid, err, "making instance "+r.Name)
	}
	id, err := d.findInstance(ctx, op)
	if err == nil && id == "" {
		p.Say("making instance " + r.Name)
		id, err = d.launch(ctx, op, r)
	}
	if err != nil {
		return cloud.Instance{}, err
	}
	p.Note(id)
	return d.ready(ctx, id, p)
}

// findInstance finds the instance that carries the operation's mark; empty: none.
func (d *Driver) findInstance(ctx context.Context, op operation.Op) (id string, err error) {
	list, err := d.listInstances(ctx, byOwner(op.Owner))
	if err != nil {
		return "", err
	}
	var there []types.Instance
	for _, i := range list {
		if !ended(i) {
			there = append(there, i)
		}
	}
	mine, err := cloudx.Ours(there, instanceMark, cloudx.MarkOf(op), func(types.Instance) bool { return true }, "an instance")
	switch {
	case err != nil || len(mine) == 0:
		return "", err
	case len(mine) > 1:
		return "", fault.New(fault.Conflict, "%d instances carry the key %s: one of them is a copy that somebody made", len(mine), op.Key)
	}
	return aws.ToString(mine[0].InstanceId), nil
}

// launch asks for the instance. A token whose instance was removed is passed by: EC2 makes none under it any more.
func (d *Driver) launch(ctx context.Context, op operation.Op, r cloud.Request) (string, error) {
	in := launchInput(op, r)
	for generation := range mostGenerations {
		in.ClientToken = token("instance", op, generation)
		made, err := d.run(ctx, in, "making instance "+r.Name)
		switch {
		case coded(err, "IdempotentInstanceTerminated"):
			continue
		case err != nil:
			return "", err
		case len(made.Instances) == 0:
			return "", fault.New(fault.Ambiguous, "making instance %s: EC2 shows none", r.Name)
		case !ended(made.Instances[0]): // EC2 answered with the instance that had ended before it had an error for that.
			return aws.ToString(made.Instances[0].InstanceId), nil
		}
	}
	return "", fault.New(fault.Conflict, "instance %s was made and removed %d times under the key %s: start a new run", r.Name, mostGenerations, op.Key)
}

// run launches. The security group was just made: EC2 may not know it yet.
func (d *Driver) run(ctx context.Context, in *ec2.RunInstancesInput, doing string) (made *ec2.RunInstancesOutput, err error) {
	var absent error
	err = d.until(ctx, doing, func() (bool, error) {
		made, err = change(ctx, doing, d.ec2.RunInstances, in)
		if absent = nil; fault.Is(err, fault.NotFound) && !coded(err, "InvalidGroup.NotFound") {
			absent, err = err, nil // Of what has gone there is nothing to wait for.
		}
		return err == nil, err
	})
	return made, errors.Join(err, absent)
}

func launchInput(op operation.Op, r cloud.Request) *ec2.RunInstancesInput {
	root := map[string]string{partTag: rootPart}
	in := &ec2.RunInstancesInput{
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: &r.Placement.Image.ID, InstanceType: types.InstanceType(r.Placement.Flavor.ID),
		UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(r.UserData))),
		// A public address is taken where the spec asks for one, whatever the subnet gives by itself.
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{
			DeviceIndex: aws.Int32(0), SubnetId: &r.Placement.Network.ID, Groups: []string{r.GroupID}, PrivateIpAddress: given(r.Address),
			AssociatePublicIpAddress: aws.Bool(false), DeleteOnTermination: aws.Bool(true),
		}},
		// Without a session's token nobody who makes the instance send a request gets at its metadata.
		MetadataOptions: &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired},
		TagSpecifications: []types.TagSpecification{
			specification(types.ResourceTypeInstance, tags(op, r.Name, r.Tags)),
			specification(types.ResourceTypeVolume, tags(op, r.Name+" root", root)),
		},
	}
	in.KeyName = given(r.Placement.KeyPair.Name)
	return in
}

// ready waits until an instance runs, has its address, and tells its host keys.
func (d *Driver) ready(ctx context.Context, id string, p operation.Progress) (made cloud.Instance, err error) {
	p.Say("waiting until the instance runs")
	err = d.until(ctx, "waiting until instance "+id+" runs", func() (bool, error) {
		found, err := d.instance(ctx, id)
		if err != nil {
			return false, err
		}
		switch made = describe(found); {
		case ended(found):
			return false, fault.New(fault.Unavailable, "instance %s is gone: somebody removed it", id)
		case made.State == cloud.Failed:
			return false, fault.New(fault.Invalid, "the cloud gave up on instance %s: %s", made.Name, made.Fault)
		case made.State == cloud.Stopped:
			return false, fault.New(fault.Conflict, "instance %s is stopped: start it, then retry the step", made.Name)
		}
		return made.State == cloud.Running && len(made.Addresses) > 0, nil
	})
	if err != nil || d.config.HostKeys == fromNowhere {
		return made, err
	}
	p.Say("waiting for the host keys")
	made.HostKeys, err = d.hostKeys(ctx, id)
	return made, err
}

// RemoveInstance terminates the instance and waits until it is.
func (d *Driver) RemoveInstance(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := cloud.ValidOp(op); err != nil {
		return err
	}
	list, err := d.listInstances(ctx, byOwner(op.Owner))
	if err != nil {
		return err
	}
	return d.removeInstances(ctx, cloudx.Carrying(list, instanceMark, cloudx.MarkOf(op)), p)
}

// removeInstances terminates instances, and removes the volumes that they booted from where the image keeps these.
func (d *Driver) removeInstances(ctx context.Context, list []types.Instance, p operation.Progress) error {
	for _, i := range list {
		id := aws.ToString(i.InstanceId)
		var err error
		switch {
		case failed(i): // It is terminated. Without its marks the operation may begin anew.
			_, err = change(ctx, "letting go of instance "+id, d.ec2.DeleteTags, &ec2.DeleteTagsInput{
				Resources: []string{id}, Tags: []types.Tag{{Key: aws.String(keyTag)}, {Key: aws.String(ownerTag)}},
			})
			err = cloudx.Unless(fault.NotFound, err)
		case stateName(i) != types.InstanceStateNameTerminated:
			p.Say("removing instance " + tagValue(i.Tags, nameTag))
			err = d.terminate(ctx, id)
		}
		if err == nil {
			err = d.removeRoots(ctx, instanceMark(i), p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) terminate(ctx context.Context, id string) error {
	_, err := change(ctx, "removing instance "+id, d.ec2.TerminateInstances, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	if err := cloudx.Unless(fault.NotFound, err); err != nil {
		return err
	}
	return d.wait(ctx, "waiting until instance "+id+" is gone", func() (bool, error) {
		found, err := d.instance(ctx, id)
		if fault.Is(err, fault.NotFound) {
			return true, nil
		}
		return stateName(found) == types.InstanceStateNameTerminated, err
	})
}
