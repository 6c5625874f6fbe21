package computetest

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func (b bundle) address(t *testing.T) string {
	t.Helper()
	prefix, err := netip.ParsePrefix(b.Network.Address)
	require.NoError(t, err)
	return prefix.Addr().String()
}

func life(t *testing.T, bench Bench) {
	b := setup(t, bench)
	ctx, p := t.Context(), &operation.Memory{}
	require.NoError(t, b.Check(ctx))

	op, made := b.make(t, "web-01")
	require.Equal(t, op.Key.UUID().String(), made.ID)
	require.Equal(t, op.Key.String(), made.Key)
	require.Equal(t, op.Owner, made.Owner)
	require.Equal(t, compute.PoweredOff, made.Power)
	require.Equal(t, 2, made.CPUs)
	require.Equal(t, int64(2<<30), made.MemoryBytes)
	require.Equal(t, b.Compute.Tags, b.Tags(t, made.ID))

	diskOp := newOp(op.Key.Run, "storage/data", "web-01")
	disk, err := b.EnsureDisk(ctx, diskOp, compute.DiskRequest{MachineID: made.ID, Name: "data", Bytes: 5 << 30}, p)
	require.NoError(t, err)
	require.NotEmpty(t, disk.UUID)
	require.Equal(t, int64(5<<30), disk.Bytes)
	require.Equal(t, diskOp.Key.String(), disk.Key)
	require.Equal(t, "data", disk.Name)

	running, err := b.EnsureRunning(ctx, newOp(op.Key.Run, "start", "web-01"), made.ID, p)
	require.NoError(t, err)
	require.Equal(t, compute.PoweredOn, running.Power)
	require.Contains(t, running.Addresses, b.address(t))
	require.NotEmpty(t, running.HostKeys)
	require.Contains(t, running.Disks, disk)
	require.Len(t, running.Disks, b.TemplateDisks+1)

	found, err := b.FindByOwner(ctx, op.Owner)
	require.NoError(t, err)
	require.Equal(t, []compute.Machine{running}, found)

	require.NoError(t, b.RemoveMachine(ctx, op, p))
	b.machines(t, 0)
}

func planFinds(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	running, err := b.EnsureRunning(t.Context(), op, made.ID, &operation.Memory{})
	require.NoError(t, err)

	request := b.planRequest("web-01")
	request.Volumes = []spec.Volume{{Name: "data", Size: 3 * spec.GiB}}
	planned, err := b.Plan(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, b.placement, planned.Placement, "the placement is the same each time")
	require.Equal(t, []compute.Machine{running}, planned.Existing)
	require.Equal(t, []compute.Ref{{ID: made.ID, Name: "web-01"}}, planned.AddressHeldBy)
	require.Greater(t, planned.RequiredBytes, int64(3<<30))
	require.Greater(t, planned.FreeBytes, planned.RequiredBytes)

	free := b.planRequest("web-02")
	free.Network.Address = "10.20.0.222/24"
	planned, err = b.Plan(t.Context(), free)
	require.NoError(t, err)
	require.Empty(t, planned.Existing)
	require.Empty(t, planned.AddressHeldBy)
}

func sameKey(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, first := b.make(t, "web-01")
	second, err := b.another(t).EnsureMachine(t.Context(), op, b.request("web-01"), &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, first, second)
	b.machines(t, 1)
}

func concurrent(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op := newOp(newRun(), "deploy", "web-01")
	var group errgroup.Group
	for range 3 {
		worker := b.another(t)
		group.Go(func() error {
			for {
				_, err := worker.EnsureMachine(t.Context(), op, b.request("web-01"), &operation.Memory{})
				if err == nil || !fault.KindOf(err).Retryable() {
					return err
				}
			}
		})
	}
	require.NoError(t, group.Wait())
	b.machines(t, 1)
}

// halfMade asks again for a machine that differs from what the key's machine is: what is missing is added.
func halfMade(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op := newOp(newRun(), "deploy", "web-01")
	half := b.request("web-01")
	half.Annotation, half.Tags, half.CPUs = "", nil, 1
	made, err := b.EnsureMachine(t.Context(), op, half, &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, 1, made.CPUs)
	require.Empty(t, b.Tags(t, made.ID))
	made, err = b.EnsureMachine(t.Context(), op, b.request("web-01"), &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, 2, made.CPUs)
	require.Equal(t, b.Compute.Tags, b.Tags(t, made.ID))
	b.machines(t, 1)
}

func sameDisk(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	request := compute.DiskRequest{MachineID: made.ID, Name: "data", Bytes: 1 << 30}
	diskOp := newOp(op.Key.Run, "storage/data", "web-01")
	first, err := b.EnsureDisk(t.Context(), diskOp, request, &operation.Memory{})
	require.NoError(t, err)
	second, err := b.another(t).EnsureDisk(t.Context(), diskOp, request, &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, first, second)
	b.disks(t, 1)

	request.Bytes = 2 << 30
	_, err = b.EnsureDisk(t.Context(), diskOp, request, &operation.Memory{})
	require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
	b.disks(t, 1)
}

func concurrentDisks(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	disks := make([]compute.Disk, 3)
	var group errgroup.Group
	for i := range disks {
		worker, name := b.another(t), fmt.Sprintf("data%d", i)
		group.Go(func() (err error) {
			for {
				disks[i], err = worker.EnsureDisk(t.Context(), newOp(op.Key.Run, "storage/"+name, "web-01"),
					compute.DiskRequest{MachineID: made.ID, Name: name, Bytes: 1 << 30}, &operation.Memory{})
				if err == nil || !fault.KindOf(err).Retryable() {
					return err
				}
			}
		})
	}
	require.NoError(t, group.Wait())
	b.disks(t, 3)
	require.NotEqual(t, disks[0].UUID, disks[1].UUID)
	require.NotEqual(t, disks[1].UUID, disks[2].UUID)
}

func retireRestore(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	ctx, p := t.Context(), &operation.Memory{}
	_, err := b.EnsureRunning(ctx, op, made.ID, p)
	require.NoError(t, err)

	retire := newOp(newRun(), "retire", "web-01")
	for range 2 { // Once more changes nothing.
		retired, err := b.Retire(ctx, retire, made.ID, "web-01-retired", p)
		require.NoError(t, err)
		require.Equal(t, compute.PoweredOff, retired.Power)
		require.Equal(t, "web-01-retired", retired.Name)
		require.Equal(t, op.Key.String(), retired.Key)
	}
	for range 2 {
		restored, err := b.Restore(ctx, retire, made.ID, "web-01", p)
		require.NoError(t, err)
		require.Equal(t, compute.PoweredOn, restored.Power)
		require.Equal(t, "web-01", restored.Name)
		require.Contains(t, restored.Addresses, b.address(t))
	}
	for range 2 {
		require.NoError(t, b.Platform.Destroy(ctx, retire, made.ID, p))
	}
	b.machines(t, 0)
}

func alreadyOn(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	first, err := b.EnsureRunning(t.Context(), op, made.ID, &operation.Memory{})
	require.NoError(t, err)
	second, err := b.another(t).EnsureRunning(t.Context(), op, made.ID, &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func sessionEnds(t *testing.T, bench Bench) {
	b := setup(t, bench)
	b.Expire()
	op, made := b.make(t, "web-01") // Between two calls; tags have a session of their own.
	b.Expire()
	_, err := b.FindByOwner(t.Context(), op.Owner)
	require.NoError(t, err)

	b.Delay(PowerOn, delay) // In the middle of a wait.
	p := &operation.Memory{}
	var group errgroup.Group
	group.Go(func() error {
		_, err := b.EnsureRunning(t.Context(), op, made.ID, p)
		return err
	})
	require.Eventually(t, func() bool { return p.Task() != "" }, patience, tick)
	b.Expire()
	require.NoError(t, group.Wait())
}

func removeTwice(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	_, err := b.EnsureRunning(t.Context(), op, made.ID, &operation.Memory{})
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, b.RemoveMachine(t.Context(), op, &operation.Memory{}))
		b.machines(t, 0)
	}
}

func comesBack(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, made := b.make(t, "web-01")
	b.Down(true)
	_, err := b.another(t).EnsureMachine(t.Context(), op, b.request("web-01"), &operation.Memory{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.Equal(t, fault.Unavailable, fault.KindOf(b.another(t).Check(t.Context())))
	b.Down(false)
	again := eventually(t, func(ctx context.Context) (compute.Machine, error) {
		return b.EnsureMachine(ctx, op, b.request("web-01"), &operation.Memory{})
	}, func(err error) bool { return fault.KindOf(err).Retryable() })
	require.Equal(t, made, again)
	b.machines(t, 1)
}
