package client

import (
	"context"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"

	"fermata/wire"
)

// MissingAttributes returns the search attributes that are not registered in the namespace, with their types.
func (c *Client) MissingAttributes(ctx context.Context) (map[string]string, error) {
	out, err := c.temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: c.namespace})
	if err != nil {
		return nil, translate(err, "listing search attributes")
	}
	missing := map[string]string{}
	for _, key := range wire.Attributes() {
		if _, there := out.GetCustomAttributes()[key.GetName()]; !there {
			missing[key.GetName()] = key.GetValueType().String()
		}
	}
	return missing, nil
}

// Open reports whether a run holds the workflow id.
func (c *Client) Open(ctx context.Context, workflowID string) (bool, error) {
	out, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowId = '" + literal(workflowID) + "' AND ExecutionStatus = 'Running'", PageSize: 1,
	})
	if err != nil {
		return false, translate(err, "asking whether "+workflowID+" is busy")
	}
	return len(out.GetExecutions()) > 0, nil
}
