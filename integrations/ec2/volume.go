package ec2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

const gib = int64(1) << 30

// devices are the names that EC2 recommends for data volumes. On Nitro a guest sees other ones, and the serial.
var devices = strings.Split("fghijklmnop", "")

func volumeMark(v types.Volume) cloudx.Mark { return markIn(v.Tags) }

// isRoot tells whether an instance boots from the volume.
func isRoot(v types.Volume) bool { return tagValue(v.Tags, partTag) == rootPart }

// dataVolumes are those of an owner that are there, without what instances boot from.
func (d *Driver) dataVolumes(ctx context.Context, owner operation.Owner) ([]types.Volume, error) {
	list, err := d.listVolumes(ctx, byOwner(owner))
	return slices.DeleteFunc(list, func(v types.Volume) bool {
		return isRoot(v) || v.State == types.VolumeStateDeleting || v.State == types.VolumeStateDeleted
	}), err
}

// EnsureVolume makes a volume in the instance's zone under a client token, waits until it is there, and attaches it.
func (d *Driver) EnsureVolume(ctx context.Context, op operation.Op, instanceID string, v cloud.Volume, zone string, p operation.Progress) (cloud.Disk, error) {
	if err := cloud.ValidOp(op); err != nil {
		return cloud.Disk{}, err
	}
	if err := v.Valid(); err != nil {
		return cloud.Disk{}, err
	}
	instance, err := d.owners(ctx, op, instanceID)
	if err != nil {
		return cloud.Disk{}, err
	}
	if where := zoneOf(instance); zone != "" && zone != where {
		return cloud.Disk{}, fault.New(fault.Invalid, "volume %s is wanted in zone %s, and instance %s is in %s", v.Name, zone, instanceID, where)
	}
	found, err := d.findVolume(ctx, op, v.Name)
	if err == nil && found == nil {
		p.Say("making volume " + v.Name)
		found, err = d.makeVolume(ctx, op, v, zoneOf(instance))
	}
	if err != nil {
		return cloud.Disk{}, err
	}
	if found.Bytes != v.Bytes {
		return cloud.Disk{}, fault.New(fault.Conflict, "volume %s is there already with %d GiB instead of %d", v.Name, found.Bytes/gib, v.Bytes/gib)
	}
	p.Say("attaching volume " + v.Name)
	return d.attached(ctx, found.ID, instanceID)
}

func zoneOf(i types.Instance) string {
	if i.Placement == nil {
		return ""
	}
	return aws.ToString(i.Placement.AvailabilityZone)
}

// findVolume finds the volume that carries the operation's mark; nil: none.
func (d *Driver) findVolume(ctx context.Context, op operation.Op, name string) (*cloud.Disk, error) {
	list, err := d.dataVolumes(ctx, op.Owner)
	if err != nil {
		return nil, err
	}
	sameName := func(v types.Volume) bool { return tagValue(v.Tags, nameTag) == name }
	mine, err := cloudx.Ours(list, volumeMark, cloudx.MarkOf(op), sameName, "volume "+name)
	switch {
	case err != nil || len(mine) == 0:
		return nil, err
	case len(mine) > 1:
		return nil, fault.New(fault.Conflict, "%d volumes carry the key %s: one of them is a copy that somebody made", len(mine), op.Key)
	}
	disk := diskOf(mine[0])
	return &disk, nil
}

func (d *Driver) makeVolume(ctx context.Context, op operation.Op, v cloud.Volume, zone string) (*cloud.Disk, error) {
	made, err := change(ctx, "making volume "+v.Name, d.ec2.CreateVolume, &ec2.CreateVolumeInput{
		AvailabilityZone: &zone, Size: aws.Int32(int32(v.Bytes / gib)), VolumeType: types.VolumeType(v.Type), ClientToken: token("volume", op, 0), //nolint:gosec // 64 TiB at most.
		TagSpecifications: []types.TagSpecification{specification(types.ResourceTypeVolume, tags(op, v.Name, nil))},
	})
	if err != nil {
		return nil, err
	}
	return &cloud.Disk{ID: aws.ToString(made.VolumeId), Bytes: int64(aws.ToInt32(made.Size)) * gib}, nil
}

// attached attaches the volume and waits until it is.
func (d *Driver) attached(ctx context.Context, id, instanceID string) (disk cloud.Disk, err error) {
	err = d.until(ctx, "waiting until volume "+id+" is attached", func() (bool, error) {
		v, err := d.volume(ctx, id)
		if err != nil {
			return false, err
		}
		switch disk = diskOf(v); {
		case v.State == types.VolumeStateError:
			return false, fault.New(fault.Invalid, "the cloud gave up on volume %s", disk.Name)
		case disk.InstanceID != "" && disk.InstanceID != instanceID:
			return false, fault.New(fault.Conflict, "volume %s is attached to %s instead of %s: changed by others", disk.Name, disk.InstanceID, instanceID)
		case v.State == types.VolumeStateAvailable && len(v.Attachments) == 0:
			return false, d.attach(ctx, id, instanceID)
		}
		return len(v.Attachments) > 0 && v.Attachments[0].State == types.VolumeAttachmentStateAttached, nil
	})
	if coded(err, "InvalidVolume.NotFound") { // Under a token that was used EC2 shows what was made then.
		err = fault.New(fault.Conflict, "%w: it was made under this key before, and removed", err)
	}
	return disk, err
}

// attach asks for the volume under the first name that is free. Another attempt may be quicker, with the volume or with the name.
func (d *Driver) attach(ctx context.Context, id, instanceID string) error {
	instance, err := d.instance(ctx, instanceID)
	if err != nil {
		return err
	}
	for _, letter := range devices {
		name := "/dev/sd" + letter
		if slices.ContainsFunc(instance.BlockDeviceMappings, func(m types.InstanceBlockDeviceMapping) bool { return aws.ToString(m.DeviceName) == name }) {
			continue
		}
		_, err := change(ctx, "attaching volume "+id, d.ec2.AttachVolume, &ec2.AttachVolumeInput{Device: &name, InstanceId: &instanceID, VolumeId: &id})
		return skip(err, "VolumeInUse")
	}
	return fault.New(fault.Invalid, "instance %s has no name left for another volume", instanceID)
}

// diskOf shows the serial as NVMe does: the id without its dash.
func diskOf(v types.Volume) cloud.Disk {
	id := aws.ToString(v.VolumeId)
	disk := cloud.Disk{
		ID: id, Name: tagValue(v.Tags, nameTag), Bytes: int64(aws.ToInt32(v.Size)) * gib, Key: volumeMark(v).Key,
		Serial: strings.ReplaceAll(id, "-", ""),
	}
	if len(v.Attachments) > 0 {
		disk.InstanceID = aws.ToString(v.Attachments[0].InstanceId)
	}
	return disk
}

// RemoveVolume detaches the volume and removes it.
func (d *Driver) RemoveVolume(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := cloud.ValidOp(op); err != nil {
		return err
	}
	list, err := d.listVolumes(ctx, byOwner(op.Owner))
	if err != nil {
		return err
	}
	mine := cloudx.Carrying(list, volumeMark, cloudx.MarkOf(op))
	return d.removeVolumes(ctx, slices.DeleteFunc(mine, isRoot), p)
}

// removeRoots removes what an instance booted from, where it outlives it.
func (d *Driver) removeRoots(ctx context.Context, of cloudx.Mark, p operation.Progress) error {
	list, err := d.listVolumes(ctx, byOwner(of.Owner))
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(cloudx.Carrying(list, volumeMark, of), func(v types.Volume) bool {
		return !isRoot(v) || v.State != types.VolumeStateAvailable
	})
	return d.removeVolumes(ctx, left, p)
}

func (d *Driver) removeVolumes(ctx context.Context, list []types.Volume, p operation.Progress) error {
	for _, v := range list {
		p.Say("removing volume " + tagValue(v.Tags, nameTag))
		if err := d.removeVolume(ctx, aws.ToString(v.VolumeId)); err != nil {
			return err
		}
	}
	return nil
}

// removeVolume does the next thing that a volume's state asks for until it is gone.
func (d *Driver) removeVolume(ctx context.Context, id string) error {
	return d.wait(ctx, "waiting until volume "+id+" is gone", func() (bool, error) {
		v, err := d.volume(ctx, id)
		if err != nil {
			return fault.Is(err, fault.NotFound), cloudx.Unless(fault.NotFound, err)
		}
		switch {
		case len(v.Attachments) > 0 && v.Attachments[0].State == types.VolumeAttachmentStateAttached:
			_, err = change(ctx, "detaching volume "+id, d.ec2.DetachVolume, &ec2.DetachVolumeInput{VolumeId: &id, InstanceId: v.Attachments[0].InstanceId})
		case len(v.Attachments) == 0 && (v.State == types.VolumeStateAvailable || v.State == types.VolumeStateError):
			_, err = change(ctx, "removing volume "+id, d.ec2.DeleteVolume, &ec2.DeleteVolumeInput{VolumeId: &id})
		}
		return false, skip(cloudx.Unless(fault.NotFound, err), "IncorrectState", "VolumeInUse") // It is on its way.
	})
}
