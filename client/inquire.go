package client

import (
	"context"
	"time"

	temporal "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"fermata/activities/record"
	"fermata/wire"
)

// plain reads search attributes, which are never encrypted.
var plain = converter.GetDefaultDataConverter()

// Records reads what closed runs left, and walks the whole chain if verify is set.
func (c *Client) Records(ctx context.Context, find record.FindInput, verify bool) (wire.RecordsOutput, error) {
	return inquire[wire.RecordsOutput](ctx, c, wire.ReadRecords, "records", wire.RecordsInput{Find: find, Verify: verify})
}

// Check asks every system whether it answers, through the workers that hold its credentials.
func (c *Client) Check(ctx context.Context, systems []wire.SystemRef) ([]wire.Observation, error) {
	out, err := inquire[wire.CheckOutput](ctx, c, wire.CheckSystems, "check", wire.CheckInput{Systems: systems})
	return out.Findings, err
}

func inquire[Out any](ctx context.Context, c *Client, kind, what string, in any) (Out, error) {
	var out Out
	handle, err := c.temporal.ExecuteWorkflow(ctx, temporal.StartWorkflowOptions{
		ID: wire.InquiryWorkflowID(what, NewRun()), TaskQueue: wire.Queue, WorkflowExecutionTimeout: 5 * time.Minute,
	}, kind, in)
	if err != nil {
		return out, translate(err, "asking for "+what)
	}
	err = c.await(ctx, handle, &out, "asking for "+what)
	return out, err
}
