package cloudtest

import (
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// atOnce lets several workers do the same until each has succeeded.
func (r *rig) atOnce(what func(cloud.Cloud) error) {
	r.Helper()
	var workers errgroup.Group
	for range 3 {
		worker := r.Open(r.T)
		workers.Go(func() error {
			for {
				if err := what(worker); err == nil || !fault.KindOf(err).Retryable() {
					return err
				}
			}
		})
	}
	require.NoError(r, workers.Wait())
}

func race(r *rig) {
	before := r.Count(r.T)
	r.atOnce(func(c cloud.Cloud) error {
		_, err := c.EnsureGroup(r.ctx, step(r.op, "group"), "web-01", &operation.Memory{})
		return err
	})
	request := r.request(r.op)
	if r.Delay != nil { // So that all have asked before one is done.
		r.Delay(MakeInstance, 300*time.Millisecond)
	}
	r.atOnce(func(c cloud.Cloud) error {
		_, err := c.EnsureInstance(r.ctx, r.op, request, &operation.Memory{})
		return err
	})
	others := r.Count(r.T).Others
	require.LessOrEqual(r, others-before.Others, 1)
	before.Groups, before.Instances, before.Others = before.Groups+1, before.Instances+1, others
	r.counts(before)
	made := r.make(r.op)
	if r.HasVolumes {
		r.atOnce(func(c cloud.Cloud) error {
			_, err := c.EnsureVolume(r.ctx, step(r.op, "volume/data"), made.ID, data(), r.Names.Zone, &operation.Memory{})
			return err
		})
		before.Disks++
	}
	if r.Names.Public != "" {
		pool := r.plan().Placement.Public
		r.atOnce(func(c cloud.Cloud) error {
			_, err := c.EnsureAddress(r.ctx, step(r.op, "address"), made.ID, pool, &operation.Memory{})
			return err
		})
		before.Addresses++
	}
	r.counts(before)
	r.atOnce(func(c cloud.Cloud) error {
		_, err := c.RemoveOwned(r.ctx, r.op, &operation.Memory{})
		return err
	})
	require.Equal(r, cloud.Owned{}, r.owned(r.op))
}

// storm: every third call is throttled and every fifth answer lost, and there is still one of each, and then none.
func storm(r *rig) {
	r.needs(r.Storm != nil, "throttle and lose")
	before := r.Count(r.T)
	request := r.request(r.op)
	r.Storm(3, 5)
	made := eventually(r, func() (cloud.Instance, error) { return r.driver.EnsureInstance(r.ctx, r.op, request, r.p) })
	if r.HasVolumes {
		eventually(r, func() (cloud.Disk, error) {
			return r.driver.EnsureVolume(r.ctx, step(r.op, "volume/data"), made.ID, data(), r.Names.Zone, r.p)
		})
	}
	if r.Names.Public != "" {
		eventually(r, func() (cloud.PublicAddress, error) {
			return r.driver.EnsureAddress(r.ctx, step(r.op, "address"), made.ID, request.Placement.Public, r.p)
		})
	}
	r.Storm(0, 0)
	after := r.Count(r.T)
	require.Equal(r, 1, after.Instances-before.Instances)
	require.Equal(r, len(r.owned(r.op).Disks), after.Disks-before.Disks)
	require.Equal(r, len(r.owned(r.op).Addresses), after.Addresses-before.Addresses)
	require.LessOrEqual(r, after.Others-before.Others, 1)
	r.Storm(3, 5)
	eventually(r, func() (cloud.Owned, error) { return r.driver.RemoveOwned(r.ctx, r.op, r.p) })
	r.Storm(0, 0)
	r.counts(before)
}
