package run

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/notify"
	"fermata/decision"
	"fermata/wire"
)

// watched prepares a run under a policy with limits, whose guard answers as told.
func watched(t *testing.T, rules string, answer func(wire.GuardAsk) *wire.GuardAnswer) *execution {
	t.Helper()
	h := build(t)
	h.rules(t, rules)
	x := h.execution(unlimited, []string{"one", "two"})
	x.RegisterWorkflowWithOptions(func(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
		return ExecuteWithin(ctx, in, many{errand{steps: []string{"one"}}}, unlimited)
	}, workflow.RegisterOptions{Name: "Many"})
	x.RegisterWorkflowWithOptions(func(workflow.Context, notify.SendInput) error { return nil }, workflow.RegisterOptions{Name: wire.SendNotice})
	x.guarded(answer)
	return x
}

const limited = oneRule + "  limits:\n    - {name: hourly, changesPerHour: 3}\n"

func kinds(asked []wire.GuardAsk) []string {
	out := make([]string, len(asked))
	for i, a := range asked {
		out[i] = a.What
	}
	return out
}

func TestARunAsksTheGuardBeforeItActs(t *testing.T) {
	t.Parallel()
	var x *execution
	x = watched(t, limited, func(a wire.GuardAsk) *wire.GuardAnswer {
		if a.What != wire.AskEnd {
			assert.Empty(t, x.house.done, "nothing is done before")
		}
		if a.What == wire.AskAct {
			x.RegisterDelayedCallback(func() { x.SignalWorkflow(wire.SignalAnswer, wire.GuardAnswer{Permit: 9}) }, 20*time.Minute)
			return &wire.GuardAnswer{Waits: "limit hourly"}
		}
		return &wire.GuardAnswer{}
	})
	x.say(t, time.Minute, bob, decision.Approve, "")
	x.RegisterDelayedCallback(func() {
		require.Equal(t, "limit hourly", x.progress(t).Waits)
		require.Empty(t, x.house.done)
	}, 10*time.Minute)
	x.house.calls = nil
	out := x.begin(t, nil)
	require.Equal(t, wire.Done, out.Outcome)
	require.Equal(t, []string{wire.AskBegin, wire.AskAct, wire.AskEnd}, slices.Compact(kinds(x.asked)))
	require.Equal(t, []decision.Limit{{Name: "hourly", ChangesPerHour: 3}}, x.asked[1].Limits)
}

// Stopped in the middle: the step that runs ends, no other begins, and the run goes on when automation does.
func TestStoppedAutomationLetsNoStepBegin(t *testing.T) {
	t.Parallel()
	stop := &wire.Stopped{By: carol, Reason: "a bad release"}
	var x *execution
	var stopped *wire.Stopped
	x = watched(t, oneRule, func(a wire.GuardAsk) *wire.GuardAnswer {
		if a.What == wire.AskAct {
			stopped = stop
			// The guard is ended, and its news with it: the run hears of the end of the stop because it asks again.
			x.RegisterDelayedCallback(func() { stopped = nil }, time.Hour)
		}
		return &wire.GuardAnswer{Permit: 1, Stopped: stopped}
	})
	x.say(t, time.Minute, bob, decision.Approve, "")
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, stop.By, p.Stopped.By)
		require.Empty(t, x.house.done)
		require.Contains(t, x.details(t), "automation is stopped by "+carol)
	}, 30*time.Minute)
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
}

func TestAStoppedRunCanBeCancelled(t *testing.T) {
	t.Parallel()
	x := watched(t, oneRule, func(wire.GuardAsk) *wire.GuardAnswer {
		return &wire.GuardAnswer{Stopped: &wire.Stopped{By: carol}, Waits: "automation is stopped"}
	})
	x.say(t, time.Minute, bob, decision.Approve, "")
	x.say(t, 2*time.Minute, alice, decision.Cancel, "")
	require.Equal(t, wire.Cancelled, x.begin(t, nil).Outcome)
	require.Empty(t, x.house.done)
	ended := x.progress(t)
	require.Nil(t, ended.Stopped, "it waits for nobody any more")
	require.Empty(t, ended.Waits)
}

const mechanical = "  machines: [" + alice + "]\n  rules:\n    - {name: routine, change: standard, may: {start: [people], operate: [bob]}}\n"

func TestWhatAMachineAskedForDoesNotGoOnWithoutTheGuard(t *testing.T) {
	t.Parallel()
	var x *execution
	x = watched(t, mechanical, func(wire.GuardAsk) *wire.GuardAnswer {
		if x.Now().Before(x.start.Add(3 * time.Hour)) {
			return nil
		}
		return &wire.GuardAnswer{Permit: 3}
	})
	x.RegisterDelayedCallback(func() {
		require.Contains(t, x.progress(t).Waits, "the guard does not answer")
		require.Empty(t, x.house.done)
	}, 2*time.Hour)
	x.start = x.Now()
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Greater(t, len(x.asked), 60, "it asks again every minute")
}

// The guard is lost when the run has its permit: no further step begins until it answers again.
func TestAMachinesRunBeginsNoStepWithoutTheGuard(t *testing.T) {
	t.Parallel()
	var x *execution
	x = watched(t, mechanical, func(wire.GuardAsk) *wire.GuardAnswer {
		if len(x.house.done) == 1 && x.Now().Before(x.start.Add(2*time.Hour)) {
			return nil
		}
		return &wire.GuardAnswer{Permit: 3}
	})
	x.start = x.Now()
	x.RegisterDelayedCallback(func() {
		require.Equal(t, []string{"one"}, x.house.done)
		require.Contains(t, x.progress(t).Waits, "the guard does not answer")
	}, time.Hour)
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Equal(t, []string{"one", "two"}, x.house.done)
}

func TestWhatAPersonAskedForGoesOnWithoutTheGuard(t *testing.T) {
	t.Parallel()
	x := watched(t, "  rules:\n    - {name: routine, change: standard, may: {start: [people]}}\n", func(wire.GuardAsk) *wire.GuardAnswer { return nil })
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Contains(t, string(x.house.records[0].Decisions), "the guard did not answer")
}

func TestMoreTargetsThanTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	x := watched(t, oneRule+"  limits:\n    - {name: width, targetsPerRun: 4}\n", func(wire.GuardAsk) *wire.GuardAnswer { return &wire.GuardAnswer{} })
	x.kind = "Many"
	out := x.begin(t, nil)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Equal(t, `the run would change 5 targets, limit "width" of the policy allows 4`, out.Reason)
	require.Empty(t, x.house.done)
}

// many is a process with more than one target.
type many struct{ errand }

func (many) Targets() int { return 5 }

// A flood of decisions while a run waits for the guard does not keep the good one out.
func TestWhoWaitsForTheGuardTakesDecisions(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]*wire.GuardAnswer{"for a limit": {Waits: "limit hourly"}, "for an answer": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			h.rules(t, mechanical)
			out, executions := h.carry(t, Limits{Events: 100_000, Updates: 2, Signals: 100}, []string{"one"}, func(n int, x *execution) {
				x.RegisterWorkflowWithOptions(func(workflow.Context, notify.SendInput) error { return nil }, workflow.RegisterOptions{Name: wire.SendNotice})
				asked := 0
				x.guarded(func(wire.GuardAsk) *wire.GuardAnswer {
					if asked++; asked == 1 && n == 1 && answer != nil {
						return &wire.GuardAnswer{} // It is known; permits are asked for later.
					}
					return answer
				})
				x.say(t, 10*time.Minute, carol, decision.Cancel, "")
				if n == 1 {
					x.say(t, 10*time.Minute+time.Second, carol, decision.Undo, "")
					return
				}
				x.say(t, 11*time.Minute, bob, decision.Cancel, "")
			})
			require.Equal(t, wire.Cancelled, out.Outcome)
			require.Greater(t, executions, 1)
			require.Empty(t, h.done)
		})
	}
}
