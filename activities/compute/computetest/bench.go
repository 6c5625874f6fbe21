// Package computetest is the suite that every compute.Platform passes: against an emulator in every run, against the
// real system in the bed. Its negative half is as long as its positive one.
package computetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"fermata/activities/compute"
	"fermata/activities/operation"
	"fermata/spec"

	"github.com/stretchr/testify/require"
)

// Call is something that a platform is asked to do, and that a bench can disturb.
type Call string

// The calls that change something.
const (
	Clone     Call = "clone"
	Configure Call = "configure"
	PowerOn   Call = "power on"
	PowerOff  Call = "power off"
	Destroy   Call = "destroy"
	Rename    Call = "rename"
)

// Bench makes a site for each case: a platform of its own, so that no case sees another's machines.
type Bench func(t *testing.T) Site

// Site is a platform under test and hands that reach around the driver.
type Site struct {
	// Compute names a placement that exists; Compute.Tags has at least one tag.
	Compute spec.Compute
	// Network is a free address.
	Network spec.Network
	// TemplateDisks is how many disks a clone has.
	TemplateDisks int
	// Open returns a new driver, with a session of its own: another worker.
	Open func(t *testing.T) compute.Platform
	// OpenWrong returns a driver whose password is wrong.
	OpenWrong func(t *testing.T) compute.Platform
	// Foreign makes a machine of the name where the placement's folder is, behind the driver's back; it returns its id.
	Foreign func(t *testing.T, name string) string
	// Lose carries out the next such call and loses its answer.
	Lose func(call Call)
	// Delay makes such calls take a while, during which they can be cancelled; 0 ends that.
	Delay func(call Call, d time.Duration)
	// Expire ends all sessions.
	Expire func()
	// Down takes the platform away, or brings it back.
	Down func(down bool)
	// Silence makes the guests of machines that are powered on from now on report nothing, and drivers that are opened
	// from now on impatient.
	Silence func()
	// AllowHotAdd lets a machine take CPUs and memory while it runs; nil: the bench has no hand in that.
	AllowHotAdd func(t *testing.T, id string)
	// Count counts machines (not templates) and their disks without the driver.
	Count func(t *testing.T) (machines, disks int)
	// Tags reads the tags of a machine without the driver: "category/tag".
	Tags func(t *testing.T, id string) []string
}

// bundle is what a case works with.
type bundle struct {
	Site
	compute.Platform
	placement compute.Placement
}

func setup(t *testing.T, bench Bench) bundle {
	t.Helper()
	b := bundle{Site: bench(t)}
	b.Platform = b.Open(t)
	planned, err := b.Plan(t.Context(), b.planRequest("web-01"))
	require.NoError(t, err)
	b.placement = planned.Placement
	return b
}

func (b bundle) planRequest(name string) compute.PlanRequest {
	return compute.PlanRequest{Owner: owner(name), Name: name, Compute: b.Compute, Network: b.Network}
}

// another is a second worker's view of the same platform.
func (b bundle) another(t *testing.T) bundle {
	t.Helper()
	b.Platform = b.Open(t)
	return b
}

var runs atomic.Int64

// newRun returns a run's id in the form of a ULID.
func newRun() string { return fmt.Sprintf("01J%023d", runs.Add(1)) }

func owner(name string) operation.Owner { return operation.Owner("server/" + name) }

func newOp(run, step, name string) operation.Op {
	return operation.Op{Key: operation.Key{Run: run, Step: step, Target: name}, Owner: owner(name)}
}

// publicKey is a key that nobody holds.
const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f worker"

func (b bundle) request(name string) compute.Request {
	return compute.Request{
		Name: name, Placement: b.placement, CPUs: 2, MemoryBytes: 2 << 30, Customization: b.Compute.Customization,
		Network: b.Network, User: "fermata", AuthorizedKey: publicKey, Annotation: "made by a test", Tags: b.Compute.Tags,
	}
}

// make makes a machine in a run of its own.
func (b bundle) make(t *testing.T, name string) (operation.Op, compute.Machine) {
	t.Helper()
	op := newOp(newRun(), "deploy", name)
	made, err := b.EnsureMachine(t.Context(), op, b.request(name), &operation.Memory{})
	require.NoError(t, err)
	return op, made
}

// machines requires how many there are, counted without the driver.
func (b bundle) machines(t *testing.T, want int) {
	t.Helper()
	machines, _ := b.Count(t)
	require.Equal(t, want, machines, "machines")
}

// disks requires how many data disks there are, counted without the driver.
func (b bundle) disks(t *testing.T, want int) {
	t.Helper()
	machines, disks := b.Count(t)
	require.Equal(t, want, disks-machines*b.TemplateDisks, "data disks")
}

// eventually repeats an ensure as a workflow does: until it succeeds, while waiting may cure its error.
func eventually[T any](t *testing.T, what func(context.Context) (T, error), retryable func(error) bool) T {
	t.Helper()
	var result T
	require.Eventually(t, func() bool {
		var err error
		result, err = what(t.Context())
		if err != nil && !retryable(err) {
			t.Errorf("no retry cures this: %v", err)
			return true
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	return result
}
