package loadbalancertest

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

func negative() map[string]func(*rig) {
	return map[string]func(*rig){
		"an unknown backend is NotFound and the text lists the known": unknownBackend,
		"a backend that is not managed is Invalid":                    unmanaged,
		"a member under another key is a Conflict":                    otherKey,
		"a member with another address is a Conflict":                 otherAddress,
		"a foreign server of that name is a Conflict and stays":       foreign,
		"another owner does not steer a member":                       otherOwner,
		"an unknown member has no state":                              unknownMember,
		"bad input is Invalid and changes nothing":                    badInput,
		"Absent is no state to ensure":                                absentState,
		"an unhealthy member does not become ready":                   unhealthy,
		"a member that falls ill gets no traffic":                     fallsIll,
		"draining ends with the context":                              drainEnds,
		"removing leaves a member of another key":                     removesNotOthers,
		"a device that is down is Unavailable":                        down,
		"a credential without the right is Unauthorized":              unprivileged,
		"a file broken by hand is not overwritten":                    brokenFile,
		"missing markers are Invalid and say what to add":             missingMarkers,
		"a foreign line in the block is a Conflict naming the line":   foreignLine,
		"a setting of others is refused and changes nothing":          settingOfOthers,
		"a setting in a file edited by hand is a Conflict":            settingOfAnEditedFile,
		"a read-only disk leaves everything":                          readOnly,
		"a cancelled context changes nothing":                         cancelled,
	}
}

// untouched asserts that file and runtime stay as they are, whatever f does.
func (r *rig) untouched(f func()) {
	r.Helper()
	file, runtime := r.File(r.T), r.Runtime(r.T)
	f()
	require.Equal(r, file, r.File(r.T))
	require.Equal(r, runtime, r.Runtime(r.T))
}

func unknownBackend(r *rig) {
	m, _ := r.member("web-01")
	m.Backend = "nowhere"
	r.untouched(func() {
		_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
		r.refuses(err, fault.NotFound, "nowhere", r.Backend)
		_, err = r.driver.Find(r.ctx, "nowhere", "web-01", "")
		r.refuses(err, fault.NotFound, "nowhere", r.Backend)
		_, err = r.driver.EnsureState(r.ctx, r.op, "nowhere", "web-01", loadbalancer.Ready, r.p)
		r.refuses(err, fault.NotFound, "nowhere")
	})
}

func unmanaged(r *rig) {
	m, _ := r.member("web-01")
	m.Backend = r.Unmanaged
	r.untouched(func() {
		_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
		r.refuses(err, fault.Invalid, r.Unmanaged)
	})
}

func otherKey(r *rig) {
	m, _ := r.join(r.op, "web-01")
	r.untouched(func() {
		_, err := r.driver.EnsureMember(r.ctx, opOf("01JRUNB", "web-01"), m, r.p)
		r.refuses(err, fault.Conflict, "web-01", r.op.Key.String())
	})
}

func otherAddress(r *rig) {
	m, _ := r.join(r.op, "web-01")
	m.Port++
	r.untouched(func() {
		_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
		r.refuses(err, fault.Conflict, "address")
	})
}

func foreign(r *rig) {
	m, _ := r.member("web-01")
	r.AddRuntime(r.T, m)
	r.untouched(func() {
		_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
		r.refuses(err, fault.Conflict, "web-01")
		require.NoError(r, r.driver.RemoveMember(r.ctx, r.op, m.Backend, m.Name, r.p))
		_, err = r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, r.p)
		r.refuses(err, fault.NotFound)
	})
	s := r.find("web-01")
	require.Empty(r, s.Key)
	require.Empty(r, s.Owner)
}

func otherOwner(r *rig) {
	r.join(r.op, "web-01")
	r.untouched(func() {
		_, err := r.driver.EnsureState(r.ctx, opOf("01JRUNB", "db-01"), r.Backend, "web-01", loadbalancer.Drain, r.p)
		r.refuses(err, fault.Conflict, string(r.op.Owner))
		removed, err := r.driver.RemoveOwned(r.ctx, opOf("01JRUNB", "db-01"), r.p)
		require.NoError(r, err)
		require.Empty(r, removed)
	})
}

func unknownMember(r *rig) {
	r.untouched(func() {
		_, err := r.driver.EnsureState(r.ctx, r.op, r.Backend, "web-09", loadbalancer.Ready, r.p)
		r.refuses(err, fault.NotFound, "web-09")
		found, err := r.driver.Find(r.ctx, r.Backend, "web-09", "")
		require.NoError(r, err)
		require.Empty(r, found)
	})
}

func badInput(r *rig) {
	good, _ := r.member("web-01")
	bad := []func(*loadbalancer.Member, *operation.Op){
		func(m *loadbalancer.Member, _ *operation.Op) { m.Name = "" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Name = "web 01" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Name = "web;shutdown sessions server x" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Name = "web\nset server a/b state maint" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Name = "web/../x" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Name = "web#" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Name = strings.Repeat("w", 300) },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Backend = "" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Backend += ";" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Backend = "a\n# END fermata" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Address = "web-01.example" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Address = "10.0.0.1 disabled" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Address = "fe80::1%eth0" },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Port = 0 },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Port = 65536 },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Weight = 257 },
		func(m *loadbalancer.Member, _ *operation.Op) { m.Weight = -1 },
		func(_ *loadbalancer.Member, op *operation.Op) { op.Owner = "" },
		func(_ *loadbalancer.Member, op *operation.Op) { op.Owner = "a\nserver evil 1.2.3.4:80" },
		func(_ *loadbalancer.Member, op *operation.Op) { op.Key.Target = "a owner=b" },
	}
	r.untouched(func() {
		for _, spoil := range bad {
			m, op := good, r.op
			spoil(&m, &op)
			_, err := r.driver.EnsureMember(r.ctx, op, m, r.p)
			r.refuses(err, fault.Invalid)
		}
		_, err := r.driver.Find(r.ctx, r.Backend, "a;b", "")
		r.refuses(err, fault.Invalid)
		_, err = r.driver.EnsureState(r.ctx, r.op, r.Backend, "a;b", loadbalancer.Ready, r.p)
		r.refuses(err, fault.Invalid)
		r.refuses(r.driver.RemoveMember(r.ctx, r.op, "a;b", "web-01", r.p), fault.Invalid)
		_, err = r.driver.RemoveOwned(r.ctx, operation.Op{Key: r.op.Key}, r.p)
		r.refuses(err, fault.Invalid)
	})
}

func absentState(r *rig) {
	r.join(r.op, "web-01")
	r.untouched(func() {
		for _, s := range []loadbalancer.State{loadbalancer.Absent, "", "up"} {
			_, err := r.driver.EnsureState(r.ctx, r.op, r.Backend, "web-01", s, r.p)
			r.refuses(err, fault.Invalid)
		}
	})
}

// untilItWaits is a context that ends when the driver has done what it can and says that it is waiting. A time would not do:
// on a busy machine it ends in the middle of a change.
func (r *rig) untilItWaits() (context.Context, operation.Progress) {
	ctx, cancel := context.WithTimeout(r.ctx, 20*time.Second)
	r.Cleanup(cancel)
	return ctx, &listener{Progress: r.p, end: cancel}
}

type listener struct {
	operation.Progress
	end func()
}

func (l *listener) Say(text string) {
	l.Progress.Say(text)
	if strings.HasPrefix(text, "waiting") {
		l.end()
	}
}

func unhealthy(r *rig) {
	m, up := r.member("web-01")
	up.SetHealthy(false)
	_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
	ctx, p := r.untilItWaits()
	_, err = r.driver.EnsureState(ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, p)
	r.refuses(err, fault.Unavailable)
	r.halves("web-01", loadbalancer.Drain, loadbalancer.Maintenance)
	up.SetHealthy(true)
	_, err = r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, r.p)
	require.NoError(r, err)
}

func fallsIll(r *rig) {
	_, up := r.join(r.op, "web-01")
	up.SetHealthy(false)
	require.Eventually(r, func() bool { return !r.find("web-01").Healthy }, 20*time.Second, 10*time.Millisecond)
	require.Eventually(r, func() bool { return r.Request(r.T).Status == http.StatusServiceUnavailable }, 20*time.Second, 10*time.Millisecond)
	require.NotEmpty(r, r.find("web-01").Check)
	r.halves("web-01", loadbalancer.Ready, loadbalancer.Ready)
}

func drainEnds(r *rig) {
	_, up := r.join(r.op, "web-01")
	release := up.Hold()
	answered := make(chan Answer, 1)
	go func() { answered <- r.Request(r.T) }()
	require.Eventually(r, func() bool { return r.find("web-01").Sessions == 1 }, 10*time.Second, 10*time.Millisecond)
	ctx, p := r.untilItWaits()
	_, err := r.driver.EnsureState(ctx, r.op, r.Backend, "web-01", loadbalancer.Drain, p)
	r.refuses(err, fault.Unavailable)
	ctx, p = r.untilItWaits()
	r.refuses(r.driver.RemoveMember(ctx, r.op, r.Backend, "web-01", p), fault.Unavailable)
	r.halves("web-01", loadbalancer.Drain, loadbalancer.Maintenance)
	release()
	require.Equal(r, up.Name, (<-answered).Body)
	require.NoError(r, r.driver.RemoveMember(r.ctx, r.op, r.Backend, "web-01", r.p))
}

func removesNotOthers(r *rig) {
	r.join(r.op, "web-01")
	r.untouched(func() {
		require.NoError(r, r.driver.RemoveMember(r.ctx, opOf("01JRUNB", "web-01"), r.Backend, "web-01", r.p))
	})
}

func down(r *rig) {
	m, _ := r.member("web-01")
	r.SetDown(true)
	_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	r.refuses(err, fault.Unavailable)
	r.refuses(r.driver.Check(r.ctx), fault.Unavailable)
	_, err = r.driver.Find(r.ctx, "", "", r.op.Owner)
	r.refuses(err, fault.Unavailable)
	r.refuses(r.driver.RemoveMember(r.ctx, r.op, m.Backend, m.Name, r.p), fault.Unavailable)
	r.SetDown(false)
	r.halves("web-01", loadbalancer.Absent, loadbalancer.Absent)
	_, err = r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
}

func unprivileged(r *rig) {
	m, _ := r.member("web-01")
	driver := r.Unprivileged(r.T)
	r.untouched(func() {
		r.refuses(driver.Check(r.ctx), fault.Unauthorized)
		_, err := driver.EnsureMember(r.ctx, r.op, m, r.p)
		r.refuses(err, fault.Unauthorized)
	})
}

func brokenFile(r *rig) {
	broken := r.Broken(r.File(r.T))
	r.SetFile(r.T, broken)
	m, _ := r.member("web-01")
	_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	r.refuses(err, fault.Conflict, "bogus")
	require.Equal(r, broken, r.File(r.T), "nothing was put in place")
	r.refuses(r.driver.Check(r.ctx), fault.Conflict, "bogus")
}

func missingMarkers(r *rig) {
	bare := r.Bare(r.File(r.T))
	r.SetFile(r.T, bare)
	m, _ := r.member("web-01")
	r.untouched(func() {
		_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
		r.refuses(err, fault.Invalid, "fermata")
		r.refuses(r.driver.Check(r.ctx), fault.Invalid, "fermata")
	})
}

func foreignLine(r *rig) {
	m, _ := r.join(r.op, "web-01")
	file := r.File(r.T)
	line := strings.Count(file[:strings.Index(file, "web-01")], "\n") + 1
	r.SetFile(r.T, strings.Replace(file, "# fermata", "# somebody", 1))
	r.untouched(func() {
		_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
		r.refuses(err, fault.Conflict, "line "+strconv.Itoa(line))
		r.refuses(r.driver.RemoveMember(r.ctx, r.op, m.Backend, m.Name, r.p), fault.Conflict)
	})
}

func readOnly(r *rig) {
	r.SetReadOnly(true)
	m, _ := r.member("web-01")
	before := r.File(r.T)
	_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	r.refuses(err, fault.Unavailable, "ead-only")
	require.Equal(r, before, r.File(r.T))
	r.refuses(r.driver.Check(r.ctx), fault.Unavailable, "ead-only")
	r.SetReadOnly(false)
	_, err = r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err, "the attempt after it completes the member")
	r.halves("web-01", loadbalancer.Drain, loadbalancer.Maintenance)
}

func cancelled(r *rig) {
	m, _ := r.join(r.op, "web-01")
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	r.untouched(func() {
		_, err := r.driver.EnsureMember(ctx, opOf("01JRUNA", "web-02"), loadbalancer.Member{Backend: m.Backend, Name: "web-02", Address: m.Address, Port: m.Port}, r.p)
		r.refuses(err, fault.Unavailable)
		_, err = r.driver.EnsureState(ctx, r.op, m.Backend, m.Name, loadbalancer.Maintenance, r.p)
		r.refuses(err, fault.Unavailable)
		r.refuses(r.driver.RemoveMember(ctx, r.op, m.Backend, m.Name, r.p), fault.Unavailable)
	})
}
