package computetest

import (
	"context"
	"testing"
	"time"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

const (
	delay    = 400 * time.Millisecond
	patience = 20 * time.Second
	tick     = 5 * time.Millisecond
)

// kind requires the kind of an error.
func kind(t *testing.T, want fault.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fault.KindOf(err), "%v", err)
}

func retryable(err error) bool { return fault.KindOf(err).Retryable() }

func lostClone(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op := newOp(newRun(), "deploy", "web-01")
	b.Lose(Clone)
	_, err := b.EnsureMachine(t.Context(), op, b.request("web-01"), &operation.Memory{})
	kind(t, fault.Ambiguous, err)
	made := eventually(t, func(ctx context.Context) (compute.Machine, error) {
		return b.EnsureMachine(ctx, op, b.request("web-01"), &operation.Memory{})
	}, retryable)
	require.Equal(t, op.Key.String(), made.Key)
	b.machines(t, 1)
}

func lostConfigure(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op := newOp(newRun(), "deploy", "web-01")
	b.Lose(Configure)
	_, err := b.EnsureMachine(t.Context(), op, b.request("web-01"), &operation.Memory{})
	kind(t, fault.Ambiguous, err)
	made := eventually(t, func(ctx context.Context) (compute.Machine, error) {
		return b.EnsureMachine(ctx, op, b.request("web-01"), &operation.Memory{})
	}, retryable)
	require.Equal(t, b.Compute.Tags, b.Tags(t, made.ID))
	b.machines(t, 1)
}

func lostPowerOn(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	b.Lose(PowerOn)
	_, err := b.EnsureRunning(t.Context(), op, made.ID, &operation.Memory{})
	kind(t, fault.Ambiguous, err)
	running := eventually(t, func(ctx context.Context) (compute.Machine, error) {
		return b.EnsureRunning(ctx, op, made.ID, &operation.Memory{})
	}, retryable)
	require.Equal(t, compute.PoweredOn, running.Power)
}

func lostDisk(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	diskOp := newOp(op.Key.Run, "storage/data", "web-01")
	request := compute.DiskRequest{MachineID: made.ID, Name: "data", Bytes: 1 << 30}
	b.Lose(Configure)
	_, err := b.EnsureDisk(t.Context(), diskOp, request, &operation.Memory{})
	kind(t, fault.Ambiguous, err)
	disk := eventually(t, func(ctx context.Context) (compute.Disk, error) {
		return b.EnsureDisk(ctx, diskOp, request, &operation.Memory{})
	}, retryable)
	require.Equal(t, diskOp.Key.String(), disk.Key)
	b.disks(t, 1)
}

func lostDestroy(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, _ := b.make(t, "web-01")
	b.Lose(Destroy)
	kind(t, fault.Ambiguous, b.RemoveMachine(t.Context(), op, &operation.Memory{}))
	eventually(t, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, b.RemoveMachine(ctx, op, &operation.Memory{})
	}, retryable)
	b.machines(t, 0)
}

func lostRename(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	b.Lose(Rename)
	_, err := b.Retire(t.Context(), op, made.ID, "web-01-retired", &operation.Memory{})
	kind(t, fault.Ambiguous, err)
	retired := eventually(t, func(ctx context.Context) (compute.Machine, error) {
		return b.Retire(ctx, op, made.ID, "web-01-retired", &operation.Memory{})
	}, retryable)
	require.Equal(t, "web-01-retired", retired.Name)
}

// inFlight: the first worker's clone still runs when the second one begins, which reads the task from the progress.
func inFlight(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, first := newOp(newRun(), "deploy", "web-01"), &operation.Memory{}
	b.Delay(Clone, delay)
	var group errgroup.Group
	group.Go(func() error {
		_, err := b.EnsureMachine(t.Context(), op, b.request("web-01"), first)
		return err
	})
	require.Eventually(t, func() bool { return first.Task() != "" }, patience, tick)
	second := &operation.Memory{}
	second.Note(first.Task())
	made := eventually(t, func(ctx context.Context) (compute.Machine, error) {
		return b.another(t).EnsureMachine(ctx, op, b.request("web-01"), second)
	}, retryable)
	require.Equal(t, op.Key.String(), made.Key)
	require.NoError(t, group.Wait())
	for _, text := range second.Texts() {
		require.NotContains(t, text, "cloning", "the second worker did not clone")
	}
	b.machines(t, 1)
}

// inFlightUnknown: the first worker's clone runs, and the second knows nothing of it.
func inFlightUnknown(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, first := newOp(newRun(), "deploy", "web-01"), &operation.Memory{}
	b.Delay(Clone, delay)
	var group errgroup.Group
	group.Go(func() error {
		_, err := b.EnsureMachine(t.Context(), op, b.request("web-01"), first)
		return err
	})
	require.Eventually(t, func() bool { return first.Task() != "" }, patience, tick)
	eventually(t, func(ctx context.Context) (compute.Machine, error) {
		return b.another(t).EnsureMachine(ctx, op, b.request("web-01"), &operation.Memory{})
	}, retryable)
	require.NoError(t, group.Wait())
	b.machines(t, 1)
}

func cancelled(t *testing.T, bench Bench) {
	b := setup(t, bench)
	ctx, cancel := context.WithCancel(t.Context())
	op, p := newOp(newRun(), "deploy", "web-01"), &operation.Memory{}
	b.Delay(Clone, patience)
	var failed error
	var group errgroup.Group
	group.Go(func() error {
		_, failed = b.EnsureMachine(ctx, op, b.request("web-01"), p)
		return nil
	})
	require.Eventually(t, func() bool { return p.Task() != "" }, patience, tick)
	cancel()
	require.NoError(t, group.Wait())
	require.ErrorIs(t, failed, context.Canceled)
	b.machines(t, 0)
	b.Delay(Clone, 0)
	_, err := b.EnsureMachine(t.Context(), op, b.request("web-01"), p)
	require.NoError(t, err, "the next attempt is not misled by the cancelled task")
	b.machines(t, 1)
}

func zombie(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &operation.Memory{}
	_, err := b.EnsureMachine(ctx, newOp(newRun(), "deploy", "web-02"), b.request("web-02"), p)
	require.ErrorIs(t, err, context.Canceled)
	_, err = b.EnsureDisk(ctx, op, compute.DiskRequest{MachineID: made.ID, Name: "data", Bytes: 1 << 30}, p)
	require.ErrorIs(t, err, context.Canceled)
	_, err = b.EnsureRunning(ctx, op, made.ID, p)
	require.ErrorIs(t, err, context.Canceled)
	_, err = b.Retire(ctx, op, made.ID, "gone", p)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, b.RemoveMachine(ctx, op, p), context.Canceled)
	require.ErrorIs(t, b.Platform.Destroy(ctx, op, made.ID, p), context.Canceled)
	found, err := b.FindByOwner(t.Context(), op.Owner)
	require.NoError(t, err)
	require.Equal(t, []compute.Machine{made}, found)
	b.machines(t, 1)
}

func foreign(t *testing.T, bench Bench) {
	b := setup(t, bench)
	id := b.Foreign(t, "web-01")
	op := newOp(newRun(), "deploy", "web-01")
	_, err := b.EnsureMachine(t.Context(), op, b.request("web-01"), &operation.Memory{})
	kind(t, fault.Conflict, err)
	require.ErrorContains(t, err, "web-01")
	require.NoError(t, b.RemoveMachine(t.Context(), op, &operation.Memory{}), "there is nothing of ours")
	kind(t, fault.Conflict, b.Platform.Destroy(t.Context(), op, id, &operation.Memory{}))
	b.machines(t, 1)
	planned, err := b.Plan(t.Context(), b.planRequest("web-01"))
	require.NoError(t, err)
	require.Len(t, planned.Existing, 1)
	require.Empty(t, planned.Existing[0].Key)
}

func otherRun(t *testing.T, bench Bench) {
	b := setup(t, bench)
	_, made := b.make(t, "web-01")
	other := newOp(newRun(), "deploy", "web-01")
	_, err := b.EnsureMachine(t.Context(), other, b.request("web-01"), &operation.Memory{})
	kind(t, fault.Conflict, err)
	require.NoError(t, b.RemoveMachine(t.Context(), other, &operation.Memory{}))
	b.machines(t, 1)
	found, err := b.FindByOwner(t.Context(), other.Owner)
	require.NoError(t, err)
	require.Equal(t, []compute.Machine{made}, found)
}

func otherOwner(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	ctx, p, thief := t.Context(), &operation.Memory{}, newOp(op.Key.Run, "deploy", "web-99")
	kind(t, fault.Conflict, b.Platform.Destroy(ctx, thief, made.ID, p))
	_, err := b.Retire(ctx, thief, made.ID, "stolen", p)
	kind(t, fault.Conflict, err)
	_, err = b.Restore(ctx, thief, made.ID, "stolen", p)
	kind(t, fault.Conflict, err)
	_, err = b.EnsureRunning(ctx, thief, made.ID, p)
	kind(t, fault.Conflict, err)
	_, err = b.EnsureDisk(ctx, thief, compute.DiskRequest{MachineID: made.ID, Name: "data", Bytes: 1 << 30}, p)
	kind(t, fault.Conflict, err)
	found, err := b.FindByOwner(ctx, thief.Owner)
	require.NoError(t, err)
	require.Empty(t, found)
	found, err = b.FindByOwner(ctx, op.Owner)
	require.NoError(t, err)
	require.Equal(t, []compute.Machine{made}, found)
}

func wrongPassword(t *testing.T, bench Bench) {
	b := setup(t, bench)
	wrong := b.OpenWrong(t)
	kind(t, fault.Unauthorized, wrong.Check(t.Context()))
	_, err := wrong.EnsureMachine(t.Context(), newOp(newRun(), "deploy", "web-01"), b.request("web-01"), &operation.Memory{})
	kind(t, fault.Unauthorized, err)
	b.machines(t, 0)
}

func unknownNames(t *testing.T, bench Bench) {
	b := setup(t, bench)
	for what, change := range map[string]func(*spec.Compute){
		b.Compute.Template:  func(c *spec.Compute) { c.Template = "nothing" },
		b.Compute.Folder:    func(c *spec.Compute) { c.Folder = "nothing" },
		b.Compute.Datastore: func(c *spec.Compute) { c.Datastore = "nothing" },
		b.Compute.Network:   func(c *spec.Compute) { c.Network = "nothing" },
		b.Compute.Pool:      func(c *spec.Compute) { c.Pool = "nothing" },
	} {
		request := b.planRequest("web-01")
		change(&request.Compute)
		_, err := b.Plan(t.Context(), request)
		kind(t, fault.NotFound, err)
		require.ErrorContains(t, err, "nothing")
		require.ErrorContains(t, err, what, "the error lists what there is")
	}
	request := b.planRequest("web-01")
	request.Compute.Tags = []string{"nothing/ever"}
	_, err := b.Plan(t.Context(), request)
	kind(t, fault.NotFound, err)

	untagged := b.request("web-01")
	untagged.Tags = request.Compute.Tags
	_, err = b.EnsureMachine(t.Context(), newOp(newRun(), "deploy", "web-01"), untagged, &operation.Memory{})
	kind(t, fault.NotFound, err)
	gone := b.request("web-01")
	gone.Placement.Template.ID = "11111111-1111-1111-1111-111111111111"
	_, err = b.EnsureMachine(t.Context(), newOp(newRun(), "deploy", "web-01"), gone, &operation.Memory{})
	kind(t, fault.NotFound, err)
	b.machines(t, 0)
}

func badSizes(t *testing.T, bench Bench) {
	b := setup(t, bench)
	for _, change := range []func(*compute.Request){
		func(r *compute.Request) { r.CPUs = 0 },
		func(r *compute.Request) { r.CPUs = 100_000 },
		func(r *compute.Request) { r.MemoryBytes = 1<<30 + 1 },
		func(r *compute.Request) { r.MemoryBytes = 1 << 50 },
		func(r *compute.Request) { r.Network.Address = "10.20.0.11" },
		func(r *compute.Request) { r.Customization = "by hand" },
		func(r *compute.Request) { r.AuthorizedKey = "no key" },
	} {
		request := b.request("web-01")
		change(&request)
		_, err := b.EnsureMachine(t.Context(), newOp(newRun(), "deploy", "web-01"), request, &operation.Memory{})
		kind(t, fault.Invalid, err)
	}
	b.machines(t, 0)
	op, made := b.make(t, "web-01")
	for _, size := range []int64{0, -1, 1<<30 + 1, 1 << 60} {
		_, err := b.EnsureDisk(t.Context(), op, compute.DiskRequest{MachineID: made.ID, Name: "data", Bytes: size}, &operation.Memory{})
		kind(t, fault.Invalid, err)
	}
	b.disks(t, 0)
}

func silentGuest(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	b.Silence()
	_, err := b.another(t).EnsureRunning(t.Context(), op, made.ID, &operation.Memory{})
	kind(t, fault.Unavailable, err)
	require.ErrorContains(t, err, "an address and its SSH host keys", "the error says what was missing")
}

func noMachine(t *testing.T, bench Bench) {
	b := setup(t, bench)
	ctx, p, id := t.Context(), &operation.Memory{}, "22222222-2222-2222-2222-222222222222"
	op := newOp(newRun(), "deploy", "web-01")
	_, err := b.EnsureRunning(ctx, op, id, p)
	kind(t, fault.NotFound, err)
	_, err = b.EnsureDisk(ctx, op, compute.DiskRequest{MachineID: id, Name: "data", Bytes: 1 << 30}, p)
	kind(t, fault.NotFound, err)
	_, err = b.Retire(ctx, op, id, "retired", p)
	kind(t, fault.NotFound, err)
	require.NoError(t, b.Platform.Destroy(ctx, op, id, p))
	require.NoError(t, b.RemoveMachine(ctx, op, p))
	found, err := b.FindByOwner(ctx, op.Owner)
	require.NoError(t, err)
	require.Empty(t, found)
}

func nameTaken(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	b.Foreign(t, "web-01-retired")
	_, err := b.Retire(t.Context(), op, made.ID, "web-01-retired", &operation.Memory{})
	kind(t, fault.Conflict, err)
	b.machines(t, 2)
}
