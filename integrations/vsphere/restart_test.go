package vsphere_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"fermata/activities/compute"
	"fermata/activities/operation"
	"fermata/sandbox/estate/vcenter"
	"fermata/sandbox/estate/vcenter/vcentertest"
	"fermata/spec"

	"github.com/stretchr/testify/require"
)

func planOf(owner operation.Owner, template string) compute.PlanRequest {
	return compute.PlanRequest{
		Owner: owner, Name: "web-01", Network: spec.Network{Address: "10.20.0.11/24"},
		Compute: spec.Compute{
			Template: template, Folder: vcenter.ServersFolder, Pool: vcenter.Cluster, Datastore: vcenter.Datastore, Network: vcenter.Network,
		},
	}
}

func requestOf(placement compute.Placement, customization string) compute.Request {
	return compute.Request{
		Name: "web-01", Placement: placement, CPUs: 2, MemoryBytes: 2 << 30, Customization: customization, User: "fermata",
		Network:       spec.Network{Address: "10.20.0.11/24", Gateway: "10.20.0.1", Domain: "lab.example"},
		AuthorizedKey: hostKey, Annotation: "kept", Tags: []string{"env/production"},
	}
}

func start(t *testing.T, folder string, boots *atomic.Int32) *vcenter.VCenter {
	t.Helper()
	v, err := vcenter.Start(t.Context(), vcenter.Options{
		Folder: folder, Username: vcentertest.Username, Password: vcentertest.Password,
		OnPowerOn: func(_ context.Context, vm vcenter.VM) (vcenter.Guest, error) {
			boots.Add(1)
			prefix, err := netip.ParsePrefix(vm.Address)
			return vcenter.Guest{Address: prefix.Addr().String(), HostKeys: []string{hostKey}}, err
		},
	})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	return v
}

// killed copies the state as a process that is killed now leaves it.
func killed(t *testing.T, folder string) string {
	t.Helper()
	left := t.TempDir()
	for _, name := range []string{"ca.pem", "key.pem", "machines.json"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(left, name), text, 0o600))
	}
	return left
}

// TestKilledVCenterComesBack: a sandbox that was killed finds all that the driver was told of.
func TestKilledVCenterComesBack(t *testing.T) {
	t.Parallel()
	var boots atomic.Int32
	folder := t.TempDir()
	before := start(t, folder, &boots)
	d := vcentertest.Open(t, config(before))
	ctx, p := t.Context(), &operation.Memory{}
	op := operation.Op{Key: operation.Key{Run: "01J0000000000000000000000A", Step: "deploy", Target: "web-01"}, Owner: "server/web-01"}
	planned, err := d.Plan(ctx, planOf(op.Owner, vcenter.CloudTemplate))
	require.NoError(t, err)
	request := requestOf(planned.Placement, spec.CloudInit)
	made, err := d.EnsureMachine(ctx, op, request, p)
	require.NoError(t, err)
	_, err = d.EnsureDisk(ctx, op, compute.DiskRequest{MachineID: made.ID, Name: "data", Bytes: 3 << 30}, p)
	require.NoError(t, err)
	running, err := d.EnsureRunning(ctx, op, made.ID, p)
	require.NoError(t, err)

	after := start(t, killed(t, folder), &boots)
	d = vcentertest.Open(t, config(after))
	again, err := d.EnsureRunning(ctx, op, made.ID, p)
	require.NoError(t, err)
	require.Equal(t, running, again)
	require.Equal(t, int32(2), boots.Load(), "the guest was booted again")
	require.Equal(t, []string{"env/production"}, vcentertest.Tags(t, after, made.ID))
	replanned, err := d.Plan(ctx, planOf(op.Owner, vcenter.CloudTemplate))
	require.NoError(t, err)
	require.Equal(t, planned.Placement, replanned.Placement, "an approved plan still holds")
	adopted, err := d.EnsureMachine(ctx, op, request, p)
	require.NoError(t, err)
	require.Equal(t, running, adopted)
	require.NoError(t, d.RemoveMachine(ctx, op, p))
	left := killed(t, filepath.Dir(after.CAFile())) // At once: what was answered is on disk.
	machines, _ := vcentertest.Count(t, after)
	require.Zero(t, machines)

	last := start(t, left, &boots)
	machines, _ = vcentertest.Count(t, last)
	require.Zero(t, machines, "what was removed stays removed")
}

// TestVMwareCustomization: the platform sets the address, user data stays out, and no host keys are waited for.
func TestVMwareCustomization(t *testing.T) {
	t.Parallel()
	var given atomic.Pointer[vcenter.VM]
	v, err := vcenter.Start(t.Context(), vcenter.Options{
		Folder: t.TempDir(), Username: vcentertest.Username, Password: vcentertest.Password,
		OnPowerOn: func(_ context.Context, vm vcenter.VM) (vcenter.Guest, error) {
			given.Store(&vm)
			return vcenter.Guest{Address: "10.20.0.11"}, nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	d, ctx, p := vcentertest.Open(t, config(v)), t.Context(), &operation.Memory{}
	op := operation.Op{Key: operation.Key{Run: "01J0000000000000000000000B", Step: "deploy", Target: "web-01"}, Owner: "server/web-01"}
	planned, err := d.Plan(ctx, planOf(op.Owner, vcenter.VMwareTemplate))
	require.NoError(t, err)
	made, err := d.EnsureMachine(ctx, op, requestOf(planned.Placement, spec.VMware), p)
	require.NoError(t, err)
	running, err := d.EnsureRunning(ctx, op, made.ID, p)
	require.NoError(t, err)
	require.Equal(t, []string{"10.20.0.11"}, running.Addresses)
	require.Empty(t, running.HostKeys)
	require.Eventually(t, func() bool { return given.Load() != nil }, patience, tick)
	require.Equal(t, &vcenter.Fixed{
		Hostname: "web-01", Domain: "lab.example", Address: "10.20.0.11/24", Gateway: []string{"10.20.0.1"},
	}, given.Load().Customization)
	require.NotContains(t, given.Load().ExtraConfig, "guestinfo.userdata")
}

// TestGuestInfo: a guest sets guestinfo.* and nothing else.
func TestGuestInfo(t *testing.T) {
	t.Parallel()
	var boots atomic.Int32
	v := start(t, t.TempDir(), &boots)
	d, ctx, p := vcentertest.Open(t, config(v)), t.Context(), &operation.Memory{}
	op := operation.Op{Key: operation.Key{Run: "01J0000000000000000000000C", Step: "deploy", Target: "web-01"}, Owner: "server/web-01"}
	planned, err := d.Plan(ctx, planOf(op.Owner, vcenter.CloudTemplate))
	require.NoError(t, err)
	made, err := d.EnsureMachine(ctx, op, requestOf(planned.Placement, spec.CloudInit), p)
	require.NoError(t, err)
	require.NoError(t, v.SetGuestInfo(made.ID, "guestinfo.note", "hello"))
	require.Error(t, v.SetGuestInfo(made.ID, "fermata.owner", "server/thief"))
	require.Error(t, v.SetGuestInfo("33333333-3333-3333-3333-333333333333", "guestinfo.note", "hello"))
	found, err := d.FindByOwner(ctx, op.Owner)
	require.NoError(t, err)
	require.Equal(t, []compute.Machine{made}, found)
}
