package cloudtest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// patience is how long something may take that is repeated until it succeeds: a whole OpenStack on two cores is slow.
const patience = 5 * time.Minute

// rig is one case's cloud, driver and operation.
type rig struct {
	*testing.T
	Site
	ctx    context.Context
	driver cloud.Cloud
	op     operation.Op
	p      *operation.Memory
}

func setup(t *testing.T, bench Bench) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	s := bench.Open(t)
	return &rig{T: t, Site: s, ctx: ctx, driver: s.Open(t), op: newOp("instance", "web-01"), p: &operation.Memory{}}
}

// needs skips a case whose hand a real cloud does not give.
func (r *rig) needs(has bool, hand string) {
	r.Helper()
	if has {
		return
	}
	require.False(r, r.Emulated, "an emulated cloud gives every hand: %s", hand)
	r.Skipf("this cloud gives no hand to: %s", hand)
}

var runs atomic.Int64

// newOp is an operation of a run of its own, for the instance of that name. Runs are in the form of a ULID.
func newOp(step, name string) operation.Op {
	return operation.Op{
		Key:   operation.Key{Run: fmt.Sprintf("01J%023d", runs.Add(1)), Step: step, Target: name},
		Owner: operation.Owner("instance/" + name),
	}
}

// step is another operation of op's run.
func step(op operation.Op, name string) operation.Op {
	op.Key.Step = name
	return op
}

// userData is what an instance is made with: a public key that nobody holds.
const userData = `#cloud-config
ssh_authorized_keys:
  - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f worker
`

func (r *rig) planRequest(name string) cloud.PlanRequest {
	request := r.Names
	request.Owner, request.Name = operation.Owner("instance/"+name), name
	return request
}

func (r *rig) plan() cloud.Planned {
	r.Helper()
	planned, err := r.driver.Plan(r.ctx, r.planRequest("web-01"))
	require.NoError(r, err)
	return planned
}

func (r *rig) group(op operation.Op) cloud.Group {
	r.Helper()
	group, err := r.driver.EnsureGroup(r.ctx, step(op, "group"), op.Key.Target, r.p)
	require.NoError(r, err)
	return group
}

// request asks for an instance in a group of its own.
func (r *rig) request(op operation.Op) cloud.Request {
	r.Helper()
	return cloud.Request{
		Name: op.Key.Target, Placement: r.plan().Placement, GroupID: r.group(op).ID, UserData: userData,
		Tags: map[string]string{"environment": "test", "team": "web team"},
	}
}

// make makes an instance in a group of its own.
func (r *rig) make(op operation.Op) cloud.Instance {
	r.Helper()
	made, err := r.driver.EnsureInstance(r.ctx, op, r.request(op), r.p)
	require.NoError(r, err)
	return made
}

func data() cloud.Volume { return cloud.Volume{Name: "data", Bytes: 2 << 30} }

func (r *rig) volume(op operation.Op, instanceID string) cloud.Disk {
	r.Helper()
	disk, err := r.driver.EnsureVolume(r.ctx, step(op, "volume/data"), instanceID, data(), r.Names.Zone, r.p)
	require.NoError(r, err)
	return disk
}

func (r *rig) address(op operation.Op, instanceID string) cloud.PublicAddress {
	r.Helper()
	address, err := r.driver.EnsureAddress(r.ctx, step(op, "address"), instanceID, r.plan().Placement.Public, r.p)
	require.NoError(r, err)
	return address
}

func (r *rig) owned(op operation.Op) cloud.Owned {
	r.Helper()
	owned, err := r.driver.FindByOwner(r.ctx, op.Owner)
	require.NoError(r, err)
	return owned
}

func (r *rig) counts(want Counted) {
	r.Helper()
	require.Equal(r, want, r.Count(r.T))
}

// untouched asserts that the number of everything stays as it is, and all that web-01 has.
func (r *rig) untouched(f func()) {
	r.Helper()
	counted, owned := r.Count(r.T), r.owned(r.op)
	f()
	require.Equal(r, counted, r.Count(r.T))
	require.Equal(r, owned, r.owned(r.op))
}

func (r *rig) refuses(err error, kind fault.Kind, words ...string) {
	r.Helper()
	require.Error(r, err)
	require.Equal(r, kind, fault.KindOf(err), err.Error())
	require.NotContains(r, err.Error(), r.Secret)
	for _, word := range words {
		require.ErrorContains(r, err, word)
	}
}

// eventually repeats an ensure as a workflow does: until it succeeds, while waiting may cure its error.
func eventually[T any](r *rig, what func() (T, error)) T {
	r.Helper()
	var result T
	require.Eventually(r, func() bool {
		var err error
		result, err = what()
		if err != nil && !fault.KindOf(err).Retryable() {
			r.Errorf("no retry cures this: %v", err)
			return true
		}
		return err == nil
	}, patience, 10*time.Millisecond)
	return result
}

// removed repeats a removal until it succeeds.
func removed(r *rig, what func() error) {
	r.Helper()
	eventually(r, func() (struct{}, error) { return struct{}{}, what() })
}
