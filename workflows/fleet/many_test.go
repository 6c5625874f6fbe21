package fleet

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/executions"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

func quick(f *spec.Fleet) {
	f.Spec.Rollout.Waves, f.Spec.Rollout.MaxConcurrent, f.Spec.Rollout.PerSystem = []spec.WaveSize{"1", "10%"}, 50, 0
}

func TestFiveHundredServers(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.verify = false // 500 signatures are another test's matter.
	x := h.execution(run.DefaultLimits())
	x.say(t, time.Minute, bob, decision.Approve)
	x.begin(t, document(t, 500, quick))
	out := x.result(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Len(t, h.begun, 500)
	require.Equal(t, 50, h.most)
	p := x.progress(t)
	require.Equal(t, 500, p.Fleet.Count(wire.MemberDone))
	asked, err := json.Marshal(p)
	require.NoError(t, err)
	require.Less(t, len(asked), 512<<10, "Temporal takes 2 MiB, and a person asks often")
	started, err := json.Marshal(h.runs["web-250"][0])
	require.NoError(t, err)
	require.Less(t, len(started), 128<<10)
}

// The run goes on in new executions while servers' runs go on: nothing is begun twice, and what is reported meanwhile or
// was missed is known afterwards.
func TestAFleetThatGoesOnInNewExecutions(t *testing.T) {
	t.Parallel()
	h := build(t)
	l := run.DefaultLimits()
	l.Signals = 3
	x := h.execution(l)
	x.say(t, time.Minute, bob, decision.Approve)
	text := document(t, 30, func(f *spec.Fleet) {
		f.Spec.Rollout.Waves, f.Spec.Rollout.StopAfterFailures = nil, 3
	})
	for _, name := range []string{"web-22", "web-23"} {
		h.fails[name] = string(wire.Undone)
	}
	x.begin(t, text)
	n, in := x.next(t, l)
	require.NotNil(t, n, "three reports fill an execution of this test")
	begun := len(h.begun)
	require.Less(t, begun, 30)
	// What was under way is no child of the new execution: it hears of its end by a look.
	n.say(t, time.Hour, bob, decision.Retry)
	n.say(t, 3*time.Hour, bob, decision.Skip)
	n.ExecuteWorkflow(wire.ProvisionFleet, in)
	for n.GetWorkflowError() != nil {
		n, in = n.next(t, l)
		require.NotNil(t, n)
		n.say(t, time.Hour, bob, decision.Retry)
		n.say(t, 3*time.Hour, bob, decision.Skip)
		n.ExecuteWorkflow(wire.ProvisionFleet, in)
	}
	require.Equal(t, wire.Done, n.result(t).Outcome)
	p := n.progress(t)
	require.Equal(t, 28, p.Fleet.Count(wire.MemberDone))
	require.Zero(t, p.Fleet.Count(wire.MemberNotBegun, wire.MemberRunning))
	require.Greater(t, len(h.begun), begun)
	for name, runs := range h.runs {
		if name != "web-22" && name != "web-23" {
			require.Len(t, runs, 1, name)
		}
	}
	require.Empty(t, h.refused, "the approval holds in the new execution too")
}

func TestABusyServerIsWaitedFor(t *testing.T) {
	t.Parallel()
	h := build(t)
	x := h.execution(run.DefaultLimits())
	x.say(t, time.Minute, bob, decision.Approve)
	h.taken["server/web-23"] = executions.Execution{Open: true, Run: "01OTHER", Kind: "DecommissionServer", Requester: "carol@example"}
	h.busy["web-23"] = 10 * time.Minute
	x.RegisterDelayedCallback(func() {
		m := x.member(t, "web-23")
		require.Equal(t, wire.MemberBusy, m.State)
		require.Equal(t, "held by DecommissionServer, run 01OTHER, of carol@example", m.Reason)
		require.Equal(t, 5, x.progress(t).Fleet.Count(wire.MemberDone), "the others go on")
	}, 8*time.Minute)
	x.begin(t, document(t, 6))
	require.Equal(t, wire.Done, x.result(t).Outcome)
	require.Equal(t, 6, x.progress(t).Fleet.Count(wire.MemberDone))
}

func TestABusyServerIsRefusedByPolicy(t *testing.T) {
	t.Parallel()
	h := build(t)
	x := h.execution(run.DefaultLimits())
	x.say(t, time.Minute, bob, decision.Approve)
	h.busy["web-23"] = 10 * time.Minute
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, 5, p.Fleet.Count(wire.MemberDone), "one that is busy does not stop the others")
		require.Equal(t, 1, p.Fleet.Count(wire.MemberRefused))
		require.Contains(t, p.Fleet.Stopped, "1 of 6 servers are not in service: web-23")
	}, 15*time.Minute)
	x.say(t, 20*time.Minute, bob, decision.Retry)
	x.begin(t, document(t, 6, func(f *spec.Fleet) { f.Spec.Rollout.Busy, f.Spec.Rollout.StopAfterFailures = spec.BusyRefuse, 1 }))
	require.Equal(t, wire.Done, x.result(t).Outcome)
	require.Equal(t, 6, x.progress(t).Fleet.Count(wire.MemberDone))
}

func TestLimitsOfASiteAndOfASystem(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*spec.Rollout){
		"site":   func(r *spec.Rollout) { r.PerSite, r.PerSystem = 2, 0 },
		"system": func(r *spec.Rollout) { r.PerSystem = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			x := h.execution(run.DefaultLimits())
			x.say(t, time.Minute, bob, decision.Approve)
			x.begin(t, document(t, 9, func(f *spec.Fleet) {
				f.Spec.Rollout.Waves, f.Spec.Rollout.MaxConcurrent = nil, 9
				change(&f.Spec.Rollout)
			}))
			require.Equal(t, wire.Done, x.result(t).Outcome)
			require.Equal(t, 2, h.most)
		})
	}
}

func BenchmarkExpanding(b *testing.B) {
	data := document(b, 1000)
	for b.Loop() {
		if _, err := newFleet("run", data); err != nil {
			b.Fatal(err)
		}
	}
}
