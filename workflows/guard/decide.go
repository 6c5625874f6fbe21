package guard

import (
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// What the guard shows of signed commands.
const (
	keptDecisions = 50      // So many.
	keptSize      = 4 << 10 // Of a larger one that was refused, in bytes, only the verdict.
	keptReason    = 1 << 10
)

// decide judges a signed command and does what it says.
func (g *guard) decide(ctx workflow.Context, d wire.Decide) (wire.DecideResult, error) {
	if err := g.mutex.Lock(ctx); err != nil {
		return wire.DecideResult{}, err
	}
	defer g.mutex.Unlock()
	e, err := decision.Parse(d.Signed.Envelope)
	if err != nil {
		return wire.DecideResult{Code: decision.CodeMalformed, Reason: err.Error()}, nil
	}
	if g.state.Seen[e.ID()] {
		return g.repeated(ctx, d, e), nil
	}
	judged, err := authority.Judge(ctx, authority.JudgeInput{Signed: d.Signed, Expectation: decision.Expectation{
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, Run: g.in.Run, Gate: g.state.Gate.ID, Nonce: g.state.Gate.Nonce,
		Hash: g.state.Gate.Hash, Commands: g.state.Gate.Commands,
	}})
	if err != nil {
		reason := fault.FromTemporal(err).Text
		g.keep(wire.Judged{Signed: d.Signed, Via: "update", Verdict: decision.Verdict{
			ReasonCode: decision.CodeNoPolicy, Envelope: e, ID: e.ID(), Reason: reason, At: workflow.Now(ctx),
		}})
		return wire.DecideResult{Code: decision.CodeNoPolicy, Reason: reason}, nil
	}
	v := judged.Verdict
	g.keep(wire.Judged{Signed: d.Signed, Verdict: v, Via: "update"})
	if !v.Accepted {
		return wire.DecideResult{Code: v.ReasonCode, Reason: v.Reason}, nil
	}
	g.state.Seen[v.ID] = true
	var stopped *wire.Stopped
	if v.Envelope.Command == decision.StopAutomation {
		stopped = &wire.Stopped{By: v.Envelope.Person, Reason: v.Envelope.Reason, Since: workflow.Now(ctx)}
	}
	g.tell(ctx, g.state.Book.stop(stopped, workflow.Now(ctx)))
	return wire.DecideResult{Accepted: true, Code: decision.CodeAccepted}, g.open(ctx)
}

// repeated answers a command that has counted. Who has its envelope has not its signature: without that it is a forgery.
func (g *guard) repeated(ctx workflow.Context, d wire.Decide, e decision.Envelope) wire.DecideResult {
	if wire.Counted(g.state.Decisions, d.Signed) {
		return wire.DecideResult{Accepted: true, Reason: wire.CountedAlready}
	}
	v := wire.Forged(e, workflow.Now(ctx))
	g.keep(wire.Judged{Signed: d.Signed, Verdict: v, Via: "update"})
	return wire.DecideResult{Code: v.ReasonCode, Reason: v.Reason}
}

// keep shows a signed command. What is shown is carried from execution to execution, so it must stay small; and a flood of
// forged ones must not push out those that counted.
func (g *guard) keep(j wire.Judged) {
	if !j.Verdict.Accepted {
		g.state.Refused++
		if len(j.Signed.Envelope)+len(j.Signed.Signature) > keptSize {
			j.Signed, j.Verdict.Envelope = decision.Signed{}, decision.Envelope{} // No evidence, only weight.
		}
		if len(j.Verdict.Reason) > keptReason {
			j.Verdict.Reason = strings.ToValidUTF8(j.Verdict.Reason[:keptReason], "") + "…"
		}
	}
	g.state.Decisions = append(g.state.Decisions, j)
	if len(g.state.Decisions) <= keptDecisions {
		return
	}
	i := max(slices.IndexFunc(g.state.Decisions, func(j wire.Judged) bool { return !j.Verdict.Accepted }), 0)
	g.state.Decisions = slices.Delete(g.state.Decisions, i, i+1)
}
