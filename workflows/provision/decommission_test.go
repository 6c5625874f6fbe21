package provision

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/decision"
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
		"loadbalancer.RemoveOwned": {time.Hour + time.Minute + 10*time.Second, []string{"remove from the pool: irreversible"}, before},
		"compute.DestroyVM": {
			time.Hour + time.Minute + 10*time.Second,
			[]string{"destroy the machine and its disks: irreversible", "remove from the pool: irreversible", "drain: no member web/web-01"},
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
