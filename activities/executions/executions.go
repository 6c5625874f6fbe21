// Package executions tells whether a workflow execution is open and for whom it works, so that a run can name who holds
// what it wants, and a reservation can see that its run has gone.
package executions

import (
	"context"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

const activityFind = "executions.Find"

// Execution is the latest execution of a workflow id.
type Execution struct {
	Open   bool            `json:"open"`
	Target operation.Owner `json:"target,omitempty"` // For whom it works: "server/web-01".
	Run    string          `json:"run,omitempty"`    // ULID of the run.
	// What the run shows of itself: its workflow type, who asked for it, where it is or how it ended.
	Kind      string `json:"kind,omitempty"`
	Requester string `json:"requester,omitempty"`
	State     string `json:"state,omitempty"`
}

// Lookup knows executions.
type Lookup interface {
	// Find returns the latest execution of the workflow id; the zero Execution if there never was one.
	// Fault: Unavailable.
	Find(ctx context.Context, workflowID string) (Execution, error)
}

// Activities look at executions. They run as local activities of the workflow worker.
type Activities struct{ lookup Lookup }

// NewActivities asks the lookup.
func NewActivities(l Lookup) *Activities { return &Activities{lookup: l} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityFind, a.Find)
}

// FindInput asks for Find.
type FindInput struct {
	WorkflowID string `json:"workflow_id"`
}

// FindOutput answers Find.
type FindOutput struct {
	Execution Execution `json:"execution"`
}

// Find returns the latest execution of the workflow id.
func (a *Activities) Find(ctx context.Context, in FindInput) (FindOutput, error) {
	found, err := a.lookup.Find(ctx, in.WorkflowID)
	return FindOutput{Execution: found}, fault.ForTemporal(err)
}

// Find returns the latest execution of the workflow id.
func Find(ctx workflow.Context, in FindInput) (FindOutput, error) {
	return operation.CallLocal[FindOutput](ctx, activityFind, in)
}
