package cloudtest

import (
	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/fault"
)

// lost are the cases of answers that never arrived: the change is done, and nobody knows.
func lost() map[string]func(*rig) {
	return map[string]func(*rig){
		"a lost answer to a group":                   lostGroup,
		"a lost answer to an instance":               lostInstance,
		"a lost answer to a volume":                  func(r *rig) { lostVolume(r, MakeVolume) },
		"a lost answer to attaching a volume":        func(r *rig) { lostVolume(r, AttachVolume) },
		"a lost answer to an address":                lostAddress,
		"a lost answer to stopping and starting":     lostPower,
		"a lost answer to removing an instance":      lostRemoval,
		"a lost answer to removing a group":          lostGroupRemoval,
		"a lost answer to detaching a volume":        func(r *rig) { lostVolumeRemoval(r, DetachVolume) },
		"a lost answer to removing a volume":         func(r *rig) { lostVolumeRemoval(r, RemoveVolume) },
		"a lost answer to giving an address back":    lostGiveBack,
		"lost answers while all of an owner removed": lostOwned,
	}
}

func (r *rig) losing() {
	r.Helper()
	r.needs(r.Lose != nil, "lose an answer")
}

func lostGroup(r *rig) {
	r.losing()
	before := r.Count(r.T)
	r.Lose(MakeGroup)
	_, err := r.driver.EnsureGroup(r.ctx, r.op, "web-01", r.p)
	r.refuses(err, fault.Ambiguous)
	made := eventually(r, func() (cloud.Group, error) { return r.driver.EnsureGroup(r.ctx, r.op, "web-01", r.p) })
	require.Equal(r, r.op.Key.String(), made.Key)
	require.Empty(r, r.Ingress(r.T, made.ID))
	require.True(r, r.Egress(r.T, made.ID))
	before.Groups++
	r.counts(before)
}

func lostInstance(r *rig) {
	r.losing()
	request, before := r.request(r.op), r.Count(r.T)
	r.Lose(MakeInstance)
	_, err := r.driver.EnsureInstance(r.ctx, r.op, request, r.p)
	r.refuses(err, fault.Ambiguous)
	made := eventually(r, func() (cloud.Instance, error) {
		return r.Open(r.T).EnsureInstance(r.ctx, r.op, request, r.p)
	})
	require.Equal(r, []any{r.op.Key.String(), cloud.Running}, []any{made.Key, made.State})
	require.Equal(r, before.Instances+1, r.Count(r.T).Instances)
}

func (r *rig) withVolumes() {
	r.Helper()
	r.needs(r.HasVolumes, "make volumes")
}

func (r *rig) withAddresses() {
	r.Helper()
	r.needs(r.Names.Public != "", "take public addresses")
}

func lostVolume(r *rig, call Call) {
	r.losing()
	r.withVolumes()
	made := r.make(r.op)
	before := r.Count(r.T)
	r.Lose(call)
	_, err := r.driver.EnsureVolume(r.ctx, step(r.op, "volume/data"), made.ID, data(), r.Names.Zone, r.p)
	r.refuses(err, fault.Ambiguous)
	disk := eventually(r, func() (cloud.Disk, error) {
		return r.driver.EnsureVolume(r.ctx, step(r.op, "volume/data"), made.ID, data(), r.Names.Zone, r.p)
	})
	require.Equal(r, made.ID, disk.InstanceID)
	before.Disks++
	r.counts(before)
}

func lostAddress(r *rig) {
	r.losing()
	r.withAddresses()
	made, pool := r.make(r.op), r.plan().Placement.Public
	before := r.Count(r.T)
	r.Lose(TakeAddress)
	_, err := r.driver.EnsureAddress(r.ctx, r.op, made.ID, pool, r.p)
	r.refuses(err, fault.Ambiguous)
	public := eventually(r, func() (cloud.PublicAddress, error) {
		return r.driver.EnsureAddress(r.ctx, r.op, made.ID, pool, r.p)
	})
	require.Equal(r, made.ID, r.Leads(r.T, public.Address))
	before.Addresses++
	r.counts(before)
}

func lostPower(r *rig) {
	r.losing()
	made := r.make(r.op)
	r.Lose(StopInstance)
	_, err := r.driver.Stop(r.ctx, r.op, made.ID, r.p)
	r.refuses(err, fault.Ambiguous)
	stopped := eventually(r, func() (cloud.Instance, error) { return r.driver.Stop(r.ctx, r.op, made.ID, r.p) })
	require.Equal(r, cloud.Stopped, stopped.State)
	r.Lose(StartInstance)
	_, err = r.driver.Start(r.ctx, r.op, made.ID, r.p)
	r.refuses(err, fault.Ambiguous)
	started := eventually(r, func() (cloud.Instance, error) { return r.driver.Start(r.ctx, r.op, made.ID, r.p) })
	require.Equal(r, cloud.Running, started.State)
}

func lostRemoval(r *rig) {
	r.losing()
	r.group(r.op)
	before := r.Count(r.T)
	r.make(r.op)
	r.Lose(RemoveInstance)
	r.refuses(r.driver.RemoveInstance(r.ctx, r.op, r.p), fault.Ambiguous)
	removed(r, func() error { return r.driver.RemoveInstance(r.ctx, r.op, r.p) })
	r.counts(before)
}

func lostGroupRemoval(r *rig) {
	r.losing()
	before := r.Count(r.T)
	r.group(r.op)
	r.Lose(RemoveGroup)
	r.refuses(r.driver.RemoveGroup(r.ctx, step(r.op, "group"), r.p), fault.Ambiguous)
	removed(r, func() error { return r.driver.RemoveGroup(r.ctx, step(r.op, "group"), r.p) })
	r.counts(before)
}

func lostVolumeRemoval(r *rig, call Call) {
	r.losing()
	r.withVolumes()
	made := r.make(r.op)
	before := r.Count(r.T)
	r.volume(r.op, made.ID)
	r.Lose(call)
	r.refuses(r.driver.RemoveVolume(r.ctx, step(r.op, "volume/data"), r.p), fault.Ambiguous)
	removed(r, func() error { return r.driver.RemoveVolume(r.ctx, step(r.op, "volume/data"), r.p) })
	r.counts(before)
}

func lostGiveBack(r *rig) {
	r.losing()
	r.withAddresses()
	made := r.make(r.op)
	before := r.Count(r.T)
	r.address(r.op, made.ID)
	r.Lose(GiveBack)
	r.refuses(r.driver.RemoveAddress(r.ctx, step(r.op, "address"), r.p), fault.Ambiguous)
	removed(r, func() error { return r.driver.RemoveAddress(r.ctx, step(r.op, "address"), r.p) })
	r.counts(before)
}

// lostOwned: what is removed by its owner is told even so, by whichever attempt still saw it.
func lostOwned(r *rig) {
	r.losing()
	before := r.Count(r.T)
	r.everything(r.op)
	for _, call := range []Call{RemoveInstance, RemoveGroup} {
		r.Lose(call)
		_, err := r.driver.RemoveOwned(r.ctx, r.op, r.p)
		r.refuses(err, fault.Ambiguous)
	}
	eventually(r, func() (cloud.Owned, error) { return r.driver.RemoveOwned(r.ctx, r.op, r.p) })
	r.counts(before)
}
