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
	"fermata/activities/secret"
	"fermata/integrations/vsphere"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/vcenter"
	"fermata/spec"

	"github.com/stretchr/testify/require"
)

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"

// passwords resolves references to what is in it.
type passwords map[secret.Ref]string

func (p passwords) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	return secret.NewValue([]byte(p[ref])), nil
}

func config(v *vcenter.VCenter) vsphere.Config {
	c := vsphere.DefaultConfig()
	c.URL, c.CAFile, c.Username, c.Password = v.URL(), v.CAFile(), "fermata@vsphere.local", "secret://env/good"
	c.Wait.Address = spec.Duration(15 * time.Second)
	return c
}

func open(t *testing.T, c vsphere.Config) *vsphere.Driver {
	t.Helper()
	d, err := vsphere.New(c, passwords{"secret://env/good": "right", "secret://env/bad": "wrong"}, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = d.Close(ctx)
	})
	return d
}

// bench is the emulated vCenter with an address and host keys for every guest.
func bench(customization, template string) computetest.Bench {
	return func(t *testing.T) computetest.Site {
		t.Helper()
		trouble := &faults.Faults{}
		var silent atomic.Bool
		v, err := vcenter.Start(t.Context(), vcenter.Options{
			Folder: t.TempDir(), Username: "fermata@vsphere.local", Password: "right", Faults: trouble,
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
		c := config(v)
		return computetest.Site{
			Compute: spec.Compute{
				Template: template, Datacenter: vcenter.Datacenter, Folder: vcenter.ServersFolder, Pool: vcenter.Cluster,
				Datastore: vcenter.Datastore, Network: vcenter.Network, Customization: customization, Tags: []string{"env/lab"},
			},
			Network:       spec.Network{Address: "10.20.0.11/24", Gateway: "10.20.0.1", Nameservers: []string{"10.20.0.2"}, Domain: "lab.example"},
			TemplateDisks: 1,
			Open:          func(t *testing.T) compute.Platform { t.Helper(); return open(t, c) },
			OpenWrong: func(t *testing.T) compute.Platform {
				t.Helper()
				wrong := c
				wrong.Password = "secret://env/bad"
				return open(t, wrong)
			},
			Foreign: func(t *testing.T, name string) string { t.Helper(); return foreign(t, v, name) },
			Lose:    func(call computetest.Call) { v.LoseAnswer(method(call)) },
			Delay:   func(call computetest.Call, d time.Duration) { v.Delay(method(call), d) },
			Expire:  v.Expire,
			Down:    trouble.SetDown,
			Silence: func() { silent.Store(true); c.Wait.Address = spec.Duration(300 * time.Millisecond) },
			Count:   func(t *testing.T) (int, int) { t.Helper(); return count(t, v) },
			Tags:    func(t *testing.T, id string) []string { t.Helper(); return tagsOf(t, v, id) },
		}
	}
}

func method(call computetest.Call) string {
	return map[computetest.Call]string{
		computetest.Clone: "CloneVM_Task", computetest.Configure: "ReconfigVM_Task", computetest.PowerOn: "PowerOnVM_Task",
		computetest.PowerOff: "PowerOffVM_Task", computetest.Destroy: "Destroy_Task", computetest.Rename: "Rename_Task",
	}[call]
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
		Folder: t.TempDir(), Username: "fermata@vsphere.local", Password: "right", Faults: trouble,
		OnPowerOn: func(context.Context, vcenter.VM) (vcenter.Guest, error) {
			return vcenter.Guest{Address: "10.20.0.11", HostKeys: []string{hostKey}}, nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	d, ctx, p := open(t, config(v)), t.Context(), &operation.Memory{}
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
