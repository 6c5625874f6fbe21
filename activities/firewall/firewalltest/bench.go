// Package firewalltest proves that a driver keeps the promises of the firewall port, on an emulated packet filter and on a
// real one alike. What it believes it learns from the device and from packets, never through the driver.
package firewalltest

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// Device is a packet filter and the hooks of the suite. Its policy is to drop. Where rules are in force and kept in one place
// (Bench.OnePlace), Runtime and Saved list the same, but that Saved leaves out what is not Fermata's; the hooks that are about
// a file, a chain and rules that stand there twice are nil.
type Device struct {
	// Driver returns a driver, each time with connections of its own: another worker.
	Driver func(t *testing.T) firewall.Firewall
	// Unprivileged returns a driver whose account may not touch the packet filter.
	Unprivileged func(t *testing.T) firewall.Firewall
	// Passes sends the first packet of a connection through the device.
	Passes func(t *testing.T, from, to netip.AddrPort, proto string) bool
	// Runtime lists the rules in force, Saved those in the file, a text for each, read without the driver.
	Runtime, Saved func(t *testing.T) []string
	// SetSaved writes the file by hand; Spoil changes a rule's line in it to another valid one.
	SetSaved func(t *testing.T, text string)
	File     func(t *testing.T) string
	// Restart boots the device: what is not saved is lost.
	Restart func(t *testing.T)
	// AddForeign puts a rule of somebody else's into the driver's chain.
	AddForeign func(t *testing.T)
	// Copy adds the first rule in force once more; Delete takes it away behind the driver's back; Widen replaces it by one
	// with the same mark and other content.
	Copy, Delete, Widen func(t *testing.T)
	// OnLook calls f once, after the driver has looked and before it acts.
	OnLook func(f func())
	// Lose loses the answer of the n-th change from now on; 0: of none.
	Lose         func(n int)
	SetDown      func(down bool)
	SetReadOnly  func(readOnly bool)
	DropChain    func(t *testing.T)
	CommentLimit int // Bytes that key, owner and name may take together with what the driver adds.
}

// Bench makes devices. Owners server/web-00 to web-19 may have rules to 10.20.0.11 and 2001:db8::11.
type Bench struct {
	New func(t *testing.T) *Device
	// OnePlace: a rule stands in one place and once only, as in a cloud's security groups. The cases about a file beside what is
	// in force do not run then.
	OnePlace bool
}

// Run runs the suite.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	all := []map[string]func(*rig){positive(), negative()}
	if !bench.OnePlace {
		all = append(all, twoPlaces())
	}
	for _, cases := range all {
		for name, test := range cases {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(setup(t, bench)) })
		}
	}
}

type rig struct {
	*testing.T
	*Device
	ctx    context.Context
	driver firewall.Firewall
	op     operation.Op
	p      *operation.Memory
}

func setup(t *testing.T, bench Bench) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // It ends what hangs: a machine on which much else is tested is slow.
	t.Cleanup(cancel)
	d := bench.New(t)
	return &rig{T: t, Device: d, ctx: ctx, driver: d.Driver(t), op: opOf("01JRUNA", "web-01"), p: &operation.Memory{}}
}

func opOf(run, target string) operation.Op {
	return operation.Op{
		Key:   operation.Key{Run: run, Step: "firewall/open", Target: target},
		Owner: operation.Owner("server/" + target),
	}
}

// web lets 10.10.0.0/24 reach 10.20.0.11:8080.
func web() firewall.Rule {
	return firewall.Rule{Name: "web", Sources: []string{"10.10.0.0/24"}, Destination: "10.20.0.11", Protocol: "tcp", Port: 8080}
}

func dns() firewall.Rule {
	return firewall.Rule{Name: "dns", Sources: []string{"10.10.0.7/32", "192.168.0.0/16"}, Destination: "10.20.0.11", Protocol: "udp", Port: 53}
}

func (r *rig) passes(from, to, proto string) bool {
	r.Helper()
	return r.Passes(r.T, netip.MustParseAddrPort(from), netip.MustParseAddrPort(to), proto)
}

// open asserts whether the path of web is open.
func (r *rig) open(want bool) {
	r.Helper()
	require.Equal(r, want, r.passes("10.10.0.5:40000", "10.20.0.11:8080", "tcp"))
}

func (r *rig) ensure(op operation.Op, rules ...firewall.Rule) []firewall.Installed {
	r.Helper()
	installed, err := r.driver.EnsureRules(r.ctx, op, rules, r.p)
	require.NoError(r, err)
	return installed
}

func (r *rig) counts(runtime, saved int) {
	r.Helper()
	require.Len(r, r.Runtime(r.T), runtime, "in force")
	require.Len(r, r.Saved(r.T), saved, "saved")
}

func (r *rig) refuses(err error, kind fault.Kind, words ...string) {
	r.Helper()
	require.Error(r, err)
	require.Equal(r, kind, fault.KindOf(err), err.Error())
	for _, word := range words {
		require.ErrorContains(r, err, word)
	}
}

func (r *rig) untouched(f func()) {
	r.Helper()
	runtime, file := r.Runtime(r.T), r.File(r.T)
	f()
	require.Equal(r, runtime, r.Runtime(r.T))
	require.Equal(r, file, r.File(r.T))
}
