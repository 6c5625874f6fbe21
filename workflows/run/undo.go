package run

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/wire"
)

// undoFor is how long an undo is retried before it goes into the ledger and the next one is done.
const undoFor = 15 * time.Minute

// undo takes back what was begun, in reverse, and goes on past what cannot be. A second cancel changes nothing: ctx is
// disconnected.
func (f *Frame) undo(ctx workflow.Context) {
	f.enter(ctx, wire.Undoing)
	for _, st := range f.begun() {
		if st.State != wire.StepUndone && st.State != wire.StepUndoFailed {
			f.takeBack(ctx, f.steps[st.ID], st)
		}
	}
}

// begun returns the steps that began, the latest first.
func (f *Frame) begun() []*stepState {
	var out []*stepState
	for _, st := range f.state.Steps {
		if st.Order > 0 {
			out = append(out, st)
		}
	}
	slices.SortFunc(out, func(a, b *stepState) int { return b.Order - a.Order })
	return out
}

func (f *Frame) takeBack(ctx workflow.Context, s Step, st *stepState) {
	f.state.closeGate(gateHold + s.ID)
	if s.Undo == nil {
		if s.Reversal == Irreversible {
			st.State = wire.StepUndoFailed
			f.leave(fmt.Sprintf("%s: irreversible", s.Title))
		}
		return
	}
	st.State = wire.StepUndoing
	f.show(ctx)
	ctx = f.routed(ctx, s)
	route := operation.RouteOf(ctx)
	route.Step = operation.Undoing(s.ID)
	route.Summary, route.RetryFor = "undo: "+s.Title, min(route.RetryFor, undoFor)
	err := s.Undo(operation.WithRoute(ctx, route), f.op(s))
	undone := workflow.Now(ctx)
	st.Undone = &undone
	if err != nil {
		reason := fault.FromTemporal(err)
		st.State, st.Reason = wire.StepUndoFailed, &reason
		f.leave(fmt.Sprintf("%s: %s", s.Title, reason.Text))
		return
	}
	st.State = wire.StepUndone
	f.show(ctx)
}

func (f *Frame) leave(line string) { f.state.Left = append(f.state.Left, line) }
