package run

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/notify"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/approval"
)

// govern looks at the policy once all is known that its rules look at, before anything is done.
func (f *Frame) govern(ctx workflow.Context) error {
	if f.in.Fleet != nil {
		return f.belong(ctx)
	}
	if f.state.Terms == nil || f.state.Approval != nil || f.state.Approved != "" {
		return nil
	}
	if f.state.Facts.Partial {
		facts := f.process.Facts()
		facts.Requester, facts.Emergency = f.state.Requester, f.state.Facts.Emergency
		facts.Partial = false
		out, err := authority.Terms(ctx, authority.TermsInput{Facts: facts})
		if err != nil {
			return fmt.Errorf("asking the policy: %w", err)
		}
		f.state.Facts, f.state.Terms = facts, out.Terms
	}
	if code, reason := f.state.Terms.Refuses(f.state.Requester, decision.Start, false); code != "" {
		f.state.Outcome, f.state.Reason = wire.Refused, reason
		return nil
	}
	for _, limit := range f.state.Terms.Limits {
		if targets := f.targets(); limit.TargetsPerRun > 0 && targets > limit.TargetsPerRun {
			f.state.Outcome = wire.Refused
			f.state.Reason = fmt.Sprintf("the run would change %d targets, limit %q of the policy allows %d", targets, limit.Name, limit.TargetsPerRun)
			return nil
		}
	}
	return nil
}

// targets is how many targets the run changes. A process with more than one says so.
func (f *Frame) targets() int {
	if many, ok := f.process.(interface{ Targets() int }); ok {
		return many.Targets()
	}
	return 1
}

// ask waits for people to approve the plan, unless the policy has approved it beforehand or lets people act first.
func (f *Frame) ask(ctx workflow.Context) error {
	switch t := f.state.Terms; {
	case f.in.Fleet != nil:
		return nil // As part of its fleet: belong has looked at that.
	case t != nil && t.Change == spec.ChangeStandard:
		f.state.Approved = fmt.Sprintf("a standard change: approved beforehand by rule %q of policy %s", t.Rule, t.Policy)
		return nil
	case t != nil && t.Review != nil:
		f.state.Approved = fmt.Sprintf("an emergency change of %s, by rule %q of policy %s: acted first", f.state.Requester, t.Rule, t.Policy)
		return f.openReview(ctx)
	}
	if f.state.Approval == nil {
		gate := approval.New(f.state.Requester, f.state.Terms, workflow.Now(ctx), f.process.Policy().ApprovalDeadline)
		f.state.Approval = gate
		if err := f.open(ctx, f.asking(gateApproval, gate)); err != nil {
			return err
		}
		f.tell(ctx, f.waiting(ctx, notify.Waiting, gateApproval, gate), f.state.Terms.Audience(decision.Approve))
	}
	f.enter(ctx, wire.Waiting)
	gate := f.state.Approval
	if err := gate.Await(ctx, func() bool { return f.state.Stop != nil || f.full(ctx) }, func() { f.escalate(ctx, gateApproval, gate) }); err != nil {
		return err
	}
	if gate.Outcome == approval.Open && f.state.Stop == nil {
		return f.carry(ctx)
	}
	f.state.closeGate(gateApproval)
	switch gate.Outcome {
	case approval.Rejected:
		f.state.Outcome, f.state.Reason = wire.Denied, strings.TrimSuffix(gate.By+" said no: "+gate.Reason, ": ")
	case approval.Lapsed:
		f.state.Outcome, f.state.Reason = wire.Lapsed, "nobody decided by "+gate.Deadline.UTC().Format(time.RFC3339)
	case approval.Approved, approval.Open:
	}
	return nil
}

// purpose is what people are asked for at a gate, in words.
func (f *Frame) purpose(gate string) string {
	if c, ok := f.state.Consents[strings.TrimPrefix(gate, gateConsent)]; ok {
		return "approve: " + c.What
	}
	if gate == gateReview {
		return "review what was done"
	}
	return "approve the plan"
}

// asking is an approval gate as people see it.
func (f *Frame) asking(id string, gate *approval.Gate) wire.Gate {
	deadline := gate.Deadline
	g := wire.Gate{
		ID: id, Commands: []decision.Command{decision.Approve, decision.Reject}, Deadline: &deadline,
		Why: gate.Wants(f.purpose(id)),
	}
	if gate.Terms == nil {
		return g
	}
	g.Quorum, g.Approvers, g.Groups, g.Notes = gate.Quorum, gate.Approvers, gate.Terms.Who(decision.Approve).Groups, gate.Notes
	if e := gate.Terms.Escalate; e != nil {
		at := gate.Opened.Add(e.After)
		if g.Escalates = &at; gate.Escalated {
			g.Groups = append(g.Groups, e.To.Groups...)
		}
	}
	return g
}

// shown brings an open approval gate up to date: who approved, what changed.
func (f *Frame) shown(id string, gate *approval.Gate) {
	for i, g := range f.state.Gates {
		if g.ID == id && gate.Terms != nil {
			now := f.asking(id, gate)
			now.Nonce, now.Opened, now.Hash, now.Step = g.Nonce, g.Opened, g.Hash, g.Step
			f.state.Gates[i] = now
		}
	}
}

// waiting is the notice of an open gate.
func (f *Frame) waiting(ctx workflow.Context, event notify.Event, id string, gate *approval.Gate) notify.Notice {
	n := f.notice(ctx, event, gate.Wants(f.purpose(id)))
	n.Hash, n.Deadline = f.hash(), gate.Deadline
	return n
}

// escalate asks more people.
func (f *Frame) escalate(ctx workflow.Context, id string, gate *approval.Gate) {
	f.shown(id, gate)
	f.show(ctx)
	f.tell(ctx, f.waiting(ctx, notify.Escalated, id, gate), gate.Terms.Escalate.To.Notify)
}

// openReview opens the gate of an emergency change. The run does not wait at it before it acts.
func (f *Frame) openReview(ctx workflow.Context) error {
	if f.state.Review != nil {
		return nil
	}
	gate := approval.New(f.state.Requester, f.state.Terms, workflow.Now(ctx), f.state.Terms.Review.Within)
	gate.Deadline = gate.Opened.Add(f.state.Terms.Review.Within)
	f.state.Review = gate
	if err := f.open(ctx, f.asking(gateReview, gate)); err != nil {
		return err
	}
	f.tell(ctx, f.waiting(ctx, notify.Waiting, gateReview, gate), f.state.Terms.Audience(decision.Approve))
	return nil
}

// review waits until what was done in an emergency was looked at. It takes nothing back: whoever reviews can also sign undo
// while the run is open.
func (f *Frame) review(ctx workflow.Context) error {
	gate := f.state.Review
	if gate == nil {
		return nil
	}
	f.enter(ctx, wire.Waiting)
	if err := gate.Await(ctx, func() bool { return f.state.Stop != nil || f.full(ctx) }, func() { f.escalate(ctx, gateReview, gate) }); err != nil {
		return err
	}
	if gate.Outcome == approval.Open && f.state.Stop == nil {
		return f.carry(ctx)
	}
	f.state.closeGate(gateReview)
	f.state.Reason = gate.Reviewed()
	return nil
}

// governed is what the policy said, and what became of it.
func (f *Frame) governed() *wire.Governed {
	t := f.state.Terms
	if t == nil {
		return nil
	}
	g := &wire.Governed{Policy: t.Policy, Rule: t.Rule, Change: t.Change, Approved: f.state.Approved, Permit: f.state.Guard.Permit, Permitted: f.state.Guard.Permitted}
	if a := f.state.Approval; a != nil {
		g.Approved, g.Notes = strings.Join(a.Approvers, ", "), a.Notes
	}
	if r := f.state.Review; r != nil {
		g.Review, g.Notes = r.Reviewed(), r.Notes
	}
	if without := f.state.Guard.Without; without != "" {
		g.Notes = append(slices.Clone(g.Notes), without)
	}
	return g
}
