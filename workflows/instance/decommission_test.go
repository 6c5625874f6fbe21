package instance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// inService is a world with an instance that a run provisioned.
func inService(t *testing.T, change func(*spec.Instance)) *world {
	t.Helper()
	w := newWorld()
	i := parsed(t)
	if change != nil {
		change(i)
	}
	b := setup(t, w)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t, wire.ProvisionInstance, i).Outcome)
	w.calls = nil
	return w
}

func decommissioning(choice string) wire.Decommission {
	return wire.Decommission{Kind: wire.DecommissionKind, Name: "app-01", Database: choice}
}

func TestAnInstanceIsDecommissioned(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		choice string
		stays  map[string]string
	}{
		"the database is kept":     {"", map[string]string{"database shop": key("database")}},
		"the database is archived": {spec.DatabaseArchive, map[string]string{"dump": "kept"}},
		"the database is dropped":  {spec.DatabaseDrop, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := inService(t, nil)
			b := setup(t, w)
			b.say(t, time.Minute, bob, decision.Approve, "")
			b.RegisterDelayedCallback(func() {
				require.Equal(t, wire.Grace, b.progress(t).Phase)
				require.Equal(t, string(cloud.Stopped), w.objects["instance"])
				require.Equal(t, "disabled", w.objects["login shop_1"])
				require.Equal(t, "disabled", w.objects["account app-01-svc"])
				require.NotContains(t, w.objects, "rules of edge")
			}, 30*time.Minute)
			if x.choice == spec.DatabaseDrop {
				b.RegisterDelayedCallback(func() {
					gate, open := b.progress(t).Gate(decision.Approve, "")
					require.True(t, open)
					require.Contains(t, gate.Why, "drop database shop")
					require.Contains(t, w.objects, "database shop", "nobody has approved that yet")
				}, 2*time.Hour)
				b.say(t, 3*time.Hour, alice, decision.Approve, "") // Four eyes hold here too.
				b.say(t, 4*time.Hour, bob, decision.Approve, "")
			}
			out := b.carry(t, wire.DecommissionInstance, decommissioning(x.choice))
			require.Equal(t, wire.Done, out.Outcome)
			delete(w.objects, "local anna")
			x.stays["ticket"] = "resolved"
			require.Equal(t, x.stays, w.objects)
		})
	}
}

func TestADropThatNobodyApprovesIsHeld(t *testing.T) {
	t.Parallel()
	w := inService(t, func(i *spec.Instance) { i.Spec.Database.OnDecommission = spec.DatabaseDrop })
	b := setup(t, w)
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.say(t, 2*time.Hour, bob, decision.Reject, "")
	b.RegisterDelayedCallback(func() {
		require.Equal(t, wire.Held, b.progress(t).Phase)
		require.Contains(t, w.objects, "database shop")
	}, 3*time.Hour)
	b.say(t, 4*time.Hour, bob, decision.Skip, stepDrop)
	// Skipped, the login is left, and the look at the end says so.
	b.RegisterDelayedCallback(func() { require.Equal(t, wire.Held, b.progress(t).Phase) }, 5*time.Hour)
	b.say(t, 6*time.Hour, bob, decision.Skip, stepAbsent)
	require.Equal(t, wire.Done, b.carry(t, wire.DecommissionInstance, decommissioning("")).Outcome)
	require.Contains(t, w.objects, "database shop")
}

func TestARestoreBringsEverythingBack(t *testing.T) {
	t.Parallel()
	w := inService(t, nil)
	b := setup(t, w)
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.say(t, 10*time.Minute, alice, decision.Restore, "")
	out := b.carry(t, wire.DecommissionInstance, decommissioning(""))
	require.Equal(t, wire.Restored, out.Outcome)
	require.Empty(t, out.LeftBehind)
	back := provisioned()
	back["ticket"], back["account app-01-svc"] = "rejected", "enabled"
	require.Equal(t, back, w.objects)
}

func TestWhatWasRemovedIsInTheLedger(t *testing.T) {
	t.Parallel()
	w := inService(t, nil)
	w.after["cloud.RemoveOwned"] = func() { w.failing["cloud.FindOwned"] = fault.Unavailable }
	b := setup(t, w)
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() { delete(w.failing, "cloud.FindOwned") }, 2*time.Hour)
	b.say(t, 2*time.Hour+time.Second, bob, decision.Undo, "")
	out := b.carry(t, wire.DecommissionInstance, decommissioning(""))
	require.Equal(t, wire.Undone, out.Outcome)
	require.Contains(t, out.LeftBehind, "remove the instance and what belongs to it: irreversible: instance app-01 (vm-1) is gone")
}

func TestADecommissionOfNothing(t *testing.T) {
	t.Parallel()
	out := setup(t, newWorld()).carry(t, wire.DecommissionInstance, decommissioning(""))
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "no record says that Fermata provisioned instance/app-01")
}
