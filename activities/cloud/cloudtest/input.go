package cloudtest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

func badInput(r *rig) {
	request := r.request(r.op)
	made := r.make(r.op)
	fresh := newOp("instance", "web-02")
	r.untouched(func() {
		for i, spoil := range []func(*cloud.Request, *operation.Op){
			func(q *cloud.Request, _ *operation.Op) { q.Name = "" },
			func(q *cloud.Request, _ *operation.Op) { q.Name = "web 01" },
			func(q *cloud.Request, _ *operation.Op) { q.Name = "web-01\n" },
			func(q *cloud.Request, _ *operation.Op) { q.Name = strings.Repeat("w", 64) },
			func(q *cloud.Request, _ *operation.Op) { q.GroupID = "" },
			func(q *cloud.Request, _ *operation.Op) { q.GroupID = "../ports" },
			func(q *cloud.Request, _ *operation.Op) { q.Placement.Image.ID = "" },
			func(q *cloud.Request, _ *operation.Op) { q.Placement.Flavor.ID = "a?b" },
			func(q *cloud.Request, _ *operation.Op) { q.Placement.Network.ID = "" },
			func(q *cloud.Request, _ *operation.Op) { q.Address = "10.0.0.0/24" },
			func(q *cloud.Request, _ *operation.Op) { q.Address = "web-01" },
			func(q *cloud.Request, _ *operation.Op) { q.Address = "fe80::1%eth0" },
			func(q *cloud.Request, _ *operation.Op) { q.UserData = strings.Repeat("#", 1<<20) },
			func(q *cloud.Request, _ *operation.Op) { q.Tags = map[string]string{"": "x"} },
			func(q *cloud.Request, _ *operation.Op) { q.Tags = map[string]string{"a": strings.Repeat("x", 256)} },
			func(_ *cloud.Request, op *operation.Op) { op.Owner = "" },
			func(_ *cloud.Request, op *operation.Op) { op.Owner = "instance/*" },
			func(_ *cloud.Request, op *operation.Op) { op.Key.Run = "" },
			func(_ *cloud.Request, op *operation.Op) { op.Key.Target = "a b" },
			func(_ *cloud.Request, op *operation.Op) { op.Key.Target = strings.Repeat("w", 256) },
		} {
			bad, op := request, fresh
			spoil(&bad, &op)
			_, err := r.driver.EnsureInstance(r.ctx, op, bad, r.p)
			require.Error(r, err, "%d", i)
			r.refuses(err, fault.Invalid)
		}
		for _, bytes := range []int64{0, -1, 1<<30 + 1, 1 << 60} {
			_, err := r.driver.EnsureVolume(r.ctx, step(r.op, "volume/data"), made.ID, cloud.Volume{Name: "data", Bytes: bytes}, r.Names.Zone, r.p)
			r.refuses(err, fault.Invalid)
		}
		_, err := r.driver.EnsureGroup(r.ctx, fresh, "a b", r.p)
		r.refuses(err, fault.Invalid)
		r.badOps(made)
	})
}

// badOps: no method acts without a whole operation.
func (r *rig) badOps(made cloud.Instance) {
	r.Helper()
	for _, op := range []operation.Op{{Key: r.op.Key}, {Owner: r.op.Owner}, {Key: r.op.Key, Owner: "instance/web-01 x"}} {
		r.refuses(r.driver.RemoveInstance(r.ctx, op, r.p), fault.Invalid)
		r.refuses(r.driver.RemoveGroup(r.ctx, op, r.p), fault.Invalid)
		r.refuses(r.driver.RemoveVolume(r.ctx, op, r.p), fault.Invalid)
		r.refuses(r.driver.RemoveAddress(r.ctx, op, r.p), fault.Invalid)
		_, err := r.driver.RemoveOwned(r.ctx, op, r.p)
		r.refuses(err, fault.Invalid)
		_, err = r.driver.Stop(r.ctx, op, made.ID, r.p)
		r.refuses(err, fault.Invalid)
		_, err = r.driver.Start(r.ctx, op, made.ID, r.p)
		r.refuses(err, fault.Invalid)
	}
	_, err := r.driver.FindByOwner(r.ctx, "")
	r.refuses(err, fault.Invalid)
}

func badPlans(r *rig) {
	for i, spoil := range []func(*cloud.PlanRequest){
		func(p *cloud.PlanRequest) { p.Owner = "" },
		func(p *cloud.PlanRequest) { p.Name = "" },
		func(p *cloud.PlanRequest) { p.Image = "" },
		func(p *cloud.PlanRequest) { p.Image = "a\nb" },
		func(p *cloud.PlanRequest) { p.Flavor = "" },
		func(p *cloud.PlanRequest) { p.Network = "?x=1" },
		func(p *cloud.PlanRequest) { p.Address = "somewhere" },
		func(p *cloud.PlanRequest) { p.Volumes = []cloud.Volume{{Name: "data", Bytes: 7}} },
	} {
		request := r.planRequest("web-01")
		spoil(&request)
		_, err := r.driver.Plan(r.ctx, request)
		require.Error(r, err, "%d", i)
		r.refuses(err, fault.Invalid)
	}
}
