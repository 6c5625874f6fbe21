package computetest

import (
	"context"
	"testing"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"

	"github.com/stretchr/testify/require"
)

var (
	small = compute.Size{CPUs: 2, MemoryBytes: 2 << 30}
	large = compute.Size{CPUs: 4, MemoryBytes: 8 << 30}
)

// running makes a machine with a data disk and starts it.
func (b bundle) running(t *testing.T) (operation.Op, compute.Machine, compute.Disk) {
	t.Helper()
	op, made := b.make(t, "web-01")
	disk, err := b.EnsureDisk(t.Context(), newOp(op.Key.Run, "storage/data", "web-01"), compute.DiskRequest{MachineID: made.ID, Name: "data", Bytes: 5 << 30}, &operation.Memory{})
	require.NoError(t, err)
	up, err := b.EnsureRunning(t.Context(), op, made.ID, &operation.Memory{})
	require.NoError(t, err)
	return op, up, disk
}

// resizeOff: a machine that takes nothing while it runs is shut down, resized and started. Asking again changes nothing.
func resizeOff(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, m, _ := b.running(t)
	ctx, p := t.Context(), &operation.Memory{}
	off, err := b.EnsureOff(ctx, op, m.ID, p)
	require.NoError(t, err)
	require.Equal(t, compute.PoweredOff, off.Power)
	require.Equal(t, "web-01", off.Name)
	off, err = b.EnsureOff(ctx, op, m.ID, p)
	require.NoError(t, err)
	require.Equal(t, compute.PoweredOff, off.Power)
	for range 2 {
		made, err := b.EnsureSize(ctx, op, m.ID, small, large, p)
		require.NoError(t, err)
		require.Equal(t, []int64{int64(large.CPUs), large.MemoryBytes}, []int64{int64(made.CPUs), made.MemoryBytes})
	}
	made, err := b.EnsureSize(ctx, op, m.ID, large, small, p)
	require.NoError(t, err, "and back, as an undo does")
	require.Equal(t, small.CPUs, made.CPUs)
	up, err := b.EnsureRunning(ctx, op, m.ID, p)
	require.NoError(t, err)
	require.Equal(t, m.Disks, up.Disks)
}

// resizeOn: a machine that may take more while it runs does so.
func resizeOn(t *testing.T, bench Bench) {
	b := setup(t, bench)
	if b.AllowHotAdd == nil {
		return
	}
	op, m, _ := b.running(t)
	b.AllowHotAdd(t, m.ID)
	found, err := b.FindByOwner(t.Context(), op.Owner)
	require.NoError(t, err)
	require.True(t, found[0].CPUHotAdd && found[0].MemHotAdd)
	made, err := b.EnsureSize(t.Context(), op, m.ID, small, large, &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, compute.PoweredOn, made.Power)
	require.Equal(t, []int64{int64(large.CPUs), large.MemoryBytes}, []int64{int64(made.CPUs), made.MemoryBytes})
	_, err = b.EnsureSize(t.Context(), op, m.ID, large, small, &operation.Memory{})
	kind(t, fault.Conflict, err)
}

func growDisk(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, m, disk := b.running(t)
	want := compute.Disk{UUID: disk.UUID, Bytes: 9 << 30}
	for range 2 {
		grown, err := b.EnsureDiskSize(t.Context(), op, m.ID, want, &operation.Memory{})
		require.NoError(t, err)
		disk.Bytes = 9 << 30
		require.Equal(t, disk, grown, "key, name and UUID stay")
	}
	b.disks(t, 1)
}

func lostGrowth(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, m, disk := b.running(t)
	want := compute.Disk{UUID: disk.UUID, Bytes: 9 << 30}
	b.Lose(Configure)
	_, err := b.EnsureDiskSize(t.Context(), op, m.ID, want, &operation.Memory{})
	kind(t, fault.Ambiguous, err)
	grown := eventually(t, func(ctx context.Context) (compute.Disk, error) {
		return b.EnsureDiskSize(ctx, op, m.ID, want, &operation.Memory{})
	}, retryable)
	require.Equal(t, want.Bytes, grown.Bytes)
}

// refusedGrowth: what the platform does not do, what others did meanwhile, and what is not there.
func refusedGrowth(t *testing.T, bench Bench) {
	b := setup(t, bench)
	op, m, disk := b.running(t)
	ctx, p := t.Context(), &operation.Memory{}
	_, err := b.EnsureSize(ctx, op, m.ID, small, large, p)
	kind(t, fault.Conflict, err)
	require.ErrorContains(t, err, "shut it down first")
	_, err = b.EnsureSize(ctx, op, m.ID, compute.Size{CPUs: 1, MemoryBytes: 1 << 30}, large, p)
	kind(t, fault.Conflict, err)
	require.ErrorContains(t, err, "changed by others")
	for _, bad := range []compute.Size{{MemoryBytes: 1 << 30}, {CPUs: 1, MemoryBytes: 1<<30 + 1}} {
		_, err = b.EnsureSize(ctx, op, m.ID, small, bad, p)
		kind(t, fault.Invalid, err)
	}
	_, err = b.EnsureDiskSize(ctx, op, m.ID, compute.Disk{UUID: disk.UUID, Bytes: 4 << 30}, p)
	kind(t, fault.Conflict, err)
	require.ErrorContains(t, err, "never shrinks")
	_, err = b.EnsureDiskSize(ctx, op, m.ID, compute.Disk{UUID: "6000c29f-0000-0000-0000-000000000000", Bytes: 9 << 30}, p)
	kind(t, fault.NotFound, err)
	_, err = b.EnsureDiskSize(ctx, op, m.ID, compute.Disk{UUID: disk.UUID, Bytes: 7}, p)
	kind(t, fault.Invalid, err)
	stranger := newOp(newRun(), "resize", "web-02")
	_, err = b.EnsureOff(ctx, stranger, m.ID, p)
	kind(t, fault.Conflict, err)
	_, err = b.EnsureSize(ctx, stranger, m.ID, small, large, p)
	kind(t, fault.Conflict, err)
	_, err = b.EnsureOff(ctx, op, "00000000-0000-0000-0000-000000000000", p)
	kind(t, fault.NotFound, err)
	found, err := b.FindByOwner(ctx, op.Owner)
	require.NoError(t, err)
	require.Equal(t, []compute.Machine{m}, found, "nothing changed")
}
