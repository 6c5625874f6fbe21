package operation

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
)

func TestOnlyTheExecutionBeforeHandsAStateOver(t *testing.T) {
	t.Parallel()
	require.True(t, continues(&workflow.Info{ContinuedExecutionRunID: "before", Attempt: 1}))
	require.False(t, continues(&workflow.Info{Attempt: 1}), "somebody started it")
	require.False(t, continues(&workflow.Info{ContinuedExecutionRunID: "before", Attempt: 2}), "a retry has the first caller's input")
	require.False(t, continues(&workflow.Info{ContinuedExecutionRunID: "before", Attempt: 1, CronSchedule: "@every 1s"}), "so has a cron schedule")

	var s testsuite.WorkflowTestSuite
	env := s.NewTestWorkflowEnvironment()
	env.ExecuteWorkflow(MustContinue)
	require.ErrorContains(t, env.GetWorkflowError(), "nothing in it can be believed")
	env = s.NewTestWorkflowEnvironment()
	env.SetContinuedExecutionRunID("before")
	env.ExecuteWorkflow(MustContinue)
	require.NoError(t, env.GetWorkflowError())
}
