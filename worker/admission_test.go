package worker

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/operation"
)

func TestOnlyTheWorkflowOfAnOwnerChangesIt(t *testing.T) {
	t.Parallel()
	of := func(workflowID string) activity.Info {
		return activity.Info{ActivityType: activity.Type{Name: "compute.CloneVM"}, WorkflowExecution: workflow.Execution{ID: workflowID}}
	}
	in := compute.CloneVMInput{Op: operation.Op{Owner: "server/web-01"}}
	require.NoError(t, admit(of("server/web-01"), []any{in}))
	require.NoError(t, admit(of("server/web-01"), []any{&in}))
	require.NoError(t, admit(of("inquiry/plan/server/web-01/01J"), []any{compute.PlanInput{}}), "it changes nothing")
	require.NoError(t, admit(of("anything"), nil))
	require.ErrorContains(t, admit(of("server/web-02"), []any{in}), "it is the lock")
	require.ErrorContains(t, admit(of("server/web-01"), []any{compute.CloneVMInput{}}), "it is the lock", "for nobody")
	require.ErrorContains(t, admit(of("server/web-02"), []any{"first", &in}), "it is the lock")
	require.ErrorContains(t, admit(of(""), []any{in}), "only as part of a workflow")
	require.ErrorContains(t, admit(of(""), nil), "only as part of a workflow")
}
