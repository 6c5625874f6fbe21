package directorytest

import (
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

func disablesNone(r *rig) {
	r.untouched(func() {
		_, err := r.driver.Disable(r.ctx, r.op, "ada", r.p)
		r.refuses(err, fault.NotFound, "ada")
		_, err = r.driver.Enable(r.ctx, r.op, "ada", r.p)
		r.refuses(err, fault.NotFound, "ada")
	})
}

func disablesOther(r *rig) {
	held := r.make(r.op, r.account("ada"))
	r.Judge.SetPassword(r.T, held.DN, password)
	other := opOf("01JRUNB", "web-02")
	r.untouched(func() {
		_, err := r.driver.Disable(r.ctx, other, "ada", r.p)
		r.refuses(err, fault.Conflict, "ada", string(r.op.Owner))
	})
	require.True(r, r.Judge.LogsIn(r.T, held.DN, password))
	_, err := r.driver.Disable(r.ctx, r.op, "ada", r.p)
	require.NoError(r, err)
	r.untouched(func() {
		_, err = r.driver.Enable(r.ctx, other, "ada", r.p)
		r.refuses(err, fault.Conflict, "ada", string(r.op.Owner))
	})
	require.False(r, r.Judge.LogsIn(r.T, held.DN, password))
}

func disablesForeign(r *rig) {
	dn := r.Judge.Make(r.T, "ada", "")
	r.untouched(func() {
		_, err := r.driver.Disable(r.ctx, r.op, "ada", r.p)
		r.refuses(err, fault.Conflict, "ada", "not made by Fermata")
		_, err = r.driver.Enable(r.ctx, r.op, "ada", r.p)
		r.refuses(err, fault.Conflict, "ada", "not made by Fermata")
	})
	require.True(r, r.Judge.LogsIn(r.T, dn, password))
}

func leavesOtherKey(r *rig) {
	r.make(r.op, r.account("ada"))
	r.untouched(func() { require.NoError(r, r.driver.RemoveAccount(r.ctx, opOf("01JRUNB", "web-01"), "ada", r.p)) })
}

func leavesForeign(r *rig) {
	dn := r.Judge.Make(r.T, "ada", "")
	r.Judge.Join(r.T, r.Group, dn)
	r.untouched(func() {
		require.NoError(r, r.driver.RemoveAccount(r.ctx, r.op, "ada", r.p))
		removed, err := r.driver.RemoveOwned(r.ctx, r.op, r.p)
		require.NoError(r, err)
		require.Empty(r, removed)
	})
}

func leavesOtherOwner(r *rig) {
	r.make(opOf("01JRUNB", "web-011"), r.account("ada"))
	r.untouched(func() {
		removed, err := r.driver.RemoveOwned(r.ctx, r.op, r.p)
		require.NoError(r, err)
		require.Empty(r, removed)
		found, err := r.driver.Find(r.ctx, "", r.op.Owner)
		require.NoError(r, err)
		require.Empty(r, found)
	})
}

func leavesUnmarked(r *rig) {
	held := r.make(r.op, r.account("ada"))
	r.Judge.Set(r.T, held.DN, "description", "taken over by hand")
	r.untouched(func() {
		require.NoError(r, r.driver.RemoveAccount(r.ctx, r.op, "ada", r.p))
		_, err := r.driver.Disable(r.ctx, r.op, "ada", r.p)
		r.refuses(err, fault.Conflict)
		removed, err := r.driver.RemoveOwned(r.ctx, r.op, r.p)
		require.NoError(r, err)
		require.Empty(r, removed)
	})
}
