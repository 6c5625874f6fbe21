// Package cloudtest proves that a driver keeps the promises of the cloud port, on an emulated cloud and on a real one alike.
// What it believes it counts in the cloud itself, never through the driver.
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

// Call is something that a cloud is asked to do, and that a bench can disturb.
type Call string

// The calls that change something.
const (
	MakeGroup      Call = "make group"
	RemoveGroup    Call = "remove group"
	MakeInstance   Call = "make instance"
	RemoveInstance Call = "remove instance"
	StopInstance   Call = "stop instance"
	StartInstance  Call = "start instance"
	MakeVolume     Call = "make volume"
	AttachVolume   Call = "attach volume"
	DetachVolume   Call = "detach volume"
	RemoveVolume   Call = "remove volume"
	TakeAddress    Call = "take address"
	GiveBack       Call = "give back address"
)

// Resource is what a quota counts.
type Resource string

// The resources.
const (
	Instances Resource = "instances"
	Groups    Resource = "groups"
	Volumes   Resource = "volumes"
	Addresses Resource = "addresses"
)

// Counted is what is in the cloud, whoever made it.
type Counted struct {
	Instances, Groups, Disks, Addresses int
	// Others are what a driver makes beside these: ports, network interfaces. There is one for an instance at most.
	Others int
}

// Site is a cloud that starts empty, and hands that reach around the driver. On a real cloud a hand may be missing; the cases
// that need it are skipped there, and fail on an emulated one.
type Site struct {
	// Emulated says that no hand may be missing.
	Emulated bool
	// Names exist: image, flavour, network, and a public pool, a zone and a key pair if the cloud has them.
	Names cloud.PlanRequest
	// FreeAddresses are two of the network.
	FreeAddresses [2]string
	// NoSuch are ids of the cloud's form that nothing has.
	NoSuch cloud.Placement
	// NoInstance is an instance's id of the cloud's form that nothing has.
	NoInstance string
	// HasVolumes and HostKeys tell whether the cloud makes volumes, and whether the console tells host keys.
	HasVolumes, HostKeys bool

	// Open returns a driver, each time with a session of its own: another worker.
	Open func(t *testing.T) cloud.Cloud
	// OpenWrong returns a driver whose credential is refused. Secret is what stands in it and must stand in no error.
	OpenWrong func(t *testing.T) cloud.Cloud
	Secret    string
	// Count counts without the driver.
	Count func(t *testing.T) Counted
	// Ingress lists the rules of a security group that let something in, Egress whether it lets everything out.
	Ingress func(t *testing.T, groupID string) []string
	Egress  func(t *testing.T, groupID string) bool
	// UserData and Tags are what the instance was made with; Groups are the ids of those that it is in.
	UserData func(t *testing.T, instanceID string) string
	Tags     func(t *testing.T, instanceID string) map[string]string
	GroupsOf func(t *testing.T, instanceID string) []string
	// Leads tells where a public address leads to: an instance's id; empty: nowhere.
	Leads func(t *testing.T, address string) string
	// Foreign makes a running instance of that name behind the driver's back; it carries no key.
	Foreign func(t *testing.T, name string) (id string)
	// Twin makes a second image of the name that Names has.
	Twin func(t *testing.T)

	// Lose carries out the next such call and loses its answer.
	Lose func(call Call)
	// Throttle refuses the next change and returns how long it asks to wait. A driver may not hide that by trying again.
	Throttle func() time.Duration
	// Storm throttles every n-th call from now on and loses every m-th answer.
	Storm func(throttleEvery, loseEvery int)
	// Delay makes such calls take a while.
	Delay func(call Call, d time.Duration)
	// Fill uses up a quota.
	Fill func(t *testing.T, r Resource)
	// GiveUp lets the cloud give up on the next instance.
	GiveUp func()
	// Expire ends all sessions; nil on an emulated cloud: it has none.
	Expire func()
	// Down takes the cloud away, or brings it back.
	Down func(down bool)
}

// Bench opens sites.
type Bench struct {
	Open func(t *testing.T) Site
	// Serial runs one case after another: for a cloud that one machine carries.
	Serial bool
}

// Run runs the suite.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	for _, cases := range []map[string]func(*rig){positive(), lost(), negative()} {
		for name, test := range cases {
			t.Run(name, func(t *testing.T) {
				if !bench.Serial {
					t.Parallel()
				}
				test(setup(t, bench))
			})
		}
	}
}

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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
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
	}, time.Minute, 10*time.Millisecond)
	return result
}

// removed repeats a removal until it succeeds.
func removed(r *rig, what func() error) {
	r.Helper()
	eventually(r, func() (struct{}, error) { return struct{}{}, what() })
}
