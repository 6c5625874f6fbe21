package conformance

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/compute"
	"fermata/activities/compute/computetest"
	"fermata/activities/secret"
	"fermata/integrations/vsphere"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/vcenter"
	"fermata/spec"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/network"
)

// TestVSphere runs the suite against govmomi's simulator with machines behind it that boot, read what they were given, and
// tell their host keys themselves.
func TestVSphere(t *testing.T) {
	t.Parallel()
	host.Require(t)
	require.NoError(t, host.Install(t.Context(), guests.Packages...))
	image, err := guests.Image(t.Context())
	require.NoError(t, err)
	computetest.Run(t, func(t *testing.T) computetest.Site { return newVCenter(t, image) })
}

const administrator = "fermata@vsphere.local"

// passwords resolves references to what is in it.
type passwords map[secret.Ref]string

func (p passwords) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	return secret.NewValue([]byte(p[ref])), nil
}

// servers makes the network that guests are plugged into, with its gateway.
func (l *lab) servers() network.End {
	l.Helper()
	bridge := network.End{Namespace: "edge", Device: "servers"}
	require.NoError(l, l.net.Add(l.ctx, bridge.Namespace))
	require.NoError(l, l.net.Bridge(l.ctx, bridge))
	return bridge
}

func newVCenter(t *testing.T, image string) computetest.Site {
	t.Helper()
	l, trouble := setup(t), &faults.Faults{}
	var silent atomic.Bool
	var v *vcenter.VCenter
	site := &guests.Site{
		Folder: host.Folder(t), Image: image, Network: l.net, Bridge: l.servers(), Log: t.Logf,
		Tell: func(id, key, value string) error { return v.SetGuestInfo(id, key, value) },
	}
	t.Cleanup(func() { require.NoError(t, site.Close()) })
	v, err := vcenter.Start(l.ctx, vcenter.Options{
		Folder: t.TempDir(), Username: administrator, Password: "right", Faults: trouble,
		OnPowerOn: func(ctx context.Context, vm vcenter.VM) (vcenter.Guest, error) {
			if silent.Load() {
				return vcenter.Guest{}, nil
			}
			guest, err := site.PowerOn(ctx, vm)
			if err != nil && ctx.Err() == nil {
				t.Errorf("powering %s on: %v", vm.Name, err) // The platform only shows a guest that says nothing.
			}
			return guest, err
		},
		OnPowerOff: site.PowerOff, OnDestroy: site.Destroy, OnDisks: site.Disks,
	})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	c := vsphere.DefaultConfig()
	c.URL, c.CAFile, c.Username, c.Password = v.URL(), v.CAFile(), administrator, "secret://env/good"
	c.Wait.Address = spec.Duration(2 * time.Minute)
	return computetest.Site{
		Compute: spec.Compute{
			Template: vcenter.CloudTemplate, Datacenter: vcenter.Datacenter, Folder: vcenter.ServersFolder, Pool: vcenter.Cluster,
			Datastore: vcenter.Datastore, Network: vcenter.Network, Customization: spec.CloudInit, Tags: []string{"env/lab"},
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

func method(call computetest.Call) string {
	return map[computetest.Call]string{
		computetest.Clone: "CloneVM_Task", computetest.Configure: "ReconfigVM_Task", computetest.PowerOn: "PowerOnVM_Task",
		computetest.PowerOff: "PowerOffVM_Task", computetest.Destroy: "Destroy_Task", computetest.Rename: "Rename_Task",
	}[call]
}
