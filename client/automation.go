package client

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	temporal "go.temporal.io/sdk/client"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// Automation asks the guard what it knows: whether automation is stopped, which runs are under way, and who waits for a
// limit. Faults: NotFound where no run has asked for a guard yet.
func (c *Client) Automation(ctx context.Context) (wire.GuardState, error) {
	var state wire.GuardState
	value, err := c.temporal.QueryWorkflow(ctx, wire.GuardWorkflowID(), "", wire.QueryGuard)
	if err != nil {
		return state, translate(err, "asking the guard")
	}
	if err := value.Get(&state); err != nil {
		return state, translate(err, "reading what the guard says")
	}
	return state, nil
}

// StopAutomation lets no run begin another step. It starts the guard where there is none.
func (c *Client) StopAutomation(ctx context.Context, reason string, p Person) (wire.DecideResult, error) {
	_, err := c.temporal.ExecuteWorkflow(ctx, temporal.StartWorkflowOptions{
		ID: wire.GuardWorkflowID(), TaskQueue: wire.Queue, StaticSummary: "limits and stop of automation",
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, wire.Guard, wire.GuardInput{Run: NewRun()})
	if err != nil {
		return wire.DecideResult{}, translate(err, "starting the guard")
	}
	return c.steer(ctx, decision.StopAutomation, reason, p)
}

// ResumeAutomation lets runs go on.
func (c *Client) ResumeAutomation(ctx context.Context, reason string, p Person) (wire.DecideResult, error) {
	return c.steer(ctx, decision.ResumeAutomation, reason, p)
}

func (c *Client) steer(ctx context.Context, command decision.Command, reason string, p Person) (wire.DecideResult, error) {
	result, err := c.Decide(ctx, Decision{WorkflowID: wire.GuardWorkflowID(), Command: command, Reason: reason}, p)
	switch {
	case fault.Is(err, fault.NotFound):
		return result, fault.New(fault.NotFound, "automation was never stopped: there is no guard")
	case fault.Is(err, fault.Conflict):
		return result, fault.New(fault.Conflict, "%s: automation is in that state already; `fermata automation` shows it", command)
	}
	return result, err
}
