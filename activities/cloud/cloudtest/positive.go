package cloudtest

import (
	"net/netip"
	"strings"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/operation"
)

func positive() map[string]func(*rig) {
	return map[string]func(*rig){
		"the check is passed":                             checked,
		"the plan resolves names, and ids":                plans,
		"the plan tells what is in the way":               planFinds,
		"the plan tells quotas":                           planQuotas,
		"a group lets nothing in and everything out":      groups,
		"an instance runs, in its group, with what it is": runsInstance,
		"an instance gets the address that it asks for":   fixedAddress,
		"everything is made, and taken back in reverse":   life,
		"a repeated attempt adopts what it made":          adopts,
		"two owners have theirs side by side":             twoInstances,
		"an instance stops and starts":                    stops,
		"all of an owner is removed, and nobody else's":   removesOwned,
		"a session that ended is renewed":                 expires,
		"several attempts at once make one of each":       race,
		"a cloud that throttles and loses makes one":      storm,
	}
}

func checked(r *rig) { r.untouched(func() { require.NoError(r, r.driver.Check(r.ctx)) }) }

func plans(r *rig) {
	planned := r.plan()
	p := planned.Placement
	require.NotEmpty(r, p.Image.ID)
	require.NotEmpty(r, p.Flavor.ID)
	require.NotEmpty(r, p.Network.ID)
	require.Equal(r, []string{r.Names.Image, r.Names.Flavor, r.Names.Network}, []string{p.Image.Name, p.Flavor.Name, p.Network.Name})
	require.Equal(r, r.Names.KeyPair, p.KeyPair.Name)
	require.Equal(r, r.Names.Public == "", p.Public == cloud.Ref{})
	require.Positive(r, planned.CPUs)
	require.Positive(r, planned.MemoryBytes)
	require.Empty(r, planned.Existing)
	require.Equal(r, p, r.plan().Placement, "the same each time")

	byID := r.planRequest("web-01")
	byID.Image, byID.Flavor, byID.Network = p.Image.ID, p.Flavor.ID, p.Network.ID
	again, err := r.driver.Plan(r.ctx, byID)
	require.NoError(r, err)
	require.Equal(r, p, again.Placement)
}

func planFinds(r *rig) {
	made := r.make(r.op)
	request := r.planRequest("web-01")
	request.Address = made.Addresses[0]
	planned, err := r.driver.Plan(r.ctx, request)
	require.NoError(r, err)
	require.Len(r, planned.Existing, 1)
	require.Equal(r, []string{made.ID, r.op.Key.String(), string(r.op.Owner)},
		[]string{planned.Existing[0].ID, planned.Existing[0].Key, string(planned.Existing[0].Owner)})
	require.Len(r, planned.AddressHeldBy, 1)

	free := r.planRequest("web-02")
	free.Address = r.FreeAddresses[1]
	planned, err = r.driver.Plan(r.ctx, free)
	require.NoError(r, err)
	require.Empty(r, planned.Existing)
	require.Empty(r, planned.AddressHeldBy)
}

// planQuotas: what one instance needs is counted, and what there is.
func planQuotas(r *rig) {
	request := r.planRequest("web-01")
	if r.HasVolumes {
		request.Volumes = []cloud.Volume{data()}
	}
	planned, err := r.driver.Plan(r.ctx, request)
	require.NoError(r, err)
	require.NotEmpty(r, planned.Quotas)
	for _, q := range planned.Quotas {
		require.True(r, q.Enough(), "%+v", q)
		require.Positive(r, q.Needed, "%+v", q)
	}
	r.needs(r.Fill != nil, "fill a quota")
	r.Fill(r.T, Instances)
	planned, err = r.driver.Plan(r.ctx, request)
	require.NoError(r, err, "the plan tells it, and is no failure")
	var short []string
	for _, q := range planned.Quotas {
		if !q.Enough() {
			short = append(short, q.Name)
		}
	}
	require.NotEmpty(r, short)
}

func groups(r *rig) {
	group := r.group(r.op)
	require.Equal(r, "web-01", group.Name)
	require.Equal(r, step(r.op, "group").Key.String(), group.Key)
	require.Empty(r, r.Ingress(r.T, group.ID))
	require.True(r, r.Egress(r.T, group.ID))
	require.Equal(r, []cloud.Group{group}, r.owned(r.op).Groups)
	before := r.Count(r.T)
	require.NoError(r, r.driver.RemoveGroup(r.ctx, step(r.op, "group"), r.p))
	require.NoError(r, r.driver.RemoveGroup(r.ctx, step(r.op, "group"), r.p), "none is no error")
	before.Groups--
	r.counts(before)
}

func runsInstance(r *rig) {
	made := r.make(r.op)
	require.Equal(r, cloud.Running, made.State)
	require.Equal(r, "web-01", made.Name)
	require.Equal(r, r.op.Key.String(), made.Key)
	require.Equal(r, r.op.Owner, made.Owner)
	require.NotEmpty(r, made.Addresses)
	_, err := netip.ParseAddr(made.Addresses[0])
	require.NoError(r, err)
	require.Empty(r, made.Public)
	if r.HostKeys {
		require.NotEmpty(r, made.HostKeys)
		for _, key := range made.HostKeys {
			require.GreaterOrEqual(r, len(strings.Fields(key)), 2, "%q is in the form of authorized_keys", key)
		}
	}
	require.Equal(r, []string{r.group(r.op).ID}, r.GroupsOf(r.T, made.ID), "the only group")
	tags := r.Tags(r.T, made.ID)
	require.Equal(r, []string{"test", "web team"}, []string{tags["environment"], tags["team"]})
	found := r.owned(r.op).Instances
	require.Len(r, found, 1)
	require.Equal(r, []any{made.ID, made.State, made.Addresses, made.Key}, []any{found[0].ID, found[0].State, found[0].Addresses, found[0].Key})
	r.needs(r.UserData != nil, "read user data")
	require.Equal(r, userData, r.UserData(r.T, made.ID))
}

func fixedAddress(r *rig) {
	request := r.request(r.op)
	request.Address = r.FreeAddresses[0]
	made, err := r.driver.EnsureInstance(r.ctx, r.op, request, r.p)
	require.NoError(r, err)
	require.Equal(r, r.FreeAddresses[0], made.Addresses[0])
}

func life(r *rig) {
	empty := r.Count(r.T)
	made := r.make(r.op)
	want := cloud.Owned{Groups: []cloud.Group{r.group(r.op)}}
	if r.HasVolumes {
		disk := r.volume(r.op, made.ID)
		require.Equal(r, []any{"data", int64(2 << 30), step(r.op, "volume/data").Key.String(), made.ID}, []any{disk.Name, disk.Bytes, disk.Key, disk.InstanceID})
		require.NotEmpty(r, disk.Serial)
		want.Disks = []cloud.Disk{disk}
	}
	if r.Names.Public != "" {
		public := r.address(r.op, made.ID)
		require.Equal(r, made.ID, r.Leads(r.T, public.Address))
		require.Equal(r, step(r.op, "address").Key.String(), public.Key)
		want.Addresses = []cloud.PublicAddress{public}
	}
	owned := r.owned(r.op)
	require.Len(r, owned.Instances, 1)
	if r.Names.Public != "" {
		require.Equal(r, want.Addresses[0].Address, owned.Instances[0].Public)
	}
	owned.Instances = nil
	require.Equal(r, want, owned)
	for range 2 {
		require.NoError(r, r.driver.RemoveAddress(r.ctx, step(r.op, "address"), r.p))
		require.NoError(r, r.driver.RemoveVolume(r.ctx, step(r.op, "volume/data"), r.p))
		require.NoError(r, r.driver.RemoveInstance(r.ctx, r.op, r.p))
		require.NoError(r, r.driver.RemoveGroup(r.ctx, step(r.op, "group"), r.p))
		r.counts(empty)
	}
	require.Equal(r, cloud.Owned{}, r.owned(r.op))
}

func adopts(r *rig) {
	first := r.make(r.op)
	if r.HasVolumes {
		r.volume(r.op, first.ID)
	}
	if r.Names.Public != "" {
		r.address(r.op, first.ID)
	}
	r.untouched(func() {
		r.driver = r.Open(r.T)
		again := r.make(r.op)
		require.Equal(r, first.ID, again.ID)
		require.Equal(r, first.Addresses, again.Addresses)
		require.Equal(r, first.HostKeys, again.HostKeys)
		if r.HasVolumes {
			require.Equal(r, r.volume(r.op, first.ID), r.owned(r.op).Disks[0])
		}
		if r.Names.Public != "" {
			require.Equal(r, r.address(r.op, first.ID), r.owned(r.op).Addresses[0])
		}
	})
}

func twoInstances(r *rig) {
	other := newOp("instance", "web-02")
	mine, theirs := r.make(r.op), r.make(other)
	require.NotEqual(r, mine.ID, theirs.ID)
	require.NotEqual(r, mine.Addresses[0], theirs.Addresses[0])
	require.Equal(r, mine.ID, r.owned(r.op).Instances[0].ID)
	require.Equal(r, theirs.ID, r.owned(other).Instances[0].ID)
}

func stops(r *rig) {
	made := r.make(r.op)
	for range 2 {
		stopped, err := r.driver.Stop(r.ctx, step(r.op, "stop"), made.ID, r.p)
		require.NoError(r, err)
		require.Equal(r, []any{made.ID, cloud.Stopped, made.Key, made.Addresses}, []any{stopped.ID, stopped.State, stopped.Key, stopped.Addresses})
	}
	require.Equal(r, cloud.Stopped, r.owned(r.op).Instances[0].State)
	for range 2 {
		started, err := r.driver.Start(r.ctx, step(r.op, "start"), made.ID, r.p)
		require.NoError(r, err)
		require.Equal(r, []any{made.ID, cloud.Running, made.Addresses}, []any{started.ID, started.State, started.Addresses})
	}
}

// everything makes all that an owner can have.
func (r *rig) everything(op operation.Op) cloud.Instance {
	r.Helper()
	made := r.make(op)
	if r.HasVolumes {
		r.volume(op, made.ID)
	}
	if r.Names.Public != "" {
		r.address(op, made.ID)
	}
	return made
}

func removesOwned(r *rig) {
	other := newOp("instance", "web-011")
	r.everything(other)
	theirs, rest := r.owned(other), r.Count(r.T)
	r.everything(r.op)
	all := r.owned(r.op)
	later := newOp("purge", "web-01")
	gone, err := r.driver.RemoveOwned(r.ctx, later, r.p)
	require.NoError(r, err)
	require.Equal(r, all, gone)
	r.counts(rest)
	require.Equal(r, theirs, r.owned(other))
	gone, err = r.driver.RemoveOwned(r.ctx, later, r.p)
	require.NoError(r, err)
	require.Equal(r, cloud.Owned{}, gone)
	r.make(newOp("instance", "web-01"))
}

func expires(r *rig) {
	made := r.make(r.op)
	if r.Expire == nil {
		return // This cloud signs each request.
	}
	r.Expire()
	require.Equal(r, made.ID, r.owned(r.op).Instances[0].ID)
	r.Expire()
	require.NoError(r, r.driver.RemoveInstance(r.ctx, r.op, r.p))
}
