package loadbalancertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

func positive() map[string]func(*rig) {
	return map[string]func(*rig){
		"Check passes": checkPasses,
		"a member joins in drain and then takes traffic": joins,
		"ensuring again changes nothing":                 again,
		"a member in drain is disabled after a reload":   reloadInDrain,
		"a ready member is ready after a reload":         reloadReady,
		"a reload while the check is awaited":            reloadInBetween,
		"a runtime half that was lost is repaired":       repairRuntime,
		"a saved half that was lost is repaired":         repairSaved,
		"draining waits for the last session":            drains,
		"a member returns from maintenance":              maintenance,
		"removing leaves nothing":                        removes,
		"removing by owner returns the image":            removesOwned,
		"lost answers at the runtime are looked after":   losesOrders,
		"lost answers at the file are looked after":      losesWrites,
		"a member gets another weight":                   reweighs,
		"a member gets another port":                     moves,
		"another weight repairs the runtime half":        resetsRuntime,
		"lost answers to a setting are looked after":     losesSettings,
		"twenty writers lose nothing":                    manyWriters,
		"an IPv6 member is kept in both halves":          ipv6,
	}
}

func checkPasses(r *rig) {
	before := r.File(r.T)
	require.NoError(r, r.driver.Check(r.ctx))
	require.Equal(r, before, r.File(r.T))
}

func joins(r *rig) {
	require.Equal(r, http.StatusServiceUnavailable, r.Request(r.T).Status)
	m, up := r.member("web-01")
	s, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
	require.Equal(r, m, s.Member)
	require.Equal(r, r.op.Key.String(), s.Key)
	require.Equal(r, r.op.Owner, s.Owner)
	r.halves("web-01", loadbalancer.Drain, loadbalancer.Maintenance)
	require.Equal(r, http.StatusServiceUnavailable, r.Request(r.T).Status, "in drain it takes no traffic")

	s, err = r.driver.EnsureState(r.ctx, r.op, r.Backend, "web-01", loadbalancer.Ready, r.p)
	require.NoError(r, err)
	require.True(r, s.Healthy)
	require.Equal(r, loadbalancer.Ready, s.Runtime)
	r.halves("web-01", loadbalancer.Ready, loadbalancer.Ready)
	require.Equal(r, Answer{http.StatusOK, up.Name}, r.Request(r.T))
}

func again(r *rig) {
	m, _ := r.join(r.op, "web-01")
	before := r.File(r.T)
	s, err := r.Driver(r.T).EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
	require.Equal(r, loadbalancer.Ready, s.Runtime, "a member that takes traffic goes on")
	_, err = r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, r.p)
	require.NoError(r, err)
	require.Equal(r, before, r.File(r.T))
	require.Len(r, r.Runtime(r.T), 1)
}

func reloadInDrain(r *rig) {
	m, _ := r.member("web-01")
	_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
	r.Reload(r.T)
	r.halves("web-01", loadbalancer.Maintenance, loadbalancer.Maintenance)
	require.Equal(r, http.StatusServiceUnavailable, r.Request(r.T).Status)
	_, err = r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, r.p)
	require.NoError(r, err)
	r.halves("web-01", loadbalancer.Ready, loadbalancer.Ready)
}

func reloadReady(r *rig) {
	_, up := r.join(r.op, "web-01")
	r.Reload(r.T)
	r.halves("web-01", loadbalancer.Ready, loadbalancer.Ready)
	require.Equal(r, Answer{http.StatusOK, up.Name}, r.Request(r.T))
	require.Equal(r, r.op.Key.String(), r.find("web-01").Key)
}

// reloadInBetween: what is loaded is not ready yet. The member is brought there all the same.
func reloadInBetween(r *rig) {
	m, up := r.member("web-01")
	up.SetHealthy(false)
	_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
	done := make(chan error, 1)
	go func() {
		_, err := r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, r.p)
		done <- err
	}()
	require.Eventually(r, func() bool {
		return slices.ContainsFunc(r.p.Texts(), func(text string) bool { return strings.HasPrefix(text, "waiting") })
	}, 10*time.Second, 10*time.Millisecond, "it waits for the check")
	r.Reload(r.T)
	up.SetHealthy(true)
	require.NoError(r, <-done)
	r.halves("web-01", loadbalancer.Ready, loadbalancer.Ready)
	require.Equal(r, Answer{http.StatusOK, up.Name}, r.Request(r.T))
}

func repairRuntime(r *rig) {
	m, _ := r.join(r.op, "web-01")
	r.RemoveRuntime(r.T, "web-01")
	s := r.find("web-01")
	require.Equal(r, loadbalancer.Absent, s.Runtime)
	require.Equal(r, loadbalancer.Ready, s.Saved)
	_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
	_, err = r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, r.p)
	require.NoError(r, err)
	r.halves("web-01", loadbalancer.Ready, loadbalancer.Ready)
}

func repairSaved(r *rig) {
	empty := r.File(r.T)
	m, _ := r.join(r.op, "web-01")
	r.SetFile(r.T, empty)
	require.Equal(r, loadbalancer.Absent, r.find("web-01").Saved)
	s, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
	require.Equal(r, r.op.Owner, s.Owner)
	r.halves("web-01", loadbalancer.Ready, loadbalancer.Ready)
}

func drains(r *rig) {
	_, up := r.join(r.op, "web-01")
	release := up.Hold()
	var inFlight sync.WaitGroup
	var got Answer
	inFlight.Go(func() { got = r.Request(r.T) })
	require.Eventually(r, func() bool { return r.find("web-01").Sessions == 1 }, 10*time.Second, 10*time.Millisecond)
	done := make(chan error, 1)
	go func() {
		_, err := r.driver.EnsureState(r.ctx, r.op, r.Backend, "web-01", loadbalancer.Drain, r.p)
		done <- err
	}()
	require.Eventually(r, func() bool { return r.Runtime(r.T)["web-01"] == loadbalancer.Drain }, 10*time.Second, 10*time.Millisecond)
	require.Equal(r, http.StatusServiceUnavailable, r.Request(r.T).Status, "no new connection")
	select {
	case err := <-done:
		require.Fail(r, "drained while a request was in flight", "%v", err)
	default:
	}
	release()
	inFlight.Wait()
	require.Equal(r, Answer{http.StatusOK, up.Name}, got, "the request in flight was not lost")
	require.NoError(r, <-done)
	r.halves("web-01", loadbalancer.Drain, loadbalancer.Maintenance)
}

func maintenance(r *rig) {
	_, up := r.join(r.op, "web-01")
	_, err := r.driver.EnsureState(r.ctx, r.op, r.Backend, "web-01", loadbalancer.Maintenance, r.p)
	require.NoError(r, err)
	r.halves("web-01", loadbalancer.Maintenance, loadbalancer.Maintenance)
	other := opOf("01JRUNB", "web-01") // Another run of the same owner steers the member too.
	_, err = r.driver.EnsureState(r.ctx, other, r.Backend, "web-01", loadbalancer.Ready, r.p)
	require.NoError(r, err)
	require.Equal(r, Answer{http.StatusOK, up.Name}, r.Request(r.T))
}

func removes(r *rig) {
	before := r.File(r.T)
	m, _ := r.join(r.op, "web-01")
	require.NoError(r, r.driver.RemoveMember(r.ctx, r.op, m.Backend, m.Name, r.p))
	r.halves("web-01", loadbalancer.Absent, loadbalancer.Absent)
	require.Equal(r, before, r.File(r.T))
	require.NoError(r, r.driver.RemoveMember(r.ctx, r.op, m.Backend, m.Name, r.p), "none is no error")
	require.NoError(r, r.driver.RemoveMember(r.ctx, r.op, "nowhere", m.Name, r.p), "none is no error")
}

func removesOwned(r *rig) {
	m, _ := r.join(r.op, "web-01")
	_, up := r.join(opOf("01JRUNB", "web-02"), "web-02")
	byOwner := opOf("01JRUNC", "web-01")
	found, err := r.driver.Find(r.ctx, "", "", byOwner.Owner)
	require.NoError(r, err)
	require.Len(r, found, 1)
	removed, err := r.driver.RemoveOwned(r.ctx, byOwner, r.p)
	require.NoError(r, err)
	require.Len(r, removed, 1)
	require.Equal(r, m, removed[0].Member)
	require.Equal(r, loadbalancer.Ready, removed[0].Runtime)
	r.halves("web-01", loadbalancer.Absent, loadbalancer.Absent)
	r.halves("web-02", loadbalancer.Ready, loadbalancer.Ready)
	require.Equal(r, Answer{http.StatusOK, up.Name}, r.Request(r.T))
	_, err = r.driver.EnsureMember(r.ctx, byOwner, removed[0].Member, r.p)
	require.NoError(r, err, "the image can be restored")
}

// losesOrders loses, one after the other, each answer of the runtime that matters.
func losesOrders(r *rig) { r.loses(r.LoseOrder) }
func losesWrites(r *rig) { r.loses(r.LoseWrite) }

func (r *rig) loses(lose func(int)) {
	empty := r.File(r.T)
	m, _ := r.member("web-01")
	for n := 1; n <= 3; n++ {
		lose(n)
		_, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
		require.NoError(r, err)
		r.halves("web-01", loadbalancer.Drain, loadbalancer.Maintenance)
		lose(n)
		_, err = r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, r.p)
		require.NoError(r, err)
		r.halves("web-01", loadbalancer.Ready, loadbalancer.Ready)
		lose(n)
		require.NoError(r, r.driver.RemoveMember(r.ctx, r.op, m.Backend, m.Name, r.p))
		r.halves("web-01", loadbalancer.Absent, loadbalancer.Absent)
		require.Equal(r, empty, r.File(r.T))
		lose(0)
	}
}

func manyWriters(r *rig) {
	const writers = 20
	up := r.Upstream(r.T)
	errs := make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		driver := r.Driver(r.T)
		all.Go(func() {
			name := fmt.Sprintf("web-%02d", i)
			m := loadbalancer.Member{Backend: r.Backend, Name: name, Address: up.Address, Port: up.Port}
			_, errs[i] = driver.EnsureMember(r.ctx, opOf("01JRUNA", name), m, &operation.Memory{})
		})
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(r, err)
	}
	require.Len(r, r.Runtime(r.T), writers)
	require.Len(r, r.Saved(r.T), writers)
}

func ipv6(r *rig) {
	m := loadbalancer.Member{Backend: r.Backend, Name: "web-06", Address: "2001:DB8:0::11", Port: 8080}
	s, err := r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
	require.Equal(r, "2001:db8::11", s.Address)
	_, err = r.driver.EnsureMember(r.ctx, r.op, m, r.p)
	require.NoError(r, err)
	r.Reload(r.T)
	r.halves("web-06", loadbalancer.Maintenance, loadbalancer.Maintenance)
	require.NoError(r, r.driver.RemoveMember(r.ctx, r.op, m.Backend, m.Name, r.p))
	r.halves("web-06", loadbalancer.Absent, loadbalancer.Absent)
}
