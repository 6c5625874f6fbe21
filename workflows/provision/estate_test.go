package provision

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// step returns a step as the run's record has it.
func (b *bench) step(t *testing.T, id string) wire.Step {
	t.Helper()
	var steps []wire.Step
	require.NoError(t, json.Unmarshal(b.estate.records[len(b.estate.records)-1].Steps, &steps))
	for _, s := range steps {
		if s.ID == id {
			return s
		}
	}
	require.Fail(t, "no step "+id)
	return wire.Step{}
}

// send has a decision sent after a while that no gate may have asked for.
func (b *bench) send(t *testing.T, after time.Duration, e func() decision.Envelope) {
	t.Helper()
	b.RegisterDelayedCallback(func() {
		b.UpdateWorkflow(wire.UpdateDecide, "sent-"+after.String(), &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { require.NoError(t, err) },
			OnComplete: func(result any, err error) {
				require.NoError(t, err)
				b.verdicts = append(b.verdicts, result.(wire.DecideResult))
			},
		}, wire.Decide{Signed: b.sign(t, bob, bob, e())})
	}, after)
}

func (b *bench) times(activity string) int {
	n := 0
	for _, c := range b.estate.calls {
		if c == activity {
			n++
		}
	}
	return n
}

func TestTheRecordSaysWhatWasAskedDecidedAndDone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(t, time.Minute, alice, decision.Approve, "")
	b.say(t, 2*time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Len(t, b.estate.records, 1)
	r := b.estate.records[0]
	require.Equal(t, []string{runULID, wire.ProvisionServer, "server/web-01", alice}, []string{r.Run, r.Kind, string(r.Owner), r.Requester})
	require.JSONEq(t, string(b.document), string(r.Spec))
	require.NotEmpty(t, r.PlanHash)
	var e struct {
		Decisions []wire.Judged `json:"decisions"`
		Refused   int           `json:"refused"`
	}
	require.NoError(t, json.Unmarshal(r.Decisions, &e))
	require.Equal(t, 1, e.Refused)
	require.Len(t, e.Decisions, 3)
	for i, accepted := range []bool{true, false, true} {
		require.Equal(t, accepted, e.Decisions[i].Verdict.Accepted)
		require.NotEmpty(t, e.Decisions[i].Signed.Signature, "the signature can be checked again")
	}
	require.Equal(t, r.PlanHash, e.Decisions[2].Verdict.Envelope.Hash, "what was approved is what was done")
	for _, id := range []string{runbook.StepTicket, stepDeploy, stepDisk + "data", runbook.StepVolume + "data", runbook.FirewallStep(""), stepPool, stepReady, stepVerify, runbook.StepClose} {
		require.Equal(t, wire.StepDone, b.step(t, id).State, id)
	}
}

func TestAStartOfSomebodyUnknownIsRefused(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		person string
		hash   func(json.RawMessage) string
		code   string
	}{
		"unknown person":   {"mallory@example", func(d json.RawMessage) string { h, _ := decision.Hash(d); return h }, decision.CodeSigner},
		"another document": {alice, func(json.RawMessage) string { return "sha256:" + strings.Repeat("0", 64) }, decision.CodeHash},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			start := b.sign(t, alice, x.person, decision.Envelope{
				Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: x.hash(b.document),
			})
			b.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: runULID, Document: b.document, Start: start})
			require.Equal(t, wire.Refused, b.result(t).Outcome)
			require.Equal(t, []string{"record.Append"}, b.estate.calls, "nobody was asked anything")
			require.Empty(t, b.estate.objects)
			require.Contains(t, string(b.estate.records[0].Decisions), x.code)
		})
	}
}

func TestPreflightNamesWhoHoldsTheAddressAndWhatIsFull(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(*world)
		text  string
	}{
		"address taken":     {func(e *world) { e.addressHeldBy = "old-07" }, `in use by machine "old-07"`},
		"no room":           {func(e *world) { e.required = 2 << 40 }, "1024.0 GiB free, 2048.0 GiB needed"},
		"rules there":       {func(e *world) { e.objects["rules"] = "open" }, `rule "lb-to-web"`},
		"desk down":         {func(e *world) { e.failing["ticketing.Check"] = fault.Unauthorized }, "ticketing.Check fails"},
		"records read-only": {func(e *world) { e.failing["record.Check"] = fault.Unauthorized }, "record.Check fails"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			x.spoil(b.estate)
			out := b.carry(t)
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, x.text)
			require.NotContains(t, b.estate.objects, "ticket")
			require.NotContains(t, b.estate.objects, "machine")
		})
	}
}

// A problem that shows only after the approval stops the run as one that shows before.
func TestWhatWasTakenBetweenPlanAndApproval(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.RegisterDelayedCallback(func() { b.estate.addressHeldBy = "old-07" }, 30*time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.carry(t)
	require.Equal(t, wire.PlanChanged, out.Outcome)
	require.Contains(t, out.Reason, "old-07")
	require.Zero(t, b.times("compute.CloneVM"))
}

// What stands in the way for a moment only, a system that restarts say, is no reason to ask people once more.
func TestWhatIsAwayForAMomentAfterTheApproval(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.RegisterDelayedCallback(func() { b.estate.addressHeldBy = "old-07" }, 30*time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() {
		require.Contains(t, b.progress(t).Reason, "old-07", "people are told what the run waits for")
		b.estate.addressHeldBy = ""
	}, 75*time.Second)
	out := b.carry(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Empty(t, out.Reason)
}

// Who waits for the plan to come out again can stop the run.
func TestARunIsCancelledWhileItPlansAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.RegisterDelayedCallback(func() { b.estate.addressHeldBy = "old-07" }, 30*time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.say(t, 70*time.Second, alice, decision.Cancel, "")
	require.Equal(t, wire.Cancelled, b.carry(t).Outcome)
	require.Zero(t, b.times("compute.CloneVM"))
	require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
}

// A run that was reset, or restored with Temporal from a backup, meets what it made itself. It adopts that and goes on;
// what another run made stays an obstacle.
func TestARunMeetsItsOwnWork(t *testing.T) {
	t.Parallel()
	for run, outcome := range map[string]wire.Outcome{runULID: wire.Done, "01J00000000000000000000001": wire.Refused} {
		t.Run(run, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.estate.key, b.estate.addressHeldBy, b.estate.required = run+"/deploy/web-01", "web-01", 1<<50
			b.estate.objects = map[string]string{"machine": "on", "rules": "open", "member": "ready"}
			if outcome == wire.Done {
				b.say(t, time.Minute, bob, decision.Approve, "")
			}
			out := b.carry(t)
			require.Equal(t, outcome, out.Outcome, out.Reason)
		})
	}
}

// twoVolumes gives the run two branches: the disks are added side by side.
func twoVolumes(s *spec.Server) {
	second := s.Spec.Storage[0]
	second.Name, second.Mount = "logs", "/srv/logs"
	s.Spec.Storage = append(s.Spec.Storage, second)
}

func TestHeldStepsStandBesideWorkingSiblings(t *testing.T) {
	t.Parallel()
	t.Run("siblings go on", func(t *testing.T) {
		t.Parallel()
		b := setup(t, twoVolumes)
		b.estate.failing["guest.MountVolume of logs"] = fault.Conflict
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.RegisterDelayedCallback(func() {
			states := map[string]wire.StepState{}
			for _, s := range b.progress(t).Steps {
				states[s.ID] = s.State
			}
			require.Equal(t, wire.StepHeld, states[runbook.StepVolume+"logs"])
			require.Equal(t, wire.StepDone, states[runbook.StepVolume+"data"])
			require.Equal(t, wire.StepWaiting, states[runbook.StepApplication], "it depends on the held one")
			delete(b.estate.failing, "guest.MountVolume of logs")
		}, 2*time.Minute)
		b.say(t, 3*time.Minute, alice, decision.Retry, runbook.StepVolume+"logs")
		require.Equal(t, wire.Done, b.carry(t).Outcome)
		require.Equal(t, 2, b.step(t, runbook.StepVolume+"logs").Tries)
		require.Equal(t, 1, b.step(t, runbook.StepVolume+"data").Tries)
	})
	t.Run("two are held at once", func(t *testing.T) {
		t.Parallel()
		b := setup(t, twoVolumes)
		b.estate.failing["guest.MountVolume"] = fault.Conflict
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.RegisterDelayedCallback(func() {
			p := b.progress(t)
			logs, first := p.Gate(decision.Retry, runbook.StepVolume+"logs")
			data, second := p.Gate(decision.Retry, runbook.StepVolume+"data")
			require.True(t, first && second)
			require.NotEqual(t, logs.Nonce, data.Nonce)
			delete(b.estate.failing, "guest.MountVolume")
		}, 2*time.Minute)
		b.say(t, 3*time.Minute, alice, decision.Retry, runbook.StepVolume+"logs")
		b.RegisterDelayedCallback(func() { require.Equal(t, wire.Held, b.progress(t).Phase, "one is held still") }, 4*time.Minute)
		b.say(t, 5*time.Minute, alice, decision.Skip, runbook.StepVolume+"data")
		require.Equal(t, wire.Done, b.carry(t).Outcome)
		require.Equal(t, wire.StepDone, b.step(t, runbook.StepVolume+"logs").State)
		require.Equal(t, wire.StepSkipped, b.step(t, runbook.StepVolume+"data").State)
	})
}

func TestARetryThatNobodyAskedForIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.estate.failing["guest.InstallApplication"] = fault.Invalid
	b.say(t, time.Minute, bob, decision.Approve, "")
	var held wire.Gate
	b.RegisterDelayedCallback(func() { held, _ = b.progress(t).Gate(decision.Retry, runbook.StepApplication) }, 2*time.Minute)
	hold := func(gate, step string) func() decision.Envelope {
		return func() decision.Envelope {
			return decision.Envelope{Gate: gate, Nonce: held.Nonce, Hash: held.Hash, Command: decision.Retry, Step: step}
		}
	}
	b.send(t, 3*time.Minute, hold("hold/"+runbook.StepSystem, runbook.StepSystem))
	b.send(t, 4*time.Minute, hold("hold/"+runbook.StepApplication, runbook.StepSystem))
	b.say(t, 5*time.Minute, alice, decision.Skip, runbook.StepApplication)
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Len(t, b.verdicts, 4)
	require.Equal(t, decision.CodeGate, b.verdicts[1].Code, "that step is done")
	require.Equal(t, decision.CodeStep, b.verdicts[2].Code, "the gate is of another step")
	require.Equal(t, 1, b.times("guest.InstallApplication"))
}

func TestASignedUndoLeavesTheEstateAsItWas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.estate.failing["probe.Get"] = fault.Invalid
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.say(t, 3*time.Minute, alice, decision.Undo, "")
	out := b.carry(t)
	require.Equal(t, wire.Undone, out.Outcome)
	require.Contains(t, out.Reason, alice)
	require.Empty(t, out.LeftBehind)
	require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
	require.Equal(t, wire.StepUndone, b.step(t, stepDeploy).State)
	require.Zero(t, b.times("firewall.ClosePaths"), "what never began is not undone")
}

// The steps that TestCancelledAtEveryStep does not stop at: before the machine, the last look, and the ticket.
func TestCancelledAtTheEdges(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		at   string
		when time.Duration // Of the cancel.
		left map[string]string
	}{
		"while planning":          {"compute.Plan", 10 * time.Second, map[string]string{}},
		"while it waits":          {"", 90 * time.Second, map[string]string{"ticket": "rejected"}},
		"while a step is held":    {"held", 3 * time.Minute, map[string]string{"ticket": "rejected"}},
		"at the last look":        {"probe.Get of verify", 2*time.Minute + 10*time.Second, map[string]string{"ticket": "rejected"}},
		"as the ticket is closed": {"ticketing.AddNote", 2*time.Minute + 10*time.Second, map[string]string{"ticket": "rejected"}},
	} {
		for _, how := range []string{"signed", "in Temporal"} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				switch x.at {
				case "":
				case "held":
					b.estate.failing["guest.ConfigureSystem"] = fault.Conflict
				default:
					b.estate.failing[x.at] = fault.Unavailable
				}
				if x.when > 2*time.Minute {
					b.say(t, 2*time.Minute, bob, decision.Approve, "")
				}
				if how == "signed" {
					b.say(t, x.when, bob, decision.Cancel, "")
				} else {
					b.RegisterDelayedCallback(b.CancelWorkflow, x.when)
				}
				b.RegisterDelayedCallback(func() { clear(b.estate.failing) }, x.when+time.Second)
				b.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: runULID, Document: b.document, Start: b.start(t, wire.ProvisionServer, b.document)})
				require.True(t, b.IsWorkflowCompleted())
				require.Len(t, b.estate.records, 1)
				require.Equal(t, string(wire.Cancelled), b.estate.records[0].Outcome, b.estate.records[0].Reason)
				require.Empty(t, b.estate.records[0].LeftBehind)
				require.Equal(t, x.left, b.estate.objects)
			})
		}
	}
}

func TestASecondCancelDuringUndoChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.estate.failing["probe.Get"] = fault.Invalid
	b.estate.failing["compute.RemoveVM"] = fault.Unavailable
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.say(t, 3*time.Minute, alice, decision.Undo, "")
	b.say(t, 3*time.Minute+5*time.Second, bob, decision.Cancel, "")
	b.RegisterDelayedCallback(b.CancelWorkflow, 3*time.Minute+6*time.Second)
	b.RegisterDelayedCallback(func() {
		require.Equal(t, wire.Undoing, b.progress(t).Phase)
		delete(b.estate.failing, "compute.RemoveVM")
	}, 3*time.Minute+8*time.Second)
	out := b.carry(t)
	require.Equal(t, wire.Undone, out.Outcome)
	require.Empty(t, out.LeftBehind)
	require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
	require.False(t, b.verdicts[2].Accepted)
	require.Contains(t, b.verdicts[2].Reason, "ending already")
}
