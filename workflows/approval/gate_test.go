package approval

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"fermata/decision"
)

const (
	alice = "alice@example" // Asks.
	bob   = "bob@example"
	carol = "carol@example"
)

func say(person string, c decision.Command) decision.Envelope {
	return decision.Envelope{Person: person, Command: c, Reason: "because"}
}

func TestWhatCounts(t *testing.T) {
	t.Parallel()
	type said struct {
		person  string
		command decision.Command
		code    string // "" if it counts.
	}
	for name, x := range map[string]struct {
		quorum int
		said   []said
		want   Outcome
	}{
		"one yes":                         {1, []said{{bob, decision.Approve, ""}}, Approved},
		"no quorum given means one":       {0, []said{{bob, decision.Approve, ""}}, Approved},
		"one no":                          {1, []said{{bob, decision.Reject, ""}}, Rejected},
		"the requester may say no":        {1, []said{{alice, decision.Reject, ""}}, Rejected},
		"the requester may not say yes":   {1, []said{{alice, decision.Approve, CodeFourEyes}}, Open},
		"nor in other letters":            {1, []said{{"Alice@Example", decision.Approve, CodeFourEyes}}, Open},
		"one of two":                      {2, []said{{bob, decision.Approve, ""}}, Open},
		"one person twice is one":         {2, []said{{bob, decision.Approve, ""}, {bob, decision.Approve, ""}}, Open},
		"not twice in other letters":      {2, []said{{bob, decision.Approve, ""}, {"BOB@example", decision.Approve, ""}}, Open},
		"two of two":                      {2, []said{{bob, decision.Approve, ""}, {carol, decision.Approve, ""}}, Approved},
		"a no outweighs a yes":            {2, []said{{bob, decision.Approve, ""}, {carol, decision.Reject, ""}}, Rejected},
		"after a yes the gate has closed": {1, []said{{bob, decision.Approve, ""}, {carol, decision.Reject, decision.CodeGate}}, Approved},
		"after a no too":                  {1, []said{{bob, decision.Reject, ""}, {carol, decision.Approve, decision.CodeGate}}, Rejected},
		"wrong, then right":               {1, []said{{alice, decision.Approve, CodeFourEyes}, {bob, decision.Approve, ""}}, Approved},
		"another command":                 {1, []said{{bob, decision.Retry, decision.CodeCommand}}, Open},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := Gate{Requester: alice, Quorum: x.quorum}
			for i, s := range x.said {
				code, reason := g.Consider(say(s.person, s.command), nil, time.Time{})
				require.Equal(t, s.code, code, "decision %d: %s", i, reason)
				require.Equal(t, s.code == "", reason == "", "a refusal says why")
			}
			require.Equal(t, x.want, g.Outcome)
			if x.want == Rejected {
				require.NotEmpty(t, g.By)
				require.Equal(t, "because", g.Reason)
			}
		})
	}
}

// A gate travels through continue-as-new with the votes that it has.
func TestAGateIsPlainData(t *testing.T) {
	t.Parallel()
	g := Gate{Requester: alice, Quorum: 2, Deadline: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	_, _ = g.Consider(say(bob, decision.Approve), nil, time.Time{})
	text, err := json.Marshal(g)
	require.NoError(t, err)
	var carried Gate
	require.NoError(t, json.Unmarshal(text, &carried))
	require.Equal(t, g, carried)
	_, _ = carried.Consider(say(carol, decision.Approve), nil, time.Time{})
	require.Equal(t, Approved, carried.Outcome)
}

// await waits at a gate with a deadline in an hour and returns how it closed and after how long.
func await(t *testing.T, prepare func(env *testsuite.TestWorkflowEnvironment, g *Gate, stop *bool)) (Gate, time.Duration, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	g := Gate{Requester: alice, Quorum: 1}
	stop := false
	var took time.Duration
	wait := func(ctx workflow.Context) error {
		start := workflow.Now(ctx)
		g.Deadline = start.Add(time.Hour)
		err := g.Await(ctx, func() bool { return stop }, func() {})
		took = workflow.Now(ctx).Sub(start)
		return err
	}
	// Whatever happens to the gate, a workflow looks again only when something happens to it.
	wake := func(ctx workflow.Context) error {
		workflow.Go(ctx, func(ctx workflow.Context) {
			for workflow.GetSignalChannel(ctx, "wake").Receive(ctx, nil) {
			}
		})
		return wait(ctx)
	}
	env.RegisterWorkflowWithOptions(wake, workflow.RegisterOptions{Name: "wait"})
	prepare(env, &g, &stop)
	env.ExecuteWorkflow("wait")
	require.True(t, env.IsWorkflowCompleted())
	return g, took, env.GetWorkflowError()
}

func TestAwait(t *testing.T) {
	t.Parallel()
	t.Run("the deadline passes", func(t *testing.T) {
		t.Parallel()
		g, took, err := await(t, func(*testsuite.TestWorkflowEnvironment, *Gate, *bool) {})
		require.NoError(t, err)
		require.Equal(t, Lapsed, g.Outcome)
		require.Equal(t, time.Hour, took)
		code, _ := g.Consider(say(bob, decision.Approve), nil, time.Time{})
		require.Equal(t, decision.CodeGate, code, "too late")
	})
	t.Run("somebody decides", func(t *testing.T) {
		t.Parallel()
		g, took, err := await(t, func(env *testsuite.TestWorkflowEnvironment, g *Gate, _ *bool) {
			env.RegisterDelayedCallback(func() {
				_, _ = g.Consider(say(bob, decision.Approve), nil, time.Time{})
				env.SignalWorkflow("wake", nil)
			}, 10*time.Minute)
		})
		require.NoError(t, err)
		require.Equal(t, Approved, g.Outcome)
		require.Equal(t, 10*time.Minute, took)
	})
	t.Run("the run must go elsewhere", func(t *testing.T) {
		t.Parallel()
		g, took, err := await(t, func(env *testsuite.TestWorkflowEnvironment, _ *Gate, stop *bool) {
			env.RegisterDelayedCallback(func() { *stop = true; env.SignalWorkflow("wake", nil) }, time.Minute)
		})
		require.NoError(t, err)
		require.Equal(t, Open, g.Outcome, "nobody has decided")
		require.Equal(t, time.Minute, took)
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		g, _, err := await(t, func(env *testsuite.TestWorkflowEnvironment, _ *Gate, _ *bool) {
			env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
		})
		var cancelled *temporal.CanceledError
		require.ErrorAs(t, err, &cancelled)
		require.Equal(t, Open, g.Outcome)
	})
}
