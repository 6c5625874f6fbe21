package fleet

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

func TestAFleetIsBroughtIntoServiceAfterOneApproval(t *testing.T) {
	t.Parallel()
	h := build(t)
	x := h.execution(run.DefaultLimits())
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, wire.Waiting, p.Phase)
		require.Len(t, p.Preview.Members, 6)
		require.Empty(t, h.begun, "nothing is begun before the approval")
	}, 30*time.Second)
	x.say(t, time.Minute, alice, decision.Approve)
	x.say(t, 2*time.Minute, bob, decision.Approve)
	x.begin(t, document(t, 6))
	out := x.result(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.False(t, x.verdicts[0].Accepted, "who asked does not approve")
	require.Len(t, h.begun, 6)
	require.Equal(t, "web-21", h.begun[0])
	require.Empty(t, h.refused)
	require.Equal(t, 3, h.most, "as many at once as the document allows")
	p := x.progress(t)
	require.Equal(t, 6, p.Fleet.Count(wire.MemberDone))
	require.Len(t, h.records, 1)
	require.Contains(t, string(h.records[0].Decisions), `"state":"done"`)
	seen := map[string]bool{}
	for _, m := range p.Fleet.Members {
		require.False(t, seen[m.Run], "each has a run of its own")
		seen[m.Run] = true
	}
}

func TestAWaveBeginsWhenTheOneBeforeIsOver(t *testing.T) {
	t.Parallel()
	h := build(t)
	x := h.execution(run.DefaultLimits())
	x.say(t, time.Minute, bob, decision.Approve)
	paused := false
	x.RegisterDelayedCallback(func() { require.Equal(t, []string{"web-21"}, h.begun) }, 90*time.Second)
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		paused = p.Fleet.Pauses != nil
		require.Equal(t, []string{"web-21"}, h.begun)
	}, 5*time.Minute)
	x.begin(t, document(t, 6, func(f *spec.Fleet) { f.Spec.Rollout.Pause = spec.Duration(10 * time.Minute) }))
	require.Equal(t, wire.Done, x.result(t).Outcome)
	require.True(t, paused)
}

func TestOneThatIsHeldIsHeldAlone(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.holds["web-23"] = true
	x := h.execution(run.DefaultLimits())
	x.say(t, time.Minute, bob, decision.Approve)
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, wire.Held, p.Phase, "all that is left waits for a person")
		require.Equal(t, 5, p.Fleet.Count(wire.MemberDone))
		m := x.member(t, "web-23")
		require.Equal(t, wire.MemberHeld, m.State)
		require.Equal(t, "deploy", m.Step)
		require.Equal(t, "the disk is full", m.Reason)
		h.mu.Lock()
		h.holds["web-23"] = false // Its own person mends it.
		h.mu.Unlock()
	}, 30*time.Minute)
	x.begin(t, document(t, 6))
	require.Equal(t, wire.Done, x.result(t).Outcome)
	require.Equal(t, 6, x.progress(t).Fleet.Count(wire.MemberDone), "held, then done, is done")
}

func TestAfterTooManyFailuresNoOtherIsBegunUntilAPersonSaysSo(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.fails["web-22"], h.fails["web-23"] = "crash", string(wire.Refused)
	x := h.execution(run.DefaultLimits())
	x.say(t, time.Minute, bob, decision.Approve)
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, wire.Held, p.Phase)
		require.Contains(t, p.Fleet.Stopped, "web-22, web-23")
		require.Equal(t, 2, p.Fleet.Count(wire.MemberFailed))
		require.Equal(t, 3, p.Fleet.Count(wire.MemberNotBegun))
		require.Contains(t, x.member(t, "web-23").Reason, "refused: on purpose")
		require.Equal(t, []string{"web-21", "web-22", "web-23"}, h.begun)
	}, 20*time.Minute)
	x.say(t, 30*time.Minute, bob, decision.Retry) // Goes on with the others.
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, wire.Held, p.Phase)
		require.Contains(t, p.Fleet.Stopped, "2 of 6 servers are not in service: web-22, web-23")
		require.Equal(t, 4, p.Fleet.Count(wire.MemberDone))
		delete(h.fails, "web-22")
		delete(h.fails, "web-23")
	}, 50*time.Minute)
	x.say(t, 60*time.Minute, bob, decision.Retry) // Begins them again.
	x.begin(t, document(t, 6, func(f *spec.Fleet) { f.Spec.Rollout.MaxConcurrent = 1 }))
	require.Equal(t, wire.Done, x.result(t).Outcome)
	require.Equal(t, 6, x.progress(t).Fleet.Count(wire.MemberDone))
	require.Len(t, h.runs["web-22"], 2)
	require.NotEqual(t, h.runs["web-22"][0].Run, h.runs["web-22"][1].Run)
}

func TestAPersonEndsAFleetWithoutThoseThatFailed(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.fails["web-21"] = string(wire.Undone)
	x := h.execution(run.DefaultLimits())
	x.say(t, time.Minute, bob, decision.Approve)
	x.say(t, 30*time.Minute, bob, decision.Skip)
	x.begin(t, document(t, 3, func(f *spec.Fleet) { f.Spec.Rollout.StopAfterFailures = 1 }))
	require.Equal(t, wire.Done, x.result(t).Outcome)
	p := x.progress(t)
	require.Equal(t, wire.StepSkipped, p.Steps[0].State)
	require.Equal(t, 2, p.Fleet.Count(wire.MemberNotBegun))
	require.Equal(t, []string{"web-21"}, h.begun)
}

func TestACancelledFleetBeginsNoOtherAndStopsThoseUnderWay(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.holds["web-22"] = true
	x := h.execution(run.DefaultLimits())
	x.say(t, time.Minute, bob, decision.Approve)
	x.say(t, 10*time.Minute, alice, decision.Cancel)
	x.begin(t, document(t, 4, func(f *spec.Fleet) { f.Spec.Rollout.StopAfterFailures = 1; f.Spec.Rollout.MaxConcurrent = 1 }))
	out := x.result(t)
	require.Equal(t, wire.Cancelled, out.Outcome)
	require.Equal(t, []string{"bring 4 servers into service: 1 server in service stay so: web-21 (fermata decommission takes one out)"}, out.LeftBehind)
	p := x.progress(t)
	require.Equal(t, 2, p.Fleet.Count(wire.MemberNotBegun))
	for _, m := range p.Fleet.Members {
		if m.Name == "web-22" {
			require.Equal(t, wire.MemberFailed, m.State)
			require.Equal(t, "cancelled: as the fleet", m.Reason)
		}
	}
}

func TestAPlanWithAProblemIsRefusedAndSaysWhere(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, name := range []string{"web-21", "web-22", "web-23", "web-24", "web-25", "web-26", "web-27"} {
		h.bad[name] = "the datastore is full"
	}
	x := h.execution(run.DefaultLimits())
	x.begin(t, document(t, 9))
	out := x.result(t)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Equal(t, "compute: the datastore is full (web-21, web-22, web-23, web-24, web-25 and 2 more)", out.Reason)
	require.Empty(t, h.begun)
}

func TestAPlanThatCameOutDifferentlyAfterTheApprovalIsNotCarriedOut(t *testing.T) {
	t.Parallel()
	h := build(t)
	x := h.execution(run.DefaultLimits())
	x.RegisterDelayedCallback(func() { h.plans["web-23"] = "another template" }, 30*time.Second)
	x.say(t, time.Minute, bob, decision.Approve)
	x.begin(t, document(t, 6))
	out := x.result(t)
	require.Equal(t, wire.PlanChanged, out.Outcome)
	require.Contains(t, out.Reason, "web-23")
	require.Empty(t, h.begun)
}

func TestADocumentThatIsNoFleet(t *testing.T) {
	t.Parallel()
	h := build(t)
	x := h.execution(run.DefaultLimits())
	x.begin(t, json.RawMessage(`{"kind":"Fleet"}`))
	require.ErrorContains(t, x.GetWorkflowError(), "it needs a name and 1 to 1000 servers")
}
