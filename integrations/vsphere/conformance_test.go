package vsphere_test

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"fermata/activities/compute"
	"fermata/activities/compute/computetest"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/vsphere"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/vcenter"
	"fermata/sandbox/estate/vcenter/vcentertest"
	"fermata/spec"

	"github.com/stretchr/testify/require"
)

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"

func config(v *vcenter.VCenter) vsphere.Config { return vcentertest.Config(v, 15*time.Second) }

// bench is the emulated vCenter with an address and host keys for every guest.
func bench(customization, template string) computetest.Bench {
	return func(t *testing.T) computetest.Site {
		t.Helper()
		trouble := &faults.Faults{}
		var silent atomic.Bool
		v, err := vcenter.Start(t.Context(), vcenter.Options{
			Folder: t.TempDir(), Username: vcentertest.Username, Password: vcentertest.Password, Faults: trouble,
			OnPowerOn: func(_ context.Context, vm vcenter.VM) (vcenter.Guest, error) {
				prefix, err := netip.ParsePrefix(vm.Address)
				if err != nil || silent.Load() {
					return vcenter.Guest{}, nil
				}
				return vcenter.Guest{Address: prefix.Addr().String(), HostKeys: []string{hostKey}}, nil
			},
		})
		require.NoError(t, err)
		t.Cleanup(v.Close)
		return vcentertest.Site(v, trouble, config(v), &silent, customization, template)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	computetest.Run(t, bench(spec.CloudInit, vcenter.CloudTemplate))
}

// TestBusyVCenter: a vCenter that turns every third request away, and loses every fourth answer to a change, costs time only.
func TestBusyVCenter(t *testing.T) {
	t.Parallel()
	trouble, err := faults.Parse("fail=3,lose=4")
	require.NoError(t, err)
	v, err := vcenter.Start(t.Context(), vcenter.Options{
		Folder: t.TempDir(), Username: vcentertest.Username, Password: vcentertest.Password, Faults: trouble,
		OnPowerOn: func(context.Context, vcenter.VM) (vcenter.Guest, error) {
			return vcenter.Guest{Address: "10.20.0.11", HostKeys: []string{hostKey}}, nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	d, ctx, p := vcentertest.Open(t, config(v)), t.Context(), &operation.Memory{}
	planned, err := d.Plan(ctx, planOf("server/web-01", vcenter.CloudTemplate))
	require.NoError(t, err)
	for _, run := range []string{"01J0000000000000000000000D", "01J0000000000000000000000E", "01J0000000000000000000000F"} {
		op := operation.Op{Key: operation.Key{Run: run, Step: "deploy", Target: "web-01"}, Owner: "server/web-01"}
		var made compute.Machine
		retried(t, func() (err error) {
			made, err = d.EnsureMachine(ctx, op, requestOf(planned.Placement, spec.CloudInit), p)
			return err
		})
		retried(t, func() error {
			_, err := d.EnsureDisk(ctx, op, compute.DiskRequest{MachineID: made.ID, Name: "data", Bytes: 1 << 30}, p)
			return err
		})
		retried(t, func() error {
			_, err := d.EnsureRunning(ctx, op, made.ID, p)
			return err
		})
		found, err := d.FindByOwner(ctx, op.Owner)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Len(t, found[0].Disks, 2)
		retried(t, func() error { return d.RemoveMachine(ctx, op, p) })
	}
}

// retried does what a workflow does with an error that a retry may cure.
func retried(t *testing.T, do func() error) {
	t.Helper()
	for range 20 {
		err := do()
		if err == nil {
			return
		}
		require.True(t, fault.KindOf(err).Retryable(), "%v", err)
	}
	require.Fail(t, "it never succeeded")
}
