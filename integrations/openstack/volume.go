package openstack

import (
	"context"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/volumeattach"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// The states of a volume that nothing moves any more.
const (
	available = "available"
	inUse     = "in-use"
)

const gib = int64(1) << 30

// serialLength is how much of its id a volume shows as its serial on virtio.
const serialLength = 20

// EnsureVolume makes a volume, waits until it is there, and attaches it.
func (d *Driver) EnsureVolume(ctx context.Context, op operation.Op, instanceID string, v cloud.Volume, zone string, p operation.Progress) (cloud.Disk, error) {
	if err := valid(op); err != nil {
		return cloud.Disk{}, err
	}
	if err := v.Valid(); err != nil {
		return cloud.Disk{}, err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return cloud.Disk{}, err
	}
	if _, err := s.volumes(); err != nil {
		return cloud.Disk{}, err
	}
	if _, err := s.owners(ctx, op, instanceID); err != nil {
		return cloud.Disk{}, err
	}
	found, err := s.findVolume(ctx, op, v.Name)
	if err == nil && found == nil {
		p.Say("making volume " + v.Name)
		found, err = d.makeVolume(ctx, s, op, v, zone)
	}
	if err != nil {
		return cloud.Disk{}, err
	}
	if int64(found.Size)*gib != v.Bytes {
		return cloud.Disk{}, fault.New(fault.Conflict, "volume %s is there already with %d GiB instead of %d", v.Name, found.Size, v.Bytes/gib)
	}
	p.Say("attaching volume " + v.Name)
	return d.attached(ctx, s, found.ID, instanceID)
}

// findVolume finds the volume that carries the operation's mark; nil: none.
func (s *services) findVolume(ctx context.Context, op operation.Op, name string) (*volumes.Volume, error) {
	list, err := s.listVolumes(ctx)
	if err != nil {
		return nil, err
	}
	mine, err := cloudx.Ours(list, volumeMark, cloudx.MarkOf(op), func(v volumes.Volume) bool { return v.Name == name }, "volume "+name)
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	var all []cloudx.Candidate
	for _, v := range mine {
		all = append(all, cloudx.Candidate{ID: v.ID, InUse: v.Status != available && v.Status != "creating" && v.Status != "deleting", Created: v.CreatedAt})
	}
	id, err := cloudx.Settle(ctx, all, s.deleteVolume)
	if err != nil {
		return nil, err
	}
	return cloudx.Find(mine, func(v volumes.Volume) bool { return v.ID == id }), nil
}

func (s *services) deleteVolume(ctx context.Context, id string) error {
	return translate(volumes.Delete(ctx, s.volume, id, volumes.DeleteOpts{}).ExtractErr(), "removing volume "+id)
}

func (d *Driver) makeVolume(ctx context.Context, s *services, op operation.Op, v cloud.Volume, zone string) (*volumes.Volume, error) {
	if d.config.VolumeZone != "" {
		zone = d.config.VolumeZone
	}
	made, err := volumes.Create(ctx, s.volume, volumes.CreateOpts{
		Size: int(v.Bytes / gib), Name: v.Name, VolumeType: v.Type, AvailabilityZone: zone, Metadata: metadata(cloudx.MarkOf(op), nil),
	}, nil).Extract()
	if err = translate(err, "making volume "+v.Name); err != nil {
		return nil, err
	}
	// Only a volume that is there can be removed again, if another attempt made one at the same moment.
	if _, err := d.settled(ctx, s, made.ID); err != nil {
		return nil, err
	}
	found, err := s.findVolume(ctx, op, v.Name)
	if err == nil && found == nil {
		err = fault.New(fault.Unavailable, "making volume %s: it is not listed yet", v.Name)
	}
	return found, err
}

// settled waits until a volume is in a state that lasts.
func (d *Driver) settled(ctx context.Context, s *services, id string) (v *volumes.Volume, err error) {
	err = d.until(ctx, "waiting for volume "+id, func() (bool, error) {
		v, err = volumes.Get(ctx, s.volume, id).Extract()
		if err != nil {
			return false, gone(translate(err, "reading volume "+id))
		}
		switch v.Status {
		case available, inUse:
			return true, nil
		case "error", "error_deleting":
			return false, fault.New(fault.Invalid, "the cloud gave up on volume %s: its state is %s", v.Name, v.Status)
		}
		return false, nil
	})
	return v, err
}

// attached attaches the volume and waits until it is.
func (d *Driver) attached(ctx context.Context, s *services, id, instanceID string) (cloud.Disk, error) {
	v, err := d.settled(ctx, s, id)
	if err != nil {
		return cloud.Disk{}, err
	}
	if v.Status == available {
		_, err := volumeattach.Create(ctx, s.compute, instanceID, volumeattach.CreateOpts{VolumeID: id}).Extract()
		err = gone(translate(err, "attaching volume "+v.Name))
		if err != nil && !fault.Is(err, fault.Unavailable) { // Unavailable: perhaps another attempt attaches it right now.
			return cloud.Disk{}, err
		}
		again, lookErr := d.settled(ctx, s, id)
		if lookErr != nil {
			return cloud.Disk{}, lookErr
		}
		if v = again; err != nil && v.Status == available {
			return cloud.Disk{}, err
		}
	}
	disk := diskOf(*v)
	if disk.InstanceID != instanceID {
		return cloud.Disk{}, fault.New(fault.Conflict, "volume %s is attached to %q instead of %s: changed by others", v.Name, disk.InstanceID, instanceID)
	}
	return disk, nil
}

func diskOf(v volumes.Volume) cloud.Disk {
	d := cloud.Disk{ID: v.ID, Name: v.Name, Bytes: int64(v.Size) * gib, Key: volumeMark(v).Key, Serial: v.ID[:min(serialLength, len(v.ID))]}
	if len(v.Attachments) > 0 {
		d.InstanceID = v.Attachments[0].ServerID
	}
	return d
}

// RemoveVolume detaches the volume and removes it.
func (d *Driver) RemoveVolume(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := valid(op); err != nil {
		return err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	list, err := s.listVolumes(ctx)
	if err != nil {
		return err
	}
	return d.removeVolumes(ctx, s, cloudx.Carrying(list, volumeMark, cloudx.MarkOf(op)), p)
}

func (d *Driver) removeVolumes(ctx context.Context, s *services, list []volumes.Volume, p operation.Progress) error {
	for _, v := range list {
		p.Say("removing volume " + v.Name)
		if err := cloudx.Unless(fault.NotFound, d.removeVolume(ctx, s, v.ID)); err != nil {
			return fault.Wrap(fault.KindOf(err), err, "removing volume "+v.Name)
		}
	}
	return nil
}

// removeVolume does the next thing that a volume's state asks for until it is gone: NotFound.
func (d *Driver) removeVolume(ctx context.Context, s *services, id string) error {
	return d.until(ctx, "waiting until volume "+id+" is gone", func() (bool, error) {
		v, err := volumes.Get(ctx, s.volume, id).Extract()
		if err != nil {
			return false, translate(err, "reading volume "+id)
		}
		switch {
		case v.Status == inUse && len(v.Attachments) > 0:
			err = s.detach(ctx, v.Attachments[0].ServerID, id)
		case v.Status == available, v.Status == "error", v.Status == "error_deleting":
			err = s.deleteVolume(ctx, id)
		}
		return false, err
	})
}

// detach asks Nova to let a volume go. A server that is being changed, or has gone, is looked at again.
func (s *services) detach(ctx context.Context, serverID, volumeID string) error {
	err := volumeattach.Delete(ctx, s.compute, serverID, volumeID).ExtractErr()
	if gophercloud.ResponseCodeIs(err, 404) {
		return nil
	}
	return translate(err, "detaching volume "+volumeID)
}
