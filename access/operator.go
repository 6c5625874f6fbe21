package access

import (
	"fmt"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"fermata/wire"
)

// messages are the signals and updates that people send. They carry a signed command; what runs tell each other is not signed,
// so no operator may send it.
var messages = []string{wire.UpdateDecide, wire.SignalDecide}

// allowOperator looks into what an operator sends: the API alone does not say enough.
func (g Grant) allowOperator(request any) error {
	switch r := request.(type) {
	case *workflowservice.StartWorkflowExecutionRequest:
		return g.allowStart(r)
	case *workflowservice.SignalWorkflowExecutionRequest:
		return g.allowMessage(r.GetSignalName())
	case *workflowservice.UpdateWorkflowExecutionRequest:
		return g.allowMessage(r.GetRequest().GetInput().GetName())
	case *workflowservice.SignalWithStartWorkflowExecutionRequest:
		if err := g.allowMessage(r.GetSignalName()); err != nil {
			return err
		}
		return g.allowStart(r)
	case *workflowservice.ExecuteMultiOperationRequest:
		return g.allowOperations(r)
	case *workflowservice.TerminateWorkflowExecutionRequest:
		// Who asked a question may take it back. Whatever changes something is ended by a signed command, which undoes it.
		if id := r.GetWorkflowExecution().GetWorkflowId(); !strings.HasPrefix(id, wire.InquiryPrefix) {
			return fmt.Errorf("%s has the role %s, which may not terminate %q: `fermata cancel` undoes it", g.Name(), g.Role, id)
		}
	}
	return nil
}

// allowOperations looks into a call that holds several.
func (g Grant) allowOperations(r *workflowservice.ExecuteMultiOperationRequest) error {
	for _, o := range r.GetOperations() {
		var request interface{ GetNamespace() string }
		switch {
		case o.GetStartWorkflow() != nil:
			request = o.GetStartWorkflow()
		case o.GetUpdateWorkflow() != nil:
			request = o.GetUpdateWorkflow()
		default:
			return fmt.Errorf("%s has the role %s, which may not do an operation of that kind", g.Name(), g.Role)
		}
		if request.GetNamespace() != g.Namespace {
			return fmt.Errorf("%s has a role in namespace %q and none in %q", g.Name(), g.Namespace, request.GetNamespace())
		}
		if err := g.allowOperator(request); err != nil {
			return err
		}
	}
	return nil
}

// starting is what the requests have in common that start a workflow.
type starting interface {
	GetWorkflowId() string
	GetWorkflowType() *commonpb.WorkflowType
	GetTaskQueue() *taskqueuepb.TaskQueue
	GetCronSchedule() string
	GetRetryPolicy() *commonpb.RetryPolicy
}

// allowStart keeps what only runs start, a reservation or a notice: one that somebody else made would stand in a run's way, or
// speak in its name. A workflow that Temporal itself starts again looks, to its code, nearly as one that goes on.
func (g Grant) allowStart(r starting) error {
	inner := slices.Contains(wire.InnerWorkflows(), r.GetWorkflowType().GetName())
	for _, prefix := range wire.InnerPrefixes() {
		inner = inner || strings.HasPrefix(r.GetWorkflowId(), prefix)
	}
	switch {
	case inner:
		return fmt.Errorf("%s has the role %s, which may not start %s %q: runs do", g.Name(), g.Role, r.GetWorkflowType().GetName(), r.GetWorkflowId())
	case r.GetCronSchedule() != "" || r.GetRetryPolicy() != nil:
		return fmt.Errorf("%s has the role %s, which may not start what Temporal starts again by itself", g.Name(), g.Role)
	case len(g.Queues) == 0:
		return nil
	}
	return g.allowQueue(r.GetTaskQueue(), false)
}

func (g Grant) allowMessage(name string) error {
	if slices.Contains(messages, name) {
		return nil
	}
	return fmt.Errorf("%s has the role %s, which may not send %q: only signed commands (%s)", g.Name(), g.Role, name, wire.UpdateDecide)
}
