package cloudtest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/fault"
)

func negative() map[string]func(*rig) {
	return map[string]func(*rig){
		"another key's group is a Conflict":                    otherGroup,
		"another key's instance is a Conflict":                 otherInstance,
		"another key's volume is a Conflict":                   otherVolume,
		"another key's address is a Conflict":                  otherAddress,
		"another size under the same key is a Conflict":        otherSize,
		"another owner's instance is a Conflict":               otherOwner,
		"removing goes by the key":                             otherKeyStays,
		"a foreign instance of the name is left alone":         foreign,
		"an address that another has is a Conflict":            heldAddress,
		"a group that is in use stays":                         groupInUse,
		"names that do not exist are NotFound":                 unknownNames,
		"a name that two have is Invalid":                      twins,
		"a placement that has gone is NotFound":                goneAway,
		"an instance that does not exist is NotFound":          noInstance,
		"a quota that is used up is Invalid":                   quotas,
		"a cloud that asks for patience is Throttled":          throttled,
		"an instance that the cloud gives up on is Invalid":    givesUp,
		"bad input is Invalid and changes nothing":             badInput,
		"bad plans are Invalid":                                badPlans,
		"a wrong credential is Unauthorized":                   wrongCredential,
		"a cloud that is away is Unavailable":                  down,
		"a cancelled attempt changes nothing":                  cancelled,
		"an attempt given up while it boots is gone on with":   givenUp,
		"removing what an owner has not made touches no other": emptyOwner,
	}
}

func otherGroup(r *rig) {
	group := r.group(r.op)
	r.untouched(func() {
		_, err := r.driver.EnsureGroup(r.ctx, newOp("group", "web-01"), "web-01", r.p)
		r.refuses(err, fault.Conflict, group.Key)
	})
}

func otherInstance(r *rig) {
	made := r.make(r.op)
	request := r.request(r.op)
	r.untouched(func() {
		_, err := r.driver.EnsureInstance(r.ctx, newOp("instance", "web-01"), request, r.p)
		r.refuses(err, fault.Conflict, made.Key)
	})
}

func otherVolume(r *rig) {
	r.withVolumes()
	made := r.make(r.op)
	disk := r.volume(r.op, made.ID)
	r.untouched(func() {
		_, err := r.driver.EnsureVolume(r.ctx, newOp("volume/data", "web-01"), made.ID, data(), r.Names.Zone, r.p)
		r.refuses(err, fault.Conflict, disk.Key)
	})
}

func otherAddress(r *rig) {
	r.withAddresses()
	made := r.make(r.op)
	public := r.address(r.op, made.ID)
	pool := r.plan().Placement.Public
	r.untouched(func() {
		_, err := r.driver.EnsureAddress(r.ctx, newOp("address", "web-01"), made.ID, pool, r.p)
		r.refuses(err, fault.Conflict, public.Key)
	})
	require.Equal(r, made.ID, r.Leads(r.T, public.Address))
}

func otherSize(r *rig) {
	r.withVolumes()
	made := r.make(r.op)
	r.volume(r.op, made.ID)
	larger := data()
	larger.Bytes = 3 << 30
	r.untouched(func() {
		_, err := r.driver.EnsureVolume(r.ctx, step(r.op, "volume/data"), made.ID, larger, r.Names.Zone, r.p)
		r.refuses(err, fault.Conflict, "data")
	})
}

func otherOwner(r *rig) {
	made := r.make(r.op)
	thief := newOp("instance", "web-99")
	thief.Key.Run = r.op.Key.Run
	pool := r.plan().Placement.Public
	r.untouched(func() {
		_, err := r.driver.Stop(r.ctx, thief, made.ID, r.p)
		r.refuses(err, fault.Conflict)
		_, err = r.driver.Start(r.ctx, thief, made.ID, r.p)
		r.refuses(err, fault.Conflict)
		if r.HasVolumes {
			_, err = r.driver.EnsureVolume(r.ctx, thief, made.ID, data(), r.Names.Zone, r.p)
			r.refuses(err, fault.Conflict)
		}
		if r.Names.Public != "" {
			_, err = r.driver.EnsureAddress(r.ctx, thief, made.ID, pool, r.p)
			r.refuses(err, fault.Conflict)
		}
	})
	require.Equal(r, cloud.Owned{}, r.owned(thief))
}

func otherKeyStays(r *rig) {
	r.everything(r.op)
	later := newOp("instance", "web-01")
	r.untouched(func() {
		require.NoError(r, r.driver.RemoveAddress(r.ctx, step(later, "address"), r.p))
		require.NoError(r, r.driver.RemoveVolume(r.ctx, step(later, "volume/data"), r.p))
		require.NoError(r, r.driver.RemoveInstance(r.ctx, later, r.p))
		require.NoError(r, r.driver.RemoveGroup(r.ctx, step(later, "group"), r.p))
	})
}

func foreign(r *rig) {
	r.needs(r.Foreign != nil, "make a foreign instance")
	before := r.Count(r.T)
	id := r.Foreign(r.T, "web-01")
	planned := r.plan()
	require.Len(r, planned.Existing, 1)
	require.Equal(r, cloud.Instance{ID: id, Name: "web-01"}, cloud.Instance{ID: planned.Existing[0].ID, Name: "web-01", Key: planned.Existing[0].Key, Owner: planned.Existing[0].Owner})
	require.Equal(r, cloud.Owned{}, r.owned(r.op))
	_, err := r.driver.Stop(r.ctx, r.op, id, r.p)
	r.refuses(err, fault.Conflict)
	made := r.make(r.op)
	require.NotEqual(r, id, made.ID, "it is never adopted")
	_, err = r.driver.RemoveOwned(r.ctx, r.op, r.p)
	require.NoError(r, err)
	require.NoError(r, r.driver.RemoveInstance(r.ctx, r.op, r.p))
	require.Equal(r, before.Instances+1, r.Count(r.T).Instances)
}

func heldAddress(r *rig) {
	made := r.make(r.op)
	other := newOp("instance", "web-02")
	request := r.request(other)
	request.Address = made.Addresses[0]
	before := r.Count(r.T)
	_, err := r.driver.EnsureInstance(r.ctx, other, request, r.p)
	r.refuses(err, fault.Conflict, made.Addresses[0])
	r.counts(before)
}

func groupInUse(r *rig) {
	r.make(r.op)
	ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
	defer cancel()
	r.untouched(func() {
		r.refuses(r.driver.RemoveGroup(ctx, step(r.op, "group"), r.p), fault.Unavailable, "web-01")
	})
}

func unknownNames(r *rig) {
	for known, spoil := range map[string]func(*cloud.PlanRequest){
		r.Names.Image:   func(p *cloud.PlanRequest) { p.Image = "nothing" },
		r.Names.Flavor:  func(p *cloud.PlanRequest) { p.Flavor = "nothing" },
		r.Names.Network: func(p *cloud.PlanRequest) { p.Network = "nothing" },
		r.Names.KeyPair: func(p *cloud.PlanRequest) { p.KeyPair = "nothing" },
		r.Names.Public:  func(p *cloud.PlanRequest) { p.Public = "nothing" },
		r.Names.Zone:    func(p *cloud.PlanRequest) { p.Zone = "nothing" },
	} {
		if known == "" {
			continue
		}
		request := r.planRequest("web-01")
		spoil(&request)
		_, err := r.driver.Plan(r.ctx, request)
		r.refuses(err, fault.NotFound, "nothing", known)
	}
}

func twins(r *rig) {
	r.needs(r.Twin != nil, "make a second image of a name")
	id := r.plan().Placement.Image.ID
	r.Twin(r.T)
	_, err := r.driver.Plan(r.ctx, r.planRequest("web-01"))
	r.refuses(err, fault.Invalid, r.Names.Image, id)
	request := r.planRequest("web-01")
	request.Image = id
	_, err = r.driver.Plan(r.ctx, request)
	require.NoError(r, err, "the id is still plain")
}

func goneAway(r *rig) {
	request, before := r.request(r.op), r.Count(r.T)
	for _, spoil := range []func(*cloud.Placement){
		func(p *cloud.Placement) { p.Image = r.NoSuch.Image },
		func(p *cloud.Placement) { p.Flavor = r.NoSuch.Flavor },
		func(p *cloud.Placement) { p.Network = r.NoSuch.Network },
	} {
		bad := request
		spoil(&bad.Placement)
		_, err := r.driver.EnsureInstance(r.ctx, r.op, bad, r.p)
		r.refuses(err, fault.NotFound)
		require.NoError(r, r.driver.RemoveInstance(r.ctx, r.op, r.p))
		r.counts(before)
	}
}

func noInstance(r *rig) {
	pool := r.plan().Placement.Public
	r.untouched(func() {
		_, err := r.driver.Stop(r.ctx, r.op, r.NoInstance, r.p)
		r.refuses(err, fault.NotFound)
		_, err = r.driver.Start(r.ctx, r.op, r.NoInstance, r.p)
		r.refuses(err, fault.NotFound)
		if r.HasVolumes {
			_, err = r.driver.EnsureVolume(r.ctx, r.op, r.NoInstance, data(), r.Names.Zone, r.p)
			r.refuses(err, fault.NotFound)
		}
		if r.Names.Public != "" {
			_, err = r.driver.EnsureAddress(r.ctx, r.op, r.NoInstance, pool, r.p)
			r.refuses(err, fault.NotFound)
		}
	})
}

// quotas: a retry does not cure it, and nothing is left lying about that counts.
func quotas(r *rig) {
	r.needs(r.Fill != nil, "fill a quota")
	made := r.make(r.op)
	other := newOp("instance", "web-02")
	request := r.request(other)
	r.Fill(r.T, Instances)
	before := r.Count(r.T)
	_, err := r.driver.EnsureInstance(r.ctx, other, request, r.p)
	r.refuses(err, fault.Invalid, "uota")
	require.NoError(r, r.driver.RemoveInstance(r.ctx, other, r.p))
	r.counts(before)
	r.Fill(r.T, Groups)
	_, err = r.driver.EnsureGroup(r.ctx, newOp("group", "web-03"), "web-03", r.p)
	r.refuses(err, fault.Invalid, "uota")
	if r.HasVolumes {
		r.Fill(r.T, Volumes)
		_, err = r.driver.EnsureVolume(r.ctx, step(r.op, "volume/data"), made.ID, data(), r.Names.Zone, r.p)
		r.refuses(err, fault.Invalid, "uota")
	}
	if pool := request.Placement.Public; r.Names.Public != "" {
		r.Fill(r.T, Addresses)
		_, err = r.driver.EnsureAddress(r.ctx, step(r.op, "address"), made.ID, pool, r.p)
		r.refuses(err, fault.Invalid, "uota")
	}
	r.counts(before)
}

func throttled(r *rig) {
	r.needs(r.Throttle != nil, "throttle")
	request := r.request(r.op)
	after := r.Throttle()
	_, err := r.driver.EnsureInstance(r.ctx, r.op, request, r.p)
	r.refuses(err, fault.Throttled)
	var told *fault.Error
	require.ErrorAs(r, err, &told)
	require.Equal(r, after, told.After)
	require.Positive(r, told.After)
	r.make(r.op)
}

func givesUp(r *rig) {
	r.needs(r.GiveUp != nil, "give up on an instance")
	request, before := r.request(r.op), r.Count(r.T)
	r.GiveUp()
	for range 2 {
		_, err := r.driver.EnsureInstance(r.ctx, r.op, request, r.p)
		r.refuses(err, fault.Invalid)
		require.Equal(r, before.Instances+1, r.Count(r.T).Instances, "it stays for a person to look at")
	}
	found := r.owned(r.op).Instances
	require.Equal(r, cloud.Failed, found[0].State)
	require.NotEmpty(r, found[0].Fault)
	require.NoError(r, r.driver.RemoveInstance(r.ctx, r.op, r.p))
	r.counts(before)
	r.make(r.op)
}

func wrongCredential(r *rig) {
	request := r.request(r.op)
	wrong := r.OpenWrong(r.T)
	r.untouched(func() {
		r.refuses(wrong.Check(r.ctx), fault.Unauthorized)
		_, err := wrong.Plan(r.ctx, r.planRequest("web-01"))
		r.refuses(err, fault.Unauthorized)
		_, err = wrong.EnsureInstance(r.ctx, r.op, request, r.p)
		r.refuses(err, fault.Unauthorized)
		_, err = wrong.RemoveOwned(r.ctx, r.op, r.p)
		r.refuses(err, fault.Unauthorized)
	})
}

func down(r *rig) {
	r.needs(r.Down != nil, "take the cloud away")
	request, before := r.request(r.op), r.Count(r.T)
	r.Down(true)
	r.refuses(r.driver.Check(r.ctx), fault.Unavailable)
	_, err := r.driver.EnsureInstance(r.ctx, r.op, request, r.p)
	r.refuses(err, fault.Unavailable)
	_, err = r.driver.FindByOwner(r.ctx, r.op.Owner)
	r.refuses(err, fault.Unavailable)
	r.refuses(r.driver.RemoveGroup(r.ctx, step(r.op, "group"), r.p), fault.Unavailable)
	r.Down(false)
	r.counts(before)
	r.make(r.op)
}

func cancelled(r *rig) {
	made := r.make(r.op)
	request, other := r.request(r.op), newOp("instance", "web-02")
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	r.untouched(func() {
		_, err := r.driver.EnsureInstance(ctx, other, request, r.p)
		r.refuses(err, fault.Unavailable)
		_, err = r.driver.EnsureGroup(ctx, other, "web-02", r.p)
		r.refuses(err, fault.Unavailable)
		_, err = r.driver.Stop(ctx, r.op, made.ID, r.p)
		r.refuses(err, fault.Unavailable)
		r.refuses(r.driver.RemoveInstance(ctx, r.op, r.p), fault.Unavailable)
		_, err = r.driver.RemoveOwned(ctx, r.op, r.p)
		r.refuses(err, fault.Unavailable)
	})
}

// givenUp: an attempt ends while the instance boots; the next one waits for the same.
func givenUp(r *rig) {
	r.needs(r.Delay != nil, "make calls slow")
	request, before := r.request(r.op), r.Count(r.T)
	r.Delay(MakeInstance, 2*time.Second)
	ctx, cancel := context.WithTimeout(r.ctx, 300*time.Millisecond)
	defer cancel()
	_, err := r.driver.EnsureInstance(ctx, r.op, request, r.p)
	require.Error(r, err)
	require.True(r, fault.KindOf(err).Retryable(), "%v", err)
	r.Delay(MakeInstance, 0)
	made := eventually(r, func() (cloud.Instance, error) { return r.Open(r.T).EnsureInstance(r.ctx, r.op, request, r.p) })
	require.Equal(r, cloud.Running, made.State)
	require.Equal(r, before.Instances+1, r.Count(r.T).Instances)
}

func emptyOwner(r *rig) {
	r.everything(r.op)
	r.untouched(func() {
		gone, err := r.driver.RemoveOwned(r.ctx, newOp("purge", "web-0"), r.p)
		require.NoError(r, err)
		require.Equal(r, cloud.Owned{}, gone)
	})
}
