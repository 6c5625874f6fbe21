package run

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/executions"
	"fermata/decision"
	"fermata/wire"
)

// beginMember checks that a fleet began this run for which people signed that, and that the fleet's run still goes on: what
// was approved once must not begin anything when it is over.
func (f *Frame) beginMember(ctx workflow.Context) error {
	m := f.in.Fleet
	parent := workflow.GetInfo(ctx).ParentWorkflowExecution
	if parent == nil || parent.ID != m.Workflow || !wire.IsFleet(m.Workflow) {
		f.refuseMember(fmt.Sprintf("it says that it is part of %s, but that has not begun it", m.Workflow))
		return nil
	}
	opened, err := authority.OpenGate(ctx, authority.OpenGateInput{Gate: gateRun})
	if err != nil {
		return fmt.Errorf("opening the run: %w", err)
	}
	f.state.Cluster, f.state.Namespace = opened.Cluster, opened.Namespace
	found, err := executions.Find(ctx, executions.FindInput{WorkflowID: m.Workflow})
	if err != nil {
		return fmt.Errorf("looking for %s: %w", m.Workflow, err)
	}
	if !found.Execution.Open || found.Execution.Run != m.Run {
		f.refuseMember(fmt.Sprintf("run %s of %s has ended: what was approved for it begins nothing any more", m.Run, m.Workflow))
		return nil
	}
	judged, err := f.judgeMember(ctx, "")
	if err != nil {
		return err
	}
	f.keepSigned(judged)
	if !judged.Accepted {
		f.refuseMember(judged.Reason)
		return nil
	}
	f.state.Requester, f.state.Terms = judged.Requester, judged.Terms
	f.state.Facts = f.process.Facts()
	f.state.Facts.Requester = judged.Requester
	f.state.Gates = append(f.state.Gates, wire.Gate{
		ID: gateRun, Nonce: opened.Nonce, Hash: f.state.Document, Opened: workflow.Now(ctx),
		Commands: []decision.Command{decision.Undo, decision.Cancel}, Why: "the run can be stopped and undone at any time",
	})
	return nil
}

// belong looks, once the run has made its plan itself, whether that is part of what was approved. Nothing was done before.
func (f *Frame) belong(ctx workflow.Context) error {
	if f.state.Approved != "" {
		return nil
	}
	judged, err := f.judgeMember(ctx, f.state.Preview.Hash)
	if err != nil {
		return err
	}
	if !judged.Accepted {
		if judged.Code == authority.CodeNotPlan {
			f.state.Outcome, f.state.Reason = wire.PlanChanged, judged.Reason
			return nil
		}
		f.refuseMember(judged.Reason)
		return nil
	}
	by := "beforehand, by the policy"
	if len(judged.Approvers) > 0 {
		by = "by " + strings.Join(judged.Approvers, ", ")
	}
	f.state.Approved = fmt.Sprintf("as part of %s (run %s, plan %s), approved %s", f.in.Fleet.Workflow, f.in.Fleet.Run, judged.Plan, by)
	return nil
}

func (f *Frame) judgeMember(ctx workflow.Context, hash string) (authority.JudgeMemberOutput, error) {
	judged, err := authority.JudgeMember(ctx, authority.JudgeMemberInput{
		Member: *f.in.Fleet, FleetKind: wire.ProvisionFleet, Kind: f.process.Kind(), Document: f.in.Document, Hash: hash,
	})
	if err != nil {
		return judged, fmt.Errorf("judging what %s was approved for: %w", f.in.Fleet.Workflow, err)
	}
	if owner := f.process.Owner(); judged.Accepted && owner != f.in.Fleet.Planned.Owner {
		judged.Accepted, judged.Reason = false, fmt.Sprintf("it is %s, begun as %s", owner, f.in.Fleet.Planned.Owner)
	}
	return judged, nil
}

func (f *Frame) refuseMember(reason string) {
	f.state.Outcome, f.state.Reason = wire.Refused, "this run is not part of what was approved: "+reason
}

// keepSigned keeps what people signed for the fleet, with this run's own verdicts.
func (f *Frame) keepSigned(j authority.JudgeMemberOutput) {
	signed := append([]decision.Signed{f.in.Fleet.Start}, f.in.Fleet.Approvals...)
	for i, v := range j.Verdicts {
		if i < len(signed) {
			f.keep(wire.Judged{Signed: signed[i], Verdict: v, Via: wire.ViaFleet})
		}
	}
}

// membership is what proves, beside the decisions, that the run's plan was approved. The fleet's document is left out: its
// record has it, and the plan its hash.
func (f *Frame) membership() authority.Membership {
	m := *f.in.Fleet
	m.Fleet, m.Start, m.Approvals = nil, decision.Signed{}, nil
	return m
}

// obey takes commands that stop the fleet. They are signed for that, and judged here again, by the policy for this run.
func (f *Frame) obey(ctx workflow.Context) {
	stops := workflow.GetSignalChannel(ctx, wire.SignalFleetStop)
	for {
		var d wire.Decide
		if !stops.Receive(ctx, &d) {
			return
		}
		f.signals++
		f.deciding++
		f.obeyOne(ctx, d)
		f.deciding--
	}
}

func (f *Frame) obeyOne(ctx workflow.Context, d wire.Decide) {
	m := f.in.Fleet
	judged, err := authority.Judge(ctx, authority.JudgeInput{Signed: d.Signed, Expectation: decision.Expectation{
		WorkflowID: m.Workflow, Run: m.Run, Gate: m.Stop.Gate, Nonce: m.Stop.Nonce, Hash: m.Stop.Hash,
		Commands: []decision.Command{decision.Undo, decision.Cancel}, Facts: f.state.Facts,
	}})
	if err != nil {
		return // The fleet sends it again while it waits.
	}
	v := judged.Verdict
	if v.Accepted && f.state.Seen[v.ID] {
		return
	}
	if v.Accepted {
		v.ReasonCode, v.Reason = f.apply(v.Envelope, judged.Terms, workflow.Now(ctx))
		v.Accepted = v.ReasonCode == ""
	}
	if !v.Accepted {
		f.refuse(ctx, d, wire.ViaFleet, v)
		return
	}
	v.ReasonCode = decision.CodeAccepted
	f.state.Seen[v.ID] = true
	f.state.Decisions = append(f.state.Decisions, wire.Judged{Signed: d.Signed, Verdict: v, Via: wire.ViaFleet})
	f.show(ctx)
}

// report tells the fleet where the run is, when that has changed. A fleet that is gone need not know.
func (f *Frame) report(ctx workflow.Context) {
	if f.in.Fleet == nil || f.state.Requester == "" && f.state.Outcome == "" {
		return
	}
	r := wire.MemberReport{Owner: f.process.Owner(), Run: f.in.Run, Phase: f.state.Phase}
	if r.Phase == wire.Ended {
		r.Outcome, r.Reason = f.state.Outcome, f.state.Reason
	}
	for _, st := range f.state.Steps {
		if r.Phase == wire.Held && st.State == wire.StepHeld {
			if r.Step == "" {
				r.Step = st.ID
			}
			if st.Reason != nil && r.Reason == "" {
				r.Reason = st.Reason.Text
			}
		}
	}
	if len(r.Reason) > wire.KeptReason {
		r.Reason = strings.ToValidUTF8(r.Reason[:wire.KeptReason], "") + "…"
	}
	if r == f.reported {
		return
	}
	f.reported = r
	sent := workflow.SignalExternalWorkflow(ctx, f.in.Fleet.Workflow, "", wire.SignalMember, r)
	if r.Phase == wire.Ended {
		_ = sent.Get(ctx, nil)
	}
}
