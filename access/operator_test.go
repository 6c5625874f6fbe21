package access

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"

	"fermata/wire"
)

func TestAnOperatorTerminatesQuestionsOnly(t *testing.T) {
	t.Parallel()
	terminate := func(role Role, id string) error {
		return grant(role).Allow(Call{API: workflowService + "TerminateWorkflowExecution", Namespace: "fermata", Request: &workflowservice.TerminateWorkflowExecutionRequest{
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
		}})
	}
	require.NoError(t, terminate(Operator, "inquiry/plan/server/web-01/01J"))
	for _, id := range []string{"server/web-01", "address/10.0.0.1", "inquiry", ""} {
		require.ErrorContains(t, terminate(Operator, id), "fermata cancel", id)
		require.NoError(t, terminate(Admin, id), id)
		require.Error(t, terminate(Reader, id), id)
	}
}

func TestAnOperatorStartsOnItsQueuesOnly(t *testing.T) {
	t.Parallel()
	start := func(g Grant, name string) error {
		return g.Allow(Call{API: workflowService + "StartWorkflowExecution", Namespace: "fermata", Request: &workflowservice.StartWorkflowExecutionRequest{TaskQueue: queue(name)}})
	}
	g := grant(Operator)
	require.NoError(t, start(g, "anything"))
	g.Queues = []string{"fermata"}
	require.NoError(t, start(g, "fermata"))
	require.ErrorContains(t, start(g, "anything"), "no right to task queue")
}

// A reservation or a notice that somebody else made would stand in a run's way.
func TestAnOperatorStartsNothingThatRunsStart(t *testing.T) {
	t.Parallel()
	start := func(role Role, id string) error {
		return grant(role).Allow(Call{API: workflowService + "StartWorkflowExecution", Namespace: "fermata", Request: &workflowservice.StartWorkflowExecutionRequest{WorkflowId: id, TaskQueue: queue("fermata")}})
	}
	require.NoError(t, start(Operator, wire.ServerWorkflowID("web-01")))
	require.NoError(t, start(Operator, wire.InquiryWorkflowID("plan/server/web-01", "01J")))
	for _, r := range []*workflowservice.StartWorkflowExecutionRequest{
		{WorkflowId: "server/web-02", WorkflowType: &commonpb.WorkflowType{Name: wire.HoldReservation}},
		{WorkflowId: "inquiry/1", WorkflowType: &commonpb.WorkflowType{Name: wire.SendNotice}},
		{WorkflowId: "instance/app-01", WorkflowType: &commonpb.WorkflowType{Name: wire.ExpireAccount}},
		{WorkflowId: "server/web-01", CronSchedule: "@every 1s"},
		{WorkflowId: "server/web-01", RetryPolicy: &commonpb.RetryPolicy{}},
	} {
		r.TaskQueue = queue("fermata")
		require.Error(t, grant(Operator).Allow(Call{API: workflowService + "StartWorkflowExecution", Namespace: "fermata", Request: r}), r)
	}
	for _, id := range []string{wire.AddressReservationID("", "10.0.0.1"), wire.AddressReservationID("berlin", "10.0.0.1"), wire.NoticeWorkflowID("1"), wire.ExpiryWorkflowID("instance/app-01", "local", "anna")} {
		require.ErrorContains(t, start(Operator, id), "runs do", id)
		require.NoError(t, start(Admin, id), id)
	}
}

// What runs tell each other carries no signature, so nobody else may say it.
func TestAnOperatorSendsSignedCommandsOnly(t *testing.T) {
	t.Parallel()
	update := func(name string) *workflowservice.UpdateWorkflowExecutionRequest {
		return &workflowservice.UpdateWorkflowExecutionRequest{Namespace: "fermata", Request: &updatepb.Request{Input: &updatepb.Input{Name: name}}}
	}
	begin := func(namespace string) *workflowservice.StartWorkflowExecutionRequest {
		return &workflowservice.StartWorkflowExecutionRequest{Namespace: namespace, WorkflowId: "server/web-01", TaskQueue: queue("fermata")}
	}
	both := func(r *workflowservice.StartWorkflowExecutionRequest, u *workflowservice.UpdateWorkflowExecutionRequest) any {
		return &workflowservice.ExecuteMultiOperationRequest{Operations: []*workflowservice.ExecuteMultiOperationRequest_Operation{
			{Operation: &workflowservice.ExecuteMultiOperationRequest_Operation_StartWorkflow{StartWorkflow: r}},
			{Operation: &workflowservice.ExecuteMultiOperationRequest_Operation_UpdateWorkflow{UpdateWorkflow: u}},
		}}
	}
	signal := func(name string) any {
		return &workflowservice.SignalWorkflowExecutionRequest{WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "server/web-01"}, SignalName: name}
	}
	allow := func(api string, request any) error {
		return grant(Operator).Allow(Call{API: workflowService + api, Namespace: "fermata", Request: request})
	}
	require.NoError(t, allow("SignalWorkflowExecution", signal(wire.SignalDecide)))
	require.NoError(t, allow("UpdateWorkflowExecution", update(wire.UpdateDecide)))
	require.NoError(t, allow("ExecuteMultiOperation", both(begin("fermata"), update(wire.UpdateDecide))))
	for _, name := range []string{wire.SignalFree, wire.SignalAsk, wire.SignalAnswer, wire.SignalMember, wire.SignalFleetStop, "Decide", ""} {
		require.ErrorContains(t, allow("SignalWorkflowExecution", signal(name)), "only signed commands", name)
		require.ErrorContains(t, allow("UpdateWorkflowExecution", update(name)), "only signed commands", name)
		require.ErrorContains(t, allow("ExecuteMultiOperation", both(begin("fermata"), update(name))), "only signed commands", name)
		require.ErrorContains(t, allow("SignalWithStartWorkflowExecution", &workflowservice.SignalWithStartWorkflowExecutionRequest{SignalName: name}), "only signed commands", name)
		require.NoError(t, grant(Admin).Allow(Call{API: workflowService + "SignalWorkflowExecution", Namespace: "fermata", Request: signal(name)}), name)
	}
	require.ErrorContains(t, allow("ExecuteMultiOperation", both(begin("other"), update(wire.UpdateDecide))), "namespace")
	require.ErrorContains(t, allow("SignalWithStartWorkflowExecution", &workflowservice.SignalWithStartWorkflowExecutionRequest{SignalName: wire.SignalDecide, WorkflowId: "notice/1"}), "runs do")
	require.Error(t, allow("ExecuteMultiOperation", &workflowservice.ExecuteMultiOperationRequest{Operations: []*workflowservice.ExecuteMultiOperationRequest_Operation{{}}}))
}
