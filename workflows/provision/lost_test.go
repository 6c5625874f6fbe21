package provision

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// changing are the activities that change something, in the order of the runbook.
var changing = []string{
	"compute.CloneVM", "compute.AddDisk", "compute.StartVM", "guest.Reach", "guest.ConfigureSystem", "guest.MountVolume",
	"guest.InstallApplication", "probe.Get", "firewall.OpenPaths", "loadbalancer.AddMember", "loadbalancer.SetMember",
	"ticketing.AddNote", "ticketing.SetStatus",
}

func (b *bench) stopped(t *testing.T, how string) {
	t.Helper()
	b.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: runULID, Document: b.document, Start: b.start(t, wire.ProvisionServer, b.document)})
	require.True(t, b.IsWorkflowCompleted())
	if how == "signed" {
		require.NoError(t, b.GetWorkflowError())
	} else {
		require.ErrorContains(t, b.GetWorkflowError(), "canceled")
	}
	require.Len(t, b.estate.records, 1)
	require.Equal(t, string(wire.Cancelled), b.estate.records[0].Outcome, "%+v", b.verdicts)
	require.Empty(t, b.estate.records[0].LeftBehind)
}

// The change has happened, and the answer is lost because the run is cancelled in that moment: undo finds it by its key.
func TestCancelledWhileTheAnswerIsOnItsWay(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"signed", "in Temporal"} {
		for _, at := range changing {
			t.Run(at+", "+how, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				b.say(t, time.Minute, bob, decision.Approve, "")
				given := make(chan struct{})
				var once sync.Once
				b.SetOnActivityCanceledListener(func(*activity.Info) { once.Do(func() { close(given) }) })
				b.estate.after[at] = func() {
					if how == "signed" {
						b.say(t, 0, bob, decision.Cancel, "")
					} else {
						b.CancelWorkflow()
					}
					select {
					case <-given:
					case <-time.After(20 * time.Second):
						t.Error("the activity is not cancelled")
					}
				}
				b.stopped(t, how)
				require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
			})
		}
	}
}

// The step is done, its answer has been taken, and the next one is about to begin.
func TestCancelledBetweenSteps(t *testing.T) {
	t.Parallel()
	for _, at := range changing[:len(changing)-1] {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.say(t, time.Minute, bob, decision.Approve, "")
			var once sync.Once
			b.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, _ error) {
				if info.ActivityType.Name == at {
					once.Do(b.CancelWorkflow)
				}
			})
			b.stopped(t, "in Temporal")
			require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
		})
	}
}

// A ticket whose answer was lost is found again and closed; it does not stay open for ever.
func TestATicketThatNobodyHeardOfIsClosed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.estate.after["ticketing.OpenTicket"] = b.CancelWorkflow
	b.stopped(t, "in Temporal")
	require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
}

// If it cannot be found either, the ledger says so.
func TestATicketThatCannotBeClosedIsInTheLedger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.estate.failing["ticketing.OpenTicket"] = fault.Unauthorized
	b.say(t, time.Minute, bob, decision.Cancel, "")
	out := b.carry(t)
	require.Equal(t, wire.Cancelled, out.Outcome)
	require.Equal(t, []string{"telling how it ended: ticketing.OpenTicket fails on purpose"}, out.LeftBehind)
	require.Empty(t, b.estate.objects)
}

// A run without a ticket, because a person skipped it, is not given one at its end.
func TestASkippedTicketStaysSkipped(t *testing.T) {
	t.Parallel()
	for _, c := range []decision.Command{decision.Approve, decision.Reject} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.estate.failing["ticketing.OpenTicket"] = fault.Unauthorized
			b.say(t, time.Minute, alice, decision.Skip, runbook.StepTicket)
			b.RegisterDelayedCallback(func() { delete(b.estate.failing, "ticketing.OpenTicket") }, 90*time.Second)
			b.say(t, 2*time.Minute, bob, c, "")
			b.carry(t)
			require.NotContains(t, b.estate.objects, "ticket")
		})
	}
}

// What a cancelled reading says is no finding: the run was cancelled, it was not refused.
func TestCancelledWhilePlanning(t *testing.T) {
	t.Parallel()
	t.Run("before the approval", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.estate.after["compute.Plan"] = b.CancelWorkflow
		b.stopped(t, "in Temporal")
		require.Empty(t, b.estate.objects)
	})
	t.Run("after the approval", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.RegisterDelayedCallback(func() { b.estate.after["compute.Plan"] = b.CancelWorkflow }, 30*time.Second)
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.stopped(t, "in Temporal")
		require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
	})
	t.Run("signed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		heard := make(chan struct{})
		b.heard = func(c decision.Command) {
			if c == decision.Cancel {
				close(heard)
			}
		}
		b.RegisterDelayedCallback(func() {
			b.estate.after["compute.Plan"] = func() { // The answer waits for the cancel, or the run could be done before it.
				b.say(t, 0, bob, decision.Cancel, "")
				select {
				case <-heard:
				case <-time.After(20 * time.Second):
					t.Error("the cancel is not heard")
				}
			}
		}, 30*time.Second)
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.stopped(t, "signed")
		require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
	})
}
