package provision

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/loadbalancer"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// Up to the end of the grace period everything comes back; what is gone after it is in the ledger.
func TestADecommissionIsCancelledAtEveryStep(t *testing.T) {
	t.Parallel()
	before := map[string]string{"machine": "on", "rules": "open", "member": "ready", "ticket": "rejected"}
	for at, x := range map[string]struct {
		when  time.Duration
		left  []string
		holds map[string]string
	}{
		"firewall.CloseOwned":      {time.Minute + 10*time.Second, nil, before},
		"compute.RetireVM":         {time.Minute + 10*time.Second, nil, before},
		"":                         {30 * time.Minute, nil, before},
		"loadbalancer.RemoveOwned": {time.Hour + time.Minute + 10*time.Second, nil, before}, // It is there still.
		"compute.DestroyVM": {
			time.Hour + time.Minute + 10*time.Second,
			[]string{"remove from the pool: irreversible: member web/web-01 is gone", "drain: no member web/web-01"},
			map[string]string{"machine": "on", "rules": "open", "ticket": "rejected"},
		},
	} {
		t.Run("at "+at, func(t *testing.T) {
			t.Parallel()
			b, out := outOfService(t, func(b *bench) {
				if at != "" {
					b.estate.failing[at] = fault.Unavailable
				}
				b.say(t, x.when, bob, decision.Cancel, "")
			})
			require.Equal(t, wire.Cancelled, out.Outcome)
			require.Equal(t, x.left, out.LeftBehind)
			require.Equal(t, x.holds, b.estate.objects)
		})
	}
}

// What is gone for good is listed, whatever comes after it fails.
func TestWhatWasDestroyedIsInTheLedger(t *testing.T) {
	t.Parallel()
	_, out := outOfService(t, func(b *bench) {
		b.estate.failing["probe.Get of health"] = fault.Unavailable
		b.say(t, time.Hour+2*time.Minute, bob, decision.Undo, "")
	})
	require.Equal(t, wire.Undone, out.Outcome)
	require.Subset(t, out.LeftBehind, []string{
		"destroy the machine and its disks: irreversible: machine web-01 (vm-1) is gone",
		"remove from the pool: irreversible: member web/web-01 is gone",
	})
}

func TestARestoreThatFailsForGoodIsInTheLedger(t *testing.T) {
	t.Parallel()
	b, out := outOfService(t, func(b *bench) {
		b.estate.failing["compute.RestoreVM"] = fault.Conflict
		b.say(t, 10*time.Minute, alice, decision.Restore, "")
	})
	require.Equal(t, wire.Restored, out.Outcome)
	require.Len(t, out.LeftBehind, 1)
	require.Contains(t, out.LeftBehind[0], "shut down and rename")
	require.Equal(t, map[string]string{"machine": "retired", "rules": "open", "member": "ready", "ticket": "rejected"}, b.estate.objects)
}

// Record, runtime and file are compared; what differs is told and forbids nothing.
func TestWhatWasLostIsTold(t *testing.T) {
	t.Parallel()
	server := &spec.Server{}
	server.Metadata.Name = "web-01"
	server.Spec.Firewall = []spec.Rule{{Name: "whole"}, {Name: "gone"}, {Name: "unsaved"}, {Name: "not-in-force"}, {Name: "elsewhere", System: "other"}}
	server.Spec.LoadBalancer = &spec.LoadBalancer{Backend: "web"}
	seen := lostRules("firewall", "", server, []firewall.Installed{
		{Rule: firewall.Rule{Name: "whole"}, Runtime: true, Saved: true},
		{Rule: firewall.Rule{Name: "unsaved"}, Runtime: true},
		{Rule: firewall.Rule{Name: "not-in-force"}, Saved: true},
	})
	require.Len(t, seen, 3)
	for i, part := range []string{`"gone" of the record is gone`, `"unsaved" of the record is in force but not`, `"not-in-force" of the record is in the file but not`} {
		require.True(t, seen[i].OK)
		require.Contains(t, seen[i].Text, part)
	}
	member := func(runtime, saved loadbalancer.State) []loadbalancer.Status {
		return []loadbalancer.Status{{Member: loadbalancer.Member{Backend: "web", Name: "web-01"}, Runtime: runtime, Saved: saved}}
	}
	require.Empty(t, lostMember("pool", server, member(loadbalancer.Ready, loadbalancer.Ready)))
	require.Contains(t, lostMember("pool", server, member(loadbalancer.Absent, loadbalancer.Ready))[0].Text, "not in force")
	require.Contains(t, lostMember("pool", server, member(loadbalancer.Ready, loadbalancer.Absent))[0].Text, "not in the file")
	require.Contains(t, lostMember("pool", server, nil)[0].Text, "gone")
}
