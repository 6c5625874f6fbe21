package directorytest

import (
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

func disables(r *rig) {
	held := r.make(r.op, r.account("ada"))
	r.Judge.SetPassword(r.T, held.DN, password)
	later := opOf("01JRUNB", "web-01") // Another run of the same owner.
	off, err := r.driver.Disable(r.ctx, later, "ada", r.p)
	require.NoError(r, err)
	held.Disabled = true
	require.Equal(r, held, off)
	require.False(r, r.Judge.LogsIn(r.T, held.DN, password))
	require.True(r, r.found("ada").Disabled)
	r.untouched(func() {
		off, err = r.driver.Disable(r.ctx, later, "ada", r.p)
		require.NoError(r, err)
		require.Equal(r, held, off)
	})
	on, err := r.driver.Enable(r.ctx, later, "ada", r.p)
	require.NoError(r, err)
	held.Disabled = false
	require.Equal(r, held, on)
	require.True(r, r.Judge.LogsIn(r.T, held.DN, password))
	r.untouched(func() {
		_, err = r.driver.Enable(r.ctx, later, "ada", r.p)
		require.NoError(r, err)
	})
}

func lostDisable(r *rig) {
	held := r.make(r.op, r.account("ada"))
	r.Judge.SetPassword(r.T, held.DN, password)
	r.Lose(1)
	_, err := r.driver.Disable(r.ctx, r.op, "ada", r.p)
	r.refuses(err, fault.Ambiguous)
	require.False(r, r.Judge.LogsIn(r.T, held.DN, password))
	off, err := r.driver.Disable(r.ctx, r.op, "ada", r.p)
	require.NoError(r, err)
	require.True(r, off.Disabled)
}

func staysDisabled(r *rig) {
	held := r.make(r.op, r.account("ada"))
	r.Judge.SetPassword(r.T, held.DN, password)
	_, err := r.driver.Disable(r.ctx, r.op, "ada", r.p)
	require.NoError(r, err)
	again, err := r.driver.EnsureAccount(r.ctx, r.op, r.account("ada"), r.p)
	require.NoError(r, err)
	require.True(r, again.Disabled)
	require.False(r, r.Judge.LogsIn(r.T, held.DN, password))
}

func removes(r *rig) {
	a := r.account("ada")
	before := r.Judge.Dump(r.T)
	a.Groups = []string{r.Group, r.Other}
	held := r.make(r.op, a)
	require.NoError(r, r.driver.RemoveAccount(r.ctx, r.op, "ada", r.p))
	require.Empty(r, r.Judge.Members(r.T, r.Group))
	require.Empty(r, r.Judge.Members(r.T, r.Other))
	require.Empty(r, r.Judge.Attribute(r.T, held.DN, "description"))
	require.Equal(r, before, r.Judge.Dump(r.T))
	require.NoError(r, r.driver.RemoveAccount(r.ctx, r.op, "ada", r.p))
	a.Groups = nil
	r.make(opOf("01JRUNB", "web-01"), a)
}

func lostRemoval(r *rig) {
	a := r.account("ada")
	a.Groups = nil
	r.make(r.op, a)
	r.Lose(1)
	r.refuses(r.driver.RemoveAccount(r.ctx, r.op, "ada", r.p), fault.Ambiguous)
	require.NoError(r, r.driver.RemoveAccount(r.ctx, r.op, "ada", r.p))
	found, err := r.driver.Find(r.ctx, "ada", "")
	require.NoError(r, err)
	require.Empty(r, found)
}
