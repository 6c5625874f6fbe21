package worker

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/directory"
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

func TestWhatWaitsForTheEndOfAnAccountActsForItsOwner(t *testing.T) {
	t.Parallel()
	of := func(kind, workflowID string) activity.Info {
		return activity.Info{
			ActivityType: activity.Type{Name: "directory.DisableAccount"}, WorkflowExecution: workflow.Execution{ID: workflowID},
			WorkflowType: &workflow.Type{Name: kind},
		}
	}
	in := []any{directory.DisableAccountInput{Op: operation.Op{Owner: "instance/app-01"}}}
	require.NoError(t, admit(of("ExpireAccount", "expiry/instance/app-01/local/anna"), in))
	require.ErrorContains(t, admit(of("ProvisionInstance", "expiry/instance/app-01/local/anna"), in), "it is the lock", "only that process")
	require.ErrorContains(t, admit(of("ExpireAccount", "expiry/instance/app-011/local/anna"), in), "it is the lock", "of another owner")
	require.ErrorContains(t, admit(of("ExpireAccount", "expiry/instance/app-01"), in), "it is the lock")
	require.ErrorContains(t, admit(of("ExpireAccount", "expiry//x"), []any{directory.DisableAccountInput{}}), "it is the lock", "for nobody")
}
