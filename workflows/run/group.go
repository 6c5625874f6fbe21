package run

import (
	"encoding/json"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// Group is a process that works on many targets, each by a run of its own.
type Group interface {
	Process
	// Targets is how many there are.
	Targets() int
	// Fleet is where they are.
	Fleet() *wire.Fleet
	// Keep writes what the process knows of its targets, for the execution that goes on, and Restore reads it.
	Keep() (json.RawMessage, error)
	Restore(kept json.RawMessage) error
	// Listen registers what the process hears. It is called before anything blocks.
	Listen(ctx workflow.Context, f *Frame)
}

// openGroup lets a process of many targets take up what it knew, and hear.
func (f *Frame) openGroup(ctx workflow.Context) error {
	g, ok := f.process.(Group)
	if !ok {
		return nil
	}
	if len(f.state.Group) > 0 {
		if err := g.Restore(f.state.Group); err != nil {
			return temporal.NewNonRetryableApplicationError("reading the carried state", string(fault.Invalid), err)
		}
		f.state.Group = nil
	}
	g.Listen(ctx, f)
	return nil
}

func (f *Frame) keepGroup() error {
	g, ok := f.process.(Group)
	if !ok {
		return nil
	}
	kept, err := g.Keep()
	if err != nil {
		return fmt.Errorf("carrying along where the targets are: %w", err)
	}
	f.state.Group = kept
	return nil
}

// counted are the limits that the run's permit counts for. One that works through others changes nothing itself: each of its
// targets is counted once, by its own run.
func (f *Frame) counted() []decision.Limit {
	if _, group := f.process.(Group); group {
		return nil
	}
	return f.state.Terms.Limits
}

// Rest waits in the middle of a step in which nothing is in flight that this execution alone knows of: meanwhile the run
// may continue as new, and the step is done again from where the process stands. It returns when until holds, or with an
// error when the step must end.
func (f *Frame) Rest(ctx workflow.Context, until func() bool) error {
	f.weigh(ctx)
	if f.full(ctx) {
		until = func() bool { return false } // The frame carries the run on, and cancels ctx.
	}
	f.running--
	defer func() { f.running++ }()
	return workflow.Await(ctx, until)
}

// Heard counts a signal that the process has taken: an execution takes so many.
func (f *Frame) Heard(ctx workflow.Context) {
	f.signals++
	f.weigh(ctx)
}

// Full reports whether this execution should begin nothing more, as the run will go on in a new one.
func (f *Frame) Full(ctx workflow.Context) bool { return f.full(ctx) }

// Enter shows another phase.
func (f *Frame) Enter(ctx workflow.Context, p wire.Phase) {
	if f.state.Phase != p {
		f.enter(ctx, p)
		return
	}
	f.show(ctx)
}

// Stopping reports whether the run must end early.
func (f *Frame) Stopping() bool { return f.state.Stop != nil }

// Stopped says by whom automation is stopped, if it is.
func (f *Frame) Stopped() *wire.Stopped { return f.state.Guard.Stopped }

// Emergency reports whether the requester signed that the change cannot wait.
func (f *Frame) Emergency() bool { return f.state.Facts.Emergency }

// StopGate is the gate that takes undo and cancel, as long as it is open.
func (f *Frame) StopGate() wire.Gate {
	g, _ := f.state.gate(gateRun)
	return g
}

// Signed are the start and the approvals that counted, and the gate that those were given at: what others can judge again.
func (f *Frame) Signed() (start decision.Signed, approvals []decision.Signed, gate wire.Gate) {
	for _, d := range f.state.Decisions {
		if e := d.Verdict.Envelope; d.Verdict.Accepted && e.Command == decision.Approve && e.Gate == gateApproval {
			approvals = append(approvals, d.Signed)
			gate.ID, gate.Nonce = e.Gate, e.Nonce
		}
	}
	if f.state.Approval != nil {
		gate.Opened = f.state.Approval.Opened
	}
	return f.in.Start, approvals, gate
}
