package run

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// listen registers everything that the outside may ask or say, before the run blocks for the first time.
func (f *Frame) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, wire.QueryProgress, func() (wire.Progress, error) {
		return f.progress(ctx), nil
	}, workflow.QueryHandlerOptions{Description: "where the run is"})
	if err != nil {
		return fmt.Errorf("registering query %q: %w", wire.QueryProgress, err)
	}
	update := func(ctx workflow.Context, d wire.Decide) (wire.DecideResult, error) {
		f.updates++
		f.weigh(ctx)
		return f.decide(ctx, d, "update")
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, wire.UpdateDecide, update, workflow.UpdateHandlerOptions{
		Validator: func(ctx workflow.Context, d wire.Decide) error { return f.wellFormed(ctx, d) },
	})
	if err != nil {
		return fmt.Errorf("registering update %q: %w", wire.UpdateDecide, err)
	}
	f.decided = workflow.GetSignalChannel(ctx, wire.SignalDecide)
	workflow.GoNamed(ctx, "signals", f.receive)
	workflow.GoNamed(ctx, "guard", f.hear)
	if f.in.Fleet != nil {
		workflow.GoNamed(ctx, "fleet", f.obey)
	}
	return nil
}

// wellFormed refuses what cannot be a decision at all. It leaves no trace, so it refuses nothing that a person could
// have meant.
func (f *Frame) wellFormed(ctx workflow.Context, d wire.Decide) error {
	if _, err := decision.Parse(d.Signed.Envelope); err != nil {
		return err
	}
	if f.full(ctx) {
		return errors.New("the run is about to continue in a new execution: send the decision again")
	}
	return nil
}

// receive takes decisions that came as signals, from bots that fire and forget and while the run was paused.
func (f *Frame) receive(ctx workflow.Context) {
	for len(f.state.Unread) > 0 {
		d := f.state.Unread[0]
		f.state.Unread = f.state.Unread[1:]
		f.take(ctx, d)
	}
	for {
		var d wire.Decide
		if !f.decided.Receive(ctx, &d) {
			return
		}
		f.signals++
		f.weigh(ctx)
		f.take(ctx, d)
	}
}

// take decides one signal. The run does not continue as new in the middle of it, and no other is begun once it will.
func (f *Frame) take(ctx workflow.Context, d wire.Decide) {
	f.deciding++
	_, _ = f.decide(ctx, d, "signal") // A refusal is recorded; nobody waits for the answer.
	f.deciding--
	_ = workflow.Await(ctx, func() bool { return !f.full(ctx) })
}

// glance refuses what no open gate can take, without asking anybody.
func (f *Frame) glance(ctx workflow.Context, d wire.Decide) (decision.Envelope, *decision.Verdict) {
	e, err := decision.Parse(d.Signed.Envelope)
	if err != nil {
		return e, &decision.Verdict{ReasonCode: decision.CodeMalformed, Reason: err.Error(), At: workflow.Now(ctx)}
	}
	if _, open := f.state.gate(e.Gate); !open {
		return e, &decision.Verdict{
			ReasonCode: decision.CodeGate, Envelope: e, ID: e.ID(), At: workflow.Now(ctx),
			Reason: fmt.Sprintf("no gate %q is open", e.Gate),
		}
	}
	return e, nil
}

// decide is the one place where decisions end, however they came.
func (f *Frame) decide(ctx workflow.Context, d wire.Decide, via string) (wire.DecideResult, error) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := f.mutex.Lock(ctx); err != nil {
		return wire.DecideResult{}, err
	}
	defer f.mutex.Unlock()
	envelope, refusal := f.glance(ctx, d)
	if refusal == nil || refusal.ReasonCode == decision.CodeGate {
		if f.state.Seen[envelope.ID()] {
			return f.repeated(ctx, d, via, envelope), nil
		}
	}
	if refusal != nil {
		return f.refuse(ctx, d, via, *refusal), nil
	}
	gate, _ := f.state.gate(envelope.Gate)
	judged, err := authority.Judge(ctx, authority.JudgeInput{Signed: d.Signed, Expectation: f.expectation(ctx, gate)})
	if err != nil {
		reason := fault.FromTemporal(err).Text
		return f.refuse(ctx, d, via, wire.Unjudged(envelope, reason, workflow.Now(ctx))), nil
	}
	verdict := judged.Verdict
	if verdict.Accepted {
		verdict.ReasonCode, verdict.Reason = f.apply(verdict.Envelope, judged.Terms, workflow.Now(ctx))
		verdict.Accepted = verdict.ReasonCode == ""
	}
	if !verdict.Accepted {
		return f.refuse(ctx, d, via, verdict), nil
	}
	verdict.ReasonCode = decision.CodeAccepted
	f.state.Seen[verdict.ID] = true
	f.state.Decisions = append(f.state.Decisions, wire.Judged{Signed: d.Signed, Verdict: verdict, Via: via})
	f.show(ctx)
	return wire.DecideResult{Accepted: true, Code: decision.CodeAccepted}, nil
}

// repeated answers a decision that has counted. Who has its envelope has not its signature: without that it is a forgery.
func (f *Frame) repeated(ctx workflow.Context, d wire.Decide, via string, e decision.Envelope) wire.DecideResult {
	if wire.Counted(f.state.Decisions, d.Signed) {
		return wire.DecideResult{Accepted: true, Reason: wire.CountedAlready}
	}
	return f.refuse(ctx, d, via, wire.Forged(e, workflow.Now(ctx)))
}

func (f *Frame) expectation(ctx workflow.Context, g wire.Gate) decision.Expectation {
	return decision.Expectation{
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, Run: f.in.Run,
		Gate: g.ID, Nonce: g.Nonce, Hash: g.Hash, Commands: g.Commands, Step: g.Step,
		Facts: f.state.Facts, Opened: g.Opened,
	}
}

// apply lets a good decision take effect. It returns why it has none, if so.
func (f *Frame) apply(e decision.Envelope, now *decision.Terms, at time.Time) (code, reason string) {
	if e.Command == decision.Approve || e.Command == decision.Reject {
		return f.consider(e, now, at)
	}
	// What the policy said when the run began still holds: a laxer one makes nothing laxer for a run that is under way.
	if code, reason := f.state.Terms.Refuses(e.Person, e.Command, false); code != "" {
		return code, reason + " (the policy when the run began)"
	}
	switch e.Command {
	case decision.Undo, decision.Cancel:
		if f.state.Stop != nil || f.state.Outcome != "" {
			return decision.CodeGate, "the run is ending already"
		}
		f.Stop(stopOutcome(e.Command), e.Person, e.Reason)
		return "", ""
	case decision.Retry, decision.Skip, decision.Restore, decision.Purge:
		gate, _ := f.state.gate(e.Gate)
		st := f.state.step(gate.Step)
		if st == nil || st.Answer != "" {
			return decision.CodeGate, "the step has been answered already"
		}
		if f.state.Stop != nil && !f.ending {
			return decision.CodeGate, "the run is ending already"
		}
		st.Answer = e.Command
		return "", ""
	case decision.Start, decision.Approve, decision.Reject, decision.StopAutomation, decision.ResumeAutomation:
	}
	return decision.CodeCommand, fmt.Sprintf("a run that goes on does not take %q", e.Command)
}

// consider hands an approval or a rejection to the gate that it is for.
func (f *Frame) consider(e decision.Envelope, now *decision.Terms, at time.Time) (code, reason string) {
	gate := f.state.Approval
	if e.Gate == gateReview {
		gate = f.state.Review
	}
	if c, ok := f.state.Consents[strings.TrimPrefix(e.Gate, gateConsent)]; ok {
		gate = c.Gate
	}
	if gate == nil {
		return decision.CodeGate, "nothing waits for an approval"
	}
	code, reason = gate.Consider(e, now, at)
	f.shown(e.Gate, gate)
	return code, reason
}

func stopOutcome(c decision.Command) wire.Outcome {
	if c == decision.Cancel {
		return wire.Cancelled
	}
	return wire.Undone
}

// refuse records a decision that does not count.
func (f *Frame) refuse(ctx workflow.Context, d wire.Decide, via string, v decision.Verdict) wire.DecideResult {
	v.Accepted = false
	f.keep(wire.Judged{Signed: d.Signed, Verdict: v, Via: via})
	f.show(ctx)
	return wire.DecideResult{Reason: v.Reason, Code: v.ReasonCode}
}

// keep records a decision: whole if it counts or is among the first refusals, else as a number.
func (f *Frame) keep(j wire.Judged) {
	if !j.Verdict.Accepted {
		f.state.Refused++
		if f.state.Refused > keptRefusals {
			return
		}
	}
	f.state.Decisions = append(f.state.Decisions, j.Bounded())
}

// open draws a gate's nonce and opens it. It gives up only when ctx is cancelled: a gate that never opened would leave
// the run waiting for nobody.
func (f *Frame) open(ctx workflow.Context, g wire.Gate) error {
	opened, err := authority.OpenGateAtLast(ctx, authority.OpenGateInput{Gate: g.ID})
	if err != nil {
		return err
	}
	g.Nonce, g.Opened, g.Hash = opened.Nonce, workflow.Now(ctx), f.hash()
	f.state.Gates = append(f.state.Gates, g)
	return nil
}

// hash is of what a person is shown: the plan, or before there is one the document.
func (f *Frame) hash() string {
	if f.state.Preview != nil {
		return f.state.Preview.Hash
	}
	return f.state.Document
}
