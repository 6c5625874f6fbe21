// Package loadbalancertest proves that a driver keeps the promises of the loadbalancer port, on an emulated balancer and on
// a real one alike. What it believes it reads from the device itself, never through the driver.
package loadbalancertest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// Upstream is a server that the balancer can reach and check.
type Upstream struct {
	Address string
	Port    int
	// Name is what its answers say.
	Name string
	// SetHealthy lets its health check succeed or fail.
	SetHealthy func(bool)
	// Hold keeps answers back until the returned function is called; requests stay in flight meanwhile.
	Hold func() (release func())
}

// Answer is what a client of the balancer got.
type Answer struct {
	Status int
	Body   string // The name of the upstream that answered.
}

// Device is a balancer with one managed backend, behind one frontend, and the hooks of the suite.
type Device struct {
	// Driver returns a driver, each time with connections of its own: another worker.
	Driver func(t *testing.T) loadbalancer.Balancer
	// Unprivileged returns a driver whose credential may look but not change.
	Unprivileged func(t *testing.T) loadbalancer.Balancer
	// Backend is managed; Unmanaged exists and is closed to the driver.
	Backend, Unmanaged string
	Upstream           func(t *testing.T) Upstream
	Request            func(t *testing.T) Answer

	// Runtime and Saved tell the states of a backend's servers, read without the driver.
	Runtime func(t *testing.T) map[string]loadbalancer.State
	Saved   func(t *testing.T) map[string]loadbalancer.State
	// File is all that is saved; SetFile changes it by hand.
	File    func(t *testing.T) string
	SetFile func(t *testing.T, text string)
	// Broken is File with a mistake that the device refuses; Bare is File without the driver's place in it.
	Broken, Bare func(file string) string
	// Reload makes the device load what is saved.
	Reload func(t *testing.T)
	// AddRuntime and RemoveRuntime work behind the driver's back.
	AddRuntime    func(t *testing.T, m loadbalancer.Member)
	RemoveRuntime func(t *testing.T, name string)
	// LoseOrder and LoseWrite lose the answers of the n-th change from now on: at the runtime, at the file.
	LoseOrder, LoseWrite func(n int)
	SetDown              func(down bool)
	SetReadOnly          func(readOnly bool)
}

// Bench makes devices.
type Bench struct {
	New func(t *testing.T) *Device
}

// Run runs the suite.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	for name, test := range positive() {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(setup(t, bench)) })
	}
	for name, test := range negative() {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(setup(t, bench)) })
	}
}

// rig is one test's device, driver and operation.
type rig struct {
	*testing.T
	*Device
	ctx    context.Context
	driver loadbalancer.Balancer
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
		Key:   operation.Key{Run: run, Step: "pool/join", Target: target},
		Owner: operation.Owner("server/" + target),
	}
}

func (r *rig) member(name string) (loadbalancer.Member, Upstream) {
	r.Helper()
	up := r.Upstream(r.T)
	return loadbalancer.Member{Backend: r.Backend, Name: name, Address: up.Address, Port: up.Port, Weight: 10}, up
}

// join adds a member and makes it ready.
func (r *rig) join(op operation.Op, name string) (loadbalancer.Member, Upstream) {
	r.Helper()
	m, up := r.member(name)
	_, err := r.driver.EnsureMember(r.ctx, op, m, r.p)
	require.NoError(r, err)
	_, err = r.driver.EnsureState(r.ctx, op, m.Backend, m.Name, loadbalancer.Ready, r.p)
	require.NoError(r, err)
	return m, up
}

func (r *rig) find(name string) loadbalancer.Status {
	r.Helper()
	found, err := r.driver.Find(r.ctx, r.Backend, name, "")
	require.NoError(r, err)
	require.Len(r, found, 1)
	return found[0]
}

func (r *rig) refuses(err error, kind fault.Kind, words ...string) {
	r.Helper()
	require.Error(r, err)
	require.Equal(r, kind, fault.KindOf(err), err.Error())
	for _, word := range words {
		require.ErrorContains(r, err, word)
	}
}

// halves asserts the state of a server on the device.
func (r *rig) halves(name string, runtime, saved loadbalancer.State) {
	r.Helper()
	require.Equal(r, runtime, stateOf(r.Runtime(r.T), name), "runtime of %s", name)
	require.Equal(r, saved, stateOf(r.Saved(r.T), name), "saved state of %s", name)
}

func stateOf(states map[string]loadbalancer.State, name string) loadbalancer.State {
	if s, ok := states[name]; ok {
		return s
	}
	return loadbalancer.Absent
}
