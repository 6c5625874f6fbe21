package run

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/notify"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/wire"
)

// careful is an errand whose second step asks people once more.
type careful struct{ errand }

func (p careful) Steps(f *Frame) ([]Step, error) {
	steps, err := p.errand.Steps(f)
	do := steps[1].Do
	steps[1].Do = func(ctx workflow.Context, op operation.Op) (Result, error) {
		given, why, err := f.Consent(ctx, "two", "drop database shop", time.Hour)
		if err != nil {
			return Result{}, err
		}
		if !given {
			return Result{}, temporal.NewNonRetryableApplicationError(why, "conflict", nil)
		}
		r, err := do(ctx, op)
		r.Lines = []string{why}
		return r, err
	}
	return steps, err
}

func asksTwice(t *testing.T) *execution {
	t.Helper()
	h := build(t)
	h.rules(t, "  rules:\n    - {name: all, change: standard, may: {start: [people], approve: [bob, carol], operate: [people]}, approval: {quorum: 2}}\n")
	x := h.execution(unlimited, nil)
	x.kind = "Careful"
	x.RegisterWorkflowWithOptions(func(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
		return ExecuteWithin(ctx, in, careful{errand{steps: []string{"one", "two"}}}, unlimited)
	}, workflow.RegisterOptions{Name: x.kind})
	x.RegisterWorkflowWithOptions(func(workflow.Context, notify.SendInput) error { return nil }, workflow.RegisterOptions{Name: wire.SendNotice})
	x.guarded(func(a wire.GuardAsk) *wire.GuardAnswer {
		return &wire.GuardAnswer{Permit: map[string]int{wire.AskAct: 7}[a.What]}
	})
	return x
}

// What a policy approved beforehand is the plan; a step that asks for itself is answered by people, by the same rules.
func TestAStepThatAsksForItself(t *testing.T) {
	t.Parallel()
	x := asksTwice(t)
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, wire.Waiting, p.Phase)
		require.Equal(t, []string{"one"}, x.house.done, "nothing is done before people said yes")
		gate, open := p.Gate(decision.Approve, "")
		require.True(t, open)
		require.Equal(t, "two", gate.Step)
		require.Contains(t, gate.Why, "must approve: drop database shop, other than "+alice)
	}, 30*time.Second)
	x.say(t, time.Minute, alice, decision.Approve, "")
	x.say(t, 2*time.Minute, bob, decision.Approve, "")
	x.RegisterDelayedCallback(func() { require.Equal(t, []string{"one"}, x.house.done, "one of two is not enough") }, 3*time.Minute)
	x.say(t, 4*time.Minute, carol, decision.Approve, "")
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Equal(t, []string{"one", "two"}, x.house.done)
	require.Equal(t, []string{"accepted", "accepted"}, codesOf(x.verdicts)[1:])
	require.NotEqual(t, "accepted", x.verdicts[0].Code)
	require.Contains(t, string(x.house.records[0].Steps), "approved by "+bob+", "+carol)
}

func TestANoToAStepHoldsIt(t *testing.T) {
	t.Parallel()
	x := asksTwice(t)
	x.say(t, time.Minute, carol, decision.Reject, "")
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, wire.Held, p.Phase)
		require.Equal(t, carol+" said no", p.Steps[1].Reason.Text)
		_, open := p.Gate(decision.Approve, "")
		require.False(t, open, "its gate has closed")
	}, 2*time.Minute)
	x.say(t, 3*time.Minute, alice, decision.Skip, "two")
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Equal(t, []string{"one"}, x.house.done)
}

func TestNobodyAnswersAStep(t *testing.T) {
	t.Parallel()
	x := asksTwice(t)
	x.RegisterDelayedCallback(func() {
		require.Contains(t, x.progress(t).Steps[1].Reason.Text, "nobody decided by")
	}, 61*time.Minute)
	// A retry asks anew.
	x.say(t, 62*time.Minute, alice, decision.Retry, "two")
	x.say(t, 63*time.Minute, bob, decision.Approve, "")
	x.say(t, 64*time.Minute, carol, decision.Approve, "")
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Equal(t, []string{"one", "two"}, x.house.done)
}
