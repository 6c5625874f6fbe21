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

// amazonPool is the pool of Amazon's own addresses. The others are those that a customer has brought.
const amazonPool = "amazon"

func addressMark(a types.Address) cloudx.Mark { return markIn(a.Tags) }

func addressOf(a types.Address) cloud.PublicAddress {
	return cloud.PublicAddress{ID: aws.ToString(a.AllocationId), Address: aws.ToString(a.PublicIp), Key: addressMark(a).Key}
}

// EnsureAddress takes an Elastic IP address and leads it to the instance. EC2 knows no token here: the tags tell an attempt what
// an earlier one has taken, and of two that were taken at once the one stays that the instance has got.
func (d *Driver) EnsureAddress(ctx context.Context, op operation.Op, instanceID string, pool cloud.Ref, p operation.Progress) (cloud.PublicAddress, error) {
	if err := cloud.ValidOp(op); err != nil {
		return cloud.PublicAddress{}, err
	}
	if _, err := d.owners(ctx, op, instanceID); err != nil {
		return cloud.PublicAddress{}, err
	}
	found, err := d.ownAddress(ctx, op)
	if err == nil && found == nil {
		p.Say("taking a public address")
		found, err = d.takeAddress(ctx, op, pool)
	}
	if err != nil {
		return cloud.PublicAddress{}, err
	}
	if found.AssociationId == nil {
		if err := d.associate(ctx, *found, instanceID); err != nil {
			return cloud.PublicAddress{}, err
		}
		if found, err = d.ownAddress(ctx, op); err != nil { // Another attempt's may have come to light.
			return cloud.PublicAddress{}, err
		}
	}
	switch {
	case found == nil || found.AssociationId == nil:
		return cloud.PublicAddress{}, d.instead(ctx, op, instanceID)
	case aws.ToString(found.InstanceId) != instanceID:
		return cloud.PublicAddress{}, fault.New(fault.Conflict, "%s does not lead to instance %s: changed by others", aws.ToString(found.PublicIp), instanceID)
	}
	return addressOf(*found), nil
}

// instead says why the operation's address does not lead to the instance.
func (d *Driver) instead(ctx context.Context, op operation.Op, instanceID string) error {
	list, err := d.listAddresses(ctx, filter("instance-id", instanceID))
	if err != nil {
		return err
	}
	for _, a := range list {
		if addressMark(a) != cloudx.MarkOf(op) {
			return fault.New(fault.Conflict, "instance %s has the public address %s already, which is somebody else's", instanceID, aws.ToString(a.PublicIp))
		}
	}
	return fault.New(fault.Unavailable, "the public address of instance %s does not lead to it yet", instanceID)
}

// ownAddress finds the address that carries the operation's mark; nil: none.
func (d *Driver) ownAddress(ctx context.Context, op operation.Op) (*types.Address, error) {
	list, err := d.listAddresses(ctx, byOwner(op.Owner))
	if err != nil {
		return nil, err
	}
	mine, err := cloudx.Ours(list, addressMark, cloudx.MarkOf(op), func(types.Address) bool { return true }, "a public address")
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	var all []cloudx.Candidate
	for _, a := range mine {
		all = append(all, cloudx.Candidate{ID: aws.ToString(a.AllocationId), InUse: a.AssociationId != nil})
	}
	id, err := cloudx.Settle(ctx, all, d.release)
	if err != nil {
		return nil, err
	}
	return cloudx.Find(mine, func(a types.Address) bool { return aws.ToString(a.AllocationId) == id }), nil
}

// takeAddress takes an address and waits until it is listed.
func (d *Driver) takeAddress(ctx context.Context, op operation.Op, pool cloud.Ref) (found *types.Address, err error) {
	in := &ec2.AllocateAddressInput{
		Domain:            types.DomainTypeVpc,
		TagSpecifications: []types.TagSpecification{specification(types.ResourceTypeElasticIp, tags(op, op.Key.Target, nil))},
	}
	if pool.ID != amazonPool {
		in.PublicIpv4Pool = given(pool.ID)
	}
	made, err := change(ctx, "taking a public address from "+pool.Name, d.ec2.AllocateAddress, in)
	if err != nil {
		return nil, err
	}
	err = d.until(ctx, "waiting until public address "+aws.ToString(made.PublicIp)+" is listed", func() (bool, error) {
		if found, err = d.ownAddress(ctx, op); err == nil && found == nil {
			err = fault.New(fault.NotFound, "public address %s is not listed", aws.ToString(made.PublicIp))
		}
		return err == nil, err
	})
	return found, err
}

// associate leads an address to an instance. One that another attempt has released, or an instance that it was quicker with, is
// the next look's to see.
func (d *Driver) associate(ctx context.Context, a types.Address, instanceID string) error {
	_, err := change(ctx, "leading "+aws.ToString(a.PublicIp)+" to instance "+instanceID, d.ec2.AssociateAddress, &ec2.AssociateAddressInput{
		AllocationId: a.AllocationId, InstanceId: &instanceID, AllowReassociation: aws.Bool(false),
	})
	if coded(err, "InvalidAllocationID.NotFound") {
		return fault.New(fault.Unavailable, "%w", err)
	}
	return skip(err, "Resource.AlreadyAssociated")
}

func (d *Driver) release(ctx context.Context, id string) error {
	_, err := change(ctx, "giving back public address "+id, d.ec2.ReleaseAddress, &ec2.ReleaseAddressInput{AllocationId: &id})
	if coded(err, "InvalidIPAddress.InUse") {
		return fault.New(fault.Unavailable, "%w", err)
	}
	return err
}

// RemoveAddress gives the address back.
func (d *Driver) RemoveAddress(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := cloud.ValidOp(op); err != nil {
		return err
	}
	list, err := d.listAddresses(ctx, byOwner(op.Owner))
	if err != nil {
		return err
	}
	return d.removeAddresses(ctx, cloudx.Carrying(list, addressMark, cloudx.MarkOf(op)), p)
}

func (d *Driver) removeAddresses(ctx context.Context, list []types.Address, p operation.Progress) error {
	for _, a := range list {
		text := aws.ToString(a.PublicIp)
		p.Say("giving back public address " + text)
		if a.AssociationId != nil {
			_, err := change(ctx, "leading "+text+" nowhere", d.ec2.DisassociateAddress, &ec2.DisassociateAddressInput{AssociationId: a.AssociationId})
			if err := cloudx.Unless(fault.NotFound, err); err != nil {
				return err
			}
		}
		if err := cloudx.Unless(fault.NotFound, d.release(ctx, aws.ToString(a.AllocationId))); err != nil {
			return err
		}
	}
	return nil
}
