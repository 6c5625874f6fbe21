// Package run is the frame that every process stands in: it plans, asks, works through the steps, holds what fails,
// takes back what must be taken back, and writes the record.
//
// The frame promises that nothing but reservations is done before the approval, that every step's undo is known before
// the step acts, that a failed step stops only what depends on it, and that a run ends with its record written.
package run

import (
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/decision"
	"fermata/wire"
)

// Process is what a workflow does, in terms of the frame. Its methods are deterministic.
type Process interface {
	// Kind is the workflow type.
	Kind() string
	// Owner is whose objects the run makes or removes.
	Owner() operation.Owner
	// Policy says how the run behaves when something goes wrong.
	Policy() Policy
	// Facts are what the installation's policy looks at. They are Partial as long as only the plan can tell them.
	Facts() decision.Facts
	// Plan reads the systems and says what the run would do. It changes nothing.
	Plan(ctx workflow.Context) (wire.Preview, error)
	// Steps returns the steps of a plan, in an order in which each comes after those it depends on.
	Steps(f *Frame) ([]Step, error)
	// Conclude tells the people concerned how a run ended that was not simply done: it closes the ticket.
	Conclude(ctx workflow.Context, f *Frame, o wire.Outcome, reason string) error
}

// Policy is how a run behaves.
type Policy struct {
	Site             string
	RetryFor         time.Duration // How long an activity is retried before its step is held.
	ApprovalDeadline time.Duration
	UndoOnFailure    bool // Undo at once instead of holding a failed step.
}

// Reversal says what undo does with a step.
type Reversal string

// The reversals.
const (
	Reversible   Reversal = "taken back"
	WithMachine  Reversal = "goes with the machine"
	Evidence     Reversal = "kept as evidence"
	Irreversible Reversal = wire.Irreversible
	Nothing      Reversal = "nothing to take back"
)

// Step is one step of a process.
type Step struct {
	ID       string
	Title    string
	After    []string // Ids of the steps that must be done (or skipped) first.
	Early    bool     // A reservation: done before the approval.
	Reversal Reversal
	// Do acts. What it returns is kept for later steps and for the record.
	Do func(ctx workflow.Context, op operation.Op) (Result, error)
	// Undo takes back whatever Do may have done, by op's key; nil where Reversal says that there is nothing to do. That of an
	// irreversible step looks whether anything was done, so that the ledger lists no step that failed before it acted.
	Undo func(ctx workflow.Context, op operation.Op) error
	// Free ends what Do reserved, when the run ends, however it ends; nil where nothing is reserved.
	Free func(ctx workflow.Context, op operation.Op) error
}

// Result is what a step leaves.
type Result struct {
	Lines  []string // For people.
	Output any      // For later steps; JSON. See Output.
}

// Output returns what a step that is done left for later ones.
func Output[T any](f *Frame, step string) (T, error) {
	var out T
	s := f.state.step(step)
	if s == nil || len(s.Output) == 0 {
		return out, fmt.Errorf("step %q left nothing: was it skipped?", step)
	}
	if err := json.Unmarshal(s.Output, &out); err != nil {
		return out, fmt.Errorf("reading what step %q left: %w", step, err)
	}
	return out, nil
}
