package run

import (
	"encoding/json"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"fermata/wire"
)

// full reports whether this execution should take no more and the run go on in a new one.
func (f *Frame) full(ctx workflow.Context) bool {
	return f.updates >= f.limits.Updates || f.signals >= f.limits.Signals ||
		workflow.GetInfo(ctx).GetCurrentHistoryLength() >= f.limits.Events
}

// carry continues the run in a new execution. Gates keep their nonces, so a decision that was signed before still counts.
func (f *Frame) carry(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	for {
		var d wire.Decide
		if !f.decided.ReceiveAsync(&d) {
			break
		}
		f.state.Unread = append(f.state.Unread, d)
	}
	carried, err := json.Marshal(f.state)
	if err != nil {
		return fmt.Errorf("carrying the state along: %w", err)
	}
	in := f.in
	in.Carried = carried
	return workflow.NewContinueAsNewError(ctx, f.process.Kind(), in)
}
