package run

import (
	"encoding/json"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"fermata/decision"
	"fermata/wire"
)

// full reports whether this execution should take no more and the run go on in a new one.
func (f *Frame) full(ctx workflow.Context) bool {
	if f.ending {
		return false // Nothing is carried any more: what is left of Temporal's limits is for this execution.
	}
	return f.heavy || f.updates >= f.limits.Updates || f.signals >= f.limits.Signals ||
		workflow.GetInfo(ctx).GetCurrentHistoryLength() >= f.limits.Events
}

// byWeight marks runs that continue as new by the size of their history too: an older build went on.
const byWeight = "continue-by-weight"

// weigh looks at the history's size when something came from outside: only that can be large.
func (f *Frame) weigh(ctx workflow.Context) {
	if f.heavy || f.limits.Bytes == 0 || workflow.GetInfo(ctx).GetCurrentHistorySize() < f.limits.Bytes {
		return
	}
	f.heavy = workflow.GetVersion(ctx, byWeight, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// carry continues the run in a new execution. Gates keep their nonces, so a decision that was signed before still counts.
func (f *Frame) carry(ctx workflow.Context) error {
	quiet := func() bool { return f.deciding == 0 && workflow.AllHandlersFinished(ctx) }
	if err := workflow.Await(ctx, quiet); err != nil {
		return err
	}
	if err := f.handedOver(ctx); err != nil {
		return err
	}
	f.collect(ctx)
	if err := f.keepGroup(); err != nil {
		return err
	}
	carried, err := json.Marshal(f.state)
	if err != nil {
		return fmt.Errorf("carrying the state along: %w", err)
	}
	in := f.in
	in.Carried = carried
	return workflow.NewContinueAsNewError(ctx, f.process.Kind(), in)
}

// carriedUnread is how many bytes of unread signals are carried: Temporal takes 2 MiB of input.
const carriedUnread = 512 << 10

// collect takes the signals that nobody has looked at yet. A flood of what no open gate can take is refused here, so that
// it never outgrows what can be carried.
func (f *Frame) collect(ctx workflow.Context) {
	size := 0
	for _, d := range f.state.Unread {
		size += d.Weight()
	}
	for {
		var d wire.Decide
		if !f.decided.ReceiveAsync(&d) {
			return
		}
		e, refusal := f.glance(ctx, d)
		if gate, _ := f.state.gate(e.Gate); refusal == nil && gate.Nonce != e.Nonce {
			refusal = &decision.Verdict{ReasonCode: decision.CodeNonce, Envelope: e, ID: e.ID(), Reason: "the decision is for an earlier opening of the gate", At: workflow.Now(ctx)}
		}
		size += d.Weight()
		switch {
		case refusal != nil:
			f.refuse(ctx, d, "signal", *refusal)
		case size > carriedUnread:
			f.refuse(ctx, d, "signal", decision.Verdict{ReasonCode: decision.CodeGate, Reason: "too many decisions are waiting: send it again", At: workflow.Now(ctx)})
		default:
			f.state.Unread = append(f.state.Unread, d)
		}
	}
}
