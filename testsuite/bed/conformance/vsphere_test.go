package conformance

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/compute/computetest"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/vcenter"
	"fermata/sandbox/estate/vcenter/vcentertest"
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
	image, err := guests.Image(t.Context())
	require.NoError(t, err)
	computetest.Run(t, func(t *testing.T) computetest.Site { return newVCenter(t, image) })
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
		Folder: t.TempDir(), Username: vcentertest.Username, Password: vcentertest.Password, Faults: trouble,
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
	return vcentertest.Site(v, trouble, vcentertest.Config(v, 2*time.Minute), &silent, spec.CloudInit, vcenter.CloudTemplate)
}
