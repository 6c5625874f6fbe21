package guard

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// keptDecisions are how many signed commands the guard shows.
const keptDecisions = 50

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
		return g.refuse(d, wire.Unjudged(e, fault.FromTemporal(err).Text, workflow.Now(ctx))), nil
	}
	v := judged.Verdict
	if !v.Accepted {
		return g.refuse(d, v), nil
	}
	g.keep(wire.Judged{Signed: d.Signed, Verdict: v, Via: "update"})
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
	return g.refuse(d, wire.Forged(e, workflow.Now(ctx)))
}

func (g *guard) refuse(d wire.Decide, v decision.Verdict) wire.DecideResult {
	g.keep(wire.Judged{Signed: d.Signed, Verdict: v, Via: "update"})
	return wire.DecideResult{Code: v.ReasonCode, Reason: v.Reason}
}

// keep shows a signed command. What is shown is carried from execution to execution, so it must stay small; and a flood of
// forged ones must not push out those that counted.
func (g *guard) keep(j wire.Judged) {
	if !j.Verdict.Accepted {
		g.state.Refused++
	}
	g.state.Decisions = append(g.state.Decisions, j.Bounded())
	if len(g.state.Decisions) <= keptDecisions {
		return
	}
	i := max(slices.IndexFunc(g.state.Decisions, func(j wire.Judged) bool { return !j.Verdict.Accepted }), 0)
	g.state.Decisions = slices.Delete(g.state.Decisions, i, i+1)
}
