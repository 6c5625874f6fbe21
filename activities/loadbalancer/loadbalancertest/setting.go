package loadbalancertest

import (
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
)

func (r *rig) set(was, m loadbalancer.Member) loadbalancer.Status {
	r.Helper()
	s, err := r.driver.EnsureSetting(r.ctx, r.op, was, m, r.p)
	require.NoError(r, err)
	return s
}

// reweighs: another weight at once and after a reload; key and state stay; asking again changes nothing.
func reweighs(r *rig) {
	was, up := r.join(r.op, "web-01")
	m := was
	m.Weight = 77
	s := r.set(was, m)
	require.Equal(r, m, s.Member)
	require.Equal(r, loadbalancer.Ready, s.Runtime)
	require.Equal(r, r.op.Key.String(), s.Key)
	before := r.File(r.T)
	require.Contains(r, before, "weight 77")
	r.set(was, m)
	require.Equal(r, before, r.File(r.T))
	r.Reload(r.T)
	require.Equal(r, 77, r.find("web-01").Weight)
	r.set(m, was)
	require.Equal(r, 10, r.find("web-01").Weight, "and back, as an undo does")
	require.Equal(r, Answer{http.StatusOK, up.Name}, r.Request(r.T))
}

// moves: the member is asked at another port. The other upstream stands for the application after it moved.
func moves(r *rig) {
	was, _ := r.join(r.op, "web-01")
	other := r.Upstream(r.T)
	if other.Address != was.Address {
		return // The bench gives each upstream an address of its own.
	}
	m := was
	m.Port = other.Port
	_, err := r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Drain, r.p)
	require.NoError(r, err)
	s := r.set(was, m)
	require.Equal(r, m.Port, s.Port)
	require.Equal(r, loadbalancer.Drain, s.Runtime)
	_, err = r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, r.p)
	require.NoError(r, err)
	require.Equal(r, Answer{http.StatusOK, other.Name}, r.Request(r.T))
	r.Reload(r.T)
	r.halves("web-01", loadbalancer.Ready, loadbalancer.Ready)
}

func resetsRuntime(r *rig) {
	was, _ := r.join(r.op, "web-01")
	r.RemoveRuntime(r.T, "web-01")
	m := was
	m.Weight = 5
	require.Equal(r, loadbalancer.Drain, r.set(was, m).Runtime, "made anew, in drain")
	_, err := r.driver.EnsureState(r.ctx, r.op, m.Backend, m.Name, loadbalancer.Ready, r.p)
	require.NoError(r, err)
	require.Equal(r, 5, r.find("web-01").Weight)
}

func losesSettings(r *rig) {
	was, _ := r.join(r.op, "web-01")
	m := was
	m.Weight = 42
	r.LoseOrder(1)
	r.LoseWrite(1)
	require.Equal(r, 42, r.set(was, m).Weight)
	require.Contains(r, r.File(r.T), "weight 42")
}

// settingOfOthers: another's, one that others changed, one that is not there, and another address.
func settingOfOthers(r *rig) {
	was, _ := r.join(r.op, "web-01")
	m := was
	m.Weight = 42
	r.untouched(func() {
		_, err := r.driver.EnsureSetting(r.ctx, opOf("01JRUNB", "web-02"), was, m, r.p)
		r.refuses(err, fault.Conflict, string(r.op.Owner))
		planned := was
		planned.Weight = 3
		_, err = r.driver.EnsureSetting(r.ctx, r.op, planned, m, r.p)
		r.refuses(err, fault.Conflict, "changed by others")
		gone, wanted := was, m
		gone.Name, wanted.Name = "web-09", "web-09"
		_, err = r.driver.EnsureSetting(r.ctx, r.op, gone, wanted, r.p)
		r.refuses(err, fault.NotFound, "web-09")
		elsewhere := m
		elsewhere.Address = "10.99.99.99"
		_, err = r.driver.EnsureSetting(r.ctx, r.op, was, elsewhere, r.p)
		r.refuses(err, fault.Invalid, "another port or weight only")
		heavy := m
		heavy.Weight = 257
		_, err = r.driver.EnsureSetting(r.ctx, r.op, was, heavy, r.p)
		r.refuses(err, fault.Invalid, "257")
	})
}

func settingOfAnEditedFile(r *rig) {
	was, _ := r.join(r.op, "web-01")
	m := was
	m.Weight = 42
	r.SetFile(r.T, strings.Replace(r.File(r.T), "weight 10", "weight 11", 1))
	r.untouched(func() {
		_, err := r.driver.EnsureSetting(r.ctx, r.op, was, m, r.p)
		r.refuses(err, fault.Conflict, "changed by others")
	})
}
