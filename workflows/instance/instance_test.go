package instance

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

func key(step string) string { return runULID + "/" + step + "/app-01" }

// provisioned is what stands after a good run.
func provisioned() map[string]string {
	return map[string]string{
		"group": "empty", "instance": string(cloud.Running), "volume": "attached", "public": "taken", "local anna": "on",
		"account app-01-svc": key("directory.app-01-svc"), "database shop": key("database"), "login shop_1": "1",
		"rules of cloud": key("firewall.cloud"), "rules of edge": key("firewall.edge"), "ticket": "resolved", "watch over anna": "7",
	}
}

func TestAnInstanceIsProvisioned(t *testing.T) {
	t.Parallel()
	b := setup(t, newWorld())
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() {
		require.Equal(t, map[string]string{"ticket": "open"}, b.world.objects, "nothing but the ticket before the approval")
	}, 30*time.Second)
	require.Equal(t, wire.Done, b.carry(t, wire.ProvisionInstance, parsed(t)).Outcome)
	require.Equal(t, provisioned(), b.world.objects)
	require.Equal(t, "shop_1@1", b.world.file)
	order := func(name string) int { return slices.Index(b.world.calls, name) }
	for _, pair := range [][2]string{
		{"cloud.MakeGroup", "cloud.MakeInstance"},
		{"cloud.MakeInstance", "cloud.AddVolume"},
		{"cloud.AddVolume", "guest.Reach"},
		{"guest.ConfigureSystem", "guest.MakeAccount"},
		{"database.MakeDatabase", "database.MakeRole"},
		{"database.MakeRole", "database.WriteConnection"},
		{"database.WriteConnection", "database.Prove"},
		{"database.Prove", "firewall.OpenPaths"},
		{"guest.MakeAccount", "firewall.OpenPaths"},
		{"firewall.OpenPaths", "directory.MakeAccount"},
		{"directory.MakeAccount", "ticketing.SetStatus"},
		{"ticketing.SetStatus", "record.Append"},
	} {
		require.NotEqual(t, -1, order(pair[0]), pair[0])
		require.Less(t, order(pair[0]), order(pair[1]), "%v", pair)
	}
}

func TestPreflightNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(*world)
		text  string
	}{
		"name taken":     {func(w *world) { w.objects["instance"] = "01JX/deploy/app-01" }, `an instance "app-01" exists already and it belongs to instance/app-01`},
		"quota":          {func(w *world) { w.objects["quota"] = "1" }, "instances: 1 of 1 are used, 1 more are needed"},
		"account taken":  {func(w *world) { w.objects["account app-01-svc"] = "01JX/x/app-01" }, `account "app-01-svc" exists already`},
		"database taken": {func(w *world) { w.objects["database shop"] = "01JX/x/app-01" }, `"shop" exists already`},
		"rules":          {func(w *world) { w.objects["rules of edge"] = "01JX/x/app-01" }, "decommission the instance first"},
		"cloud down":     {func(w *world) { w.failing["cloud.Plan"] = fault.Unauthorized }, "cloud.Plan fails"},
		"no groups":      {func(w *world) { w.failing["directory.Check"] = fault.NotFound }, "directory.Check fails"},
		"no store":       {func(w *world) { w.failing["database.NewestPassword"] = fault.Invalid }, "database.NewestPassword fails"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			x.spoil(w)
			out := setup(t, w).carry(t, wire.ProvisionInstance, parsed(t))
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, x.text)
			require.NotContains(t, w.objects, "ticket")
		})
	}
}

func TestAnAccountThatHasExpiredIsRefused(t *testing.T) {
	t.Parallel()
	i := parsed(t)
	i.Spec.Accounts.Local[0].Expires = "2001-01-31T18:00:00Z"
	out := setup(t, newWorld()).carry(t, wire.ProvisionInstance, i)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "expires at 2001-01-31T18:00:00Z, which is over")
}

// Whatever step fails for good, an undo leaves nothing but evidence.
func TestAnUndoTakesEverythingBack(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		"cloud.MakeInstance", "cloud.AddVolume", "cloud.TakeAddress", "guest.ConfigureSystem", "guest.MakeAccount", "database.MakeDatabase",
		"database.MakeRole", "database.WriteConnection", "database.Prove", "firewall.OpenPaths", "directory.MakeAccount",
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.failing[at] = fault.Invalid
			b := setup(t, w)
			b.say(t, time.Minute, bob, decision.Approve, "")
			b.RegisterDelayedCallback(func() { require.Equal(t, wire.Held, b.progress(t).Phase) }, 5*time.Minute)
			b.say(t, 6*time.Minute, bob, decision.Undo, "")
			out := b.carry(t, wire.ProvisionInstance, parsed(t))
			require.Equal(t, wire.Undone, out.Outcome)
			require.Empty(t, out.LeftBehind)
			delete(w.objects, "local anna") // It went with the instance.
			require.Equal(t, map[string]string{"ticket": "rejected"}, w.objects)
			require.Empty(t, w.versions, "no password is kept that no login has")
		})
	}
}

func TestAPasswordIsNotKeptOverAnotherOne(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.versions = []string{"somebody's"}
	b := setup(t, w)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t, wire.ProvisionInstance, parsed(t)).Outcome)
	require.Equal(t, []string{"somebody's", key("role")}, w.versions, "it becomes a newer version")
	require.Equal(t, "shop_1@2", w.file)
}
