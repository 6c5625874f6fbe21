package instance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/decision"
	"fermata/wire"
)

var rotating = wire.Rotation{Kind: wire.RotationKind, Name: "app-01"}

func TestAPasswordIsRotatedWithoutAnOutage(t *testing.T) {
	t.Parallel()
	w := inService(t, nil)
	w.versions[0] = "provision" // Runs of this test share an id, those of the world do not.
	b := setup(t, w)
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() {
		require.Equal(t, "shop_2@2", w.file)
		require.Equal(t, "1", w.objects["login shop_1"], "who is connected stays connected")
	}, 10*time.Minute)
	require.Equal(t, wire.Done, b.carry(t, wire.RotateDatabasePassword, rotating).Outcome)
	require.Equal(t, "disabled", w.objects["login shop_1"])
	require.Equal(t, "2", w.objects["login shop_2"])

	// The next turn goes back to the first login, with a password of its own.
	w.versions[1] = "rotation"
	b = setup(t, w)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t, wire.RotateDatabasePassword, rotating).Outcome)
	require.Equal(t, "shop_1@3", w.file)
	require.Equal(t, "3", w.objects["login shop_1"])
	require.Equal(t, "disabled", w.objects["login shop_2"])
}

func TestARotationIsTakenBack(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"database.MakeRole", "database.Prove", "database.DisableRole"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			w := inService(t, nil)
			w.versions[0] = "provision"
			w.failing[at] = fault.Invalid
			b := setup(t, w)
			b.say(t, time.Minute, bob, decision.Approve, "")
			b.RegisterDelayedCallback(func() { delete(w.failing, at) }, 30*time.Minute)
			b.say(t, 31*time.Minute, bob, decision.Undo, "")
			out := b.carry(t, wire.RotateDatabasePassword, rotating)
			require.Equal(t, wire.Undone, out.Outcome)
			require.Empty(t, out.LeftBehind)
			require.Equal(t, "shop_1@1", w.file)
			require.Equal(t, "1", w.objects["login shop_1"])
			require.NotContains(t, w.objects, "login shop_2")
			require.Equal(t, []string{"provision"}, w.versions)
		})
	}
}

func TestARotationThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(*world)
		text  string
	}{
		"stopped":       {func(w *world) { w.objects["instance"] = string(cloud.Stopped) }, "it must run"},
		"login gone":    {func(w *world) { delete(w.objects, "login shop_1") }, "somebody else removed it"},
		"instance gone": {func(w *world) { delete(w.objects, "instance") }, "0 instances of this owner"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := inService(t, nil)
			x.spoil(w)
			out := setup(t, w).carry(t, wire.RotateDatabasePassword, rotating)
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, x.text)
		})
	}
}

// expiring runs what waits for the end of anna's account.
func expiring(t *testing.T, prepare func(b *bench)) *world {
	t.Helper()
	w := newWorld()
	w.objects["local anna"] = "on"
	var suite testsuite.WorkflowTestSuite
	b := &bench{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), world: w}
	w.register(func(name string, f any) { b.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) })
	b.RegisterWorkflowWithOptions(ExpireAccount, workflow.RegisterOptions{Name: wire.ExpireAccount})
	b.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: wire.ExpiryWorkflowID(owner, placeLocal, "anna"), TaskQueue: wire.Queue})
	prepare(b)
	b.ExecuteWorkflow(wire.ExpireAccount, wire.Expiry{
		Run: runULID, Owner: owner, Place: placeLocal, System: "guests", Host: &guest.Host{Name: "app-01"}, Account: "anna",
		At: b.Now().Add(24 * time.Hour), Ticket: "7",
	})
	require.True(t, b.IsWorkflowCompleted())
	require.NoError(t, b.GetWorkflowError())
	return w
}

func TestAnAccountExpires(t *testing.T) {
	t.Parallel()
	w := expiring(t, func(b *bench) {
		b.RegisterDelayedCallback(func() { require.Equal(t, "on", b.world.objects["local anna"]) }, 23*time.Hour)
	})
	require.Equal(t, "disabled", w.objects["local anna"])
	require.Len(t, w.notes, 1)
	require.Contains(t, w.notes[0], "Account anna (local) of instance/app-01 has expired")
}

func TestAnAccountExpiresThoughItsSystemWasAway(t *testing.T) {
	t.Parallel()
	w := expiring(t, func(b *bench) {
		b.world.failing["guest.DisableAccount"] = fault.Unavailable
		// The environment gives up after ten attempts; Temporal goes on for expireFor.
		b.RegisterDelayedCallback(func() { delete(b.world.failing, "guest.DisableAccount") }, 24*time.Hour+time.Minute)
	})
	require.Equal(t, "disabled", w.objects["local anna"])
}

func TestAnAccountThatGoesBeforeIsLetGo(t *testing.T) {
	t.Parallel()
	w := expiring(t, func(b *bench) {
		b.RegisterDelayedCallback(func() { b.SignalWorkflow(wire.SignalFree, "") }, time.Hour)
	})
	require.Equal(t, "on", w.objects["local anna"])
	require.Empty(t, w.notes)
}

func TestTheEndOfAnAccountIsRenewed(t *testing.T) {
	t.Parallel()
	w := expiring(t, func(b *bench) {
		b.RegisterDelayedCallback(func() {
			b.SignalWorkflow(wire.SignalExpiry, wire.Expiry{
				Run: runULID, Owner: owner, Place: placeLocal, Host: &guest.Host{}, Account: "anna", At: b.Now().Add(100 * time.Hour), Ticket: "8",
			})
		}, time.Hour)
		b.RegisterDelayedCallback(func() { require.Equal(t, "on", b.world.objects["local anna"]) }, 100*time.Hour)
	})
	require.Equal(t, "disabled", w.objects["local anna"])
}
