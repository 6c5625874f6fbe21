package worker

import (
	"context"
	"errors"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	temporal "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"fermata/activities/executions"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/client"
	"fermata/wire"
)

// asked asks Temporal who polls a queue, and who works for whom.
type asked struct {
	temporal  temporal.Client
	namespace string
}

// Polled reports whether a worker polled the activity queue in the last minute.
func (a asked) Polled(ctx context.Context, queue string) (bool, error) {
	polled, err := client.Polled(ctx, a.temporal.WorkflowService(), a.namespace, queue, enums.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return false, fault.Wrap(fault.Unavailable, err, "asking who polls "+queue)
	}
	return polled, nil
}

// Find returns the latest execution of the workflow id.
func (a asked) Find(ctx context.Context, workflowID string) (executions.Execution, error) {
	out, err := a.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	var unknown *serviceerror.NotFound
	switch {
	case errors.As(err, &unknown):
		return executions.Execution{}, nil
	case err != nil:
		return executions.Execution{}, fault.Wrap(fault.Unavailable, err, "asking for "+workflowID)
	}
	info := out.GetWorkflowExecutionInfo()
	fields := info.GetSearchAttributes().GetIndexedFields()
	return executions.Execution{
		Open:   info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING || info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_PAUSED,
		Target: operation.Owner(keyword(fields[wire.AttributeTarget.GetName()])), Run: keyword(fields[wire.AttributeKey.GetName()]),
		Kind: keyword(fields[wire.AttributeKind.GetName()]), Requester: keyword(fields[wire.AttributeRequester.GetName()]),
		State: keyword(fields[wire.AttributeState.GetName()]),
	}, nil
}

// keyword reads a search attribute of type Keyword; what cannot be read names nobody.
func keyword(p *common.Payload) string {
	var text string
	if p == nil || converter.GetDefaultDataConverter().FromPayload(p, &text) != nil {
		return ""
	}
	return text
}
