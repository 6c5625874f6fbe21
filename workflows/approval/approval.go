// Package approval is the gate that a plan waits at until enough people said yes, one said no, or time ran out.
//
// It counts verdicts that authority has already given on signatures; here stand the rules between people: quorum, four
// eyes, escalation, deadline. What a policy says when the gate opens can become stricter while it waits, never laxer.
package approval

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/decision"
)

// CodeFourEyes is the reason code of a decision that came from the requester.
const CodeFourEyes = "four_eyes"

// Outcome says how a gate closed.
type Outcome string

// The outcomes.
const (
	Open     Outcome = ""
	Approved Outcome = "approved"
	Rejected Outcome = "rejected"
	Lapsed   Outcome = "lapsed"
)

// Gate counts decisions. It is plain data, so that it travels through continue-as-new.
type Gate struct {
	Requester string          `json:"requester"`
	Quorum    int             `json:"quorum"` // Different people that must approve, at least 1.
	Opened    time.Time       `json:"opened,omitzero"`
	Deadline  time.Time       `json:"deadline"`
	Terms     *decision.Terms `json:"terms,omitempty"` // Of the policy when the gate opened; nil without a policy file.
	Approvers []string        `json:"approvers,omitempty"`
	Outcome   Outcome         `json:"outcome,omitempty"`
	By        string          `json:"by,omitempty"`     // Who rejected.
	Reason    string          `json:"reason,omitempty"` // In that person's words.
	// Escalated: the time has come for those to decide too whom the policy names for that.
	Escalated bool `json:"escalated,omitempty"`
	// Policies are the hashes of the policy files that decisions were judged by after the one in Terms, and Notes what that
	// changed, for people and the record.
	Policies []string `json:"policies,omitempty"`
	Notes    []string `json:"notes,omitempty"`
}

// New opens a gate for so long, or as long as the terms say if that is shorter. The nil terms ask for one other person.
func New(requester string, terms *decision.Terms, opened time.Time, wait time.Duration) *Gate {
	g := &Gate{Requester: requester, Quorum: 1, Terms: terms}
	if terms != nil {
		g.Opened, g.Quorum = opened, max(terms.Quorum, 1)
		if terms.Deadline > 0 {
			wait = min(wait, terms.Deadline)
		}
	}
	g.Deadline = opened.Add(wait)
	return g
}

// Consider counts a decision whose signature was found good under the terms of now. It returns why it does not count, if so.
func (g *Gate) Consider(e decision.Envelope, now *decision.Terms, at time.Time) (code, reason string) {
	if g.Outcome != Open {
		return decision.CodeGate, "the gate has closed: " + string(g.Outcome)
	}
	if e.Command != decision.Approve && e.Command != decision.Reject {
		return decision.CodeCommand, fmt.Sprintf("an approval gate does not take %q", e.Command)
	}
	g.tighten(now)
	if now != nil && at.After(g.Deadline) {
		return decision.CodeExpired, "the time to decide ended at " + g.Deadline.UTC().Format(time.RFC3339)
	}
	if code, reason := g.Terms.Refuses(e.Person, e.Command, g.Terms.Escalated(g.Opened, at)); code != "" {
		return code, reason + " (the policy when the gate opened)"
	}
	if e.Command == decision.Reject {
		g.Outcome, g.By, g.Reason = Rejected, e.Person, e.Reason
		return "", ""
	}
	return g.approve(e.Person, now, at)
}

func (g *Gate) approve(person string, now *decision.Terms, at time.Time) (code, reason string) {
	if g.fourEyes(now) && strings.EqualFold(person, g.Requester) {
		return CodeFourEyes, person + " asked for this run, so somebody else must approve it"
	}
	g.recount(now, at)
	if !slices.ContainsFunc(g.Approvers, func(other string) bool { return strings.EqualFold(other, person) }) {
		g.Approvers = append(g.Approvers, person)
	}
	if len(g.Approvers) >= max(g.Quorum, 1) {
		g.Outcome = Approved
	}
	return "", ""
}

// fourEyes holds unless both policies, that of then and that of now, say otherwise. What was done in an emergency is never
// reviewed by who did it.
func (g *Gate) fourEyes(now *decision.Terms) bool {
	lax := func(t *decision.Terms) bool { return t != nil && !t.FourEyes && t.Review == nil }
	return !lax(g.Terms) || !lax(now)
}

// tighten takes over what another policy than that of then asks beyond it.
func (g *Gate) tighten(now *decision.Terms) {
	if now == nil || (g.Terms != nil && now.Policy == g.Terms.Policy) || slices.Contains(g.Policies, now.Policy) {
		return
	}
	g.Policies = append(g.Policies, now.Policy)
	before := "no policy file"
	if g.Terms != nil {
		before = g.Terms.Policy
	}
	note := fmt.Sprintf("the policy changed while this waited, from %s to %s: the stricter of both holds", before, now.Policy)
	if now.Quorum > g.Quorum {
		note += fmt.Sprintf("; %d people must approve instead of %d", now.Quorum, max(g.Quorum, 1))
		g.Quorum = now.Quorum
	}
	if wait := g.wait(now); wait > 0 && !g.Opened.IsZero() && g.Opened.Add(wait).Before(g.Deadline) {
		g.Deadline = g.Opened.Add(wait)
		note += "; the time to decide ends at " + g.Deadline.UTC().Format(time.RFC3339)
	}
	g.Notes = append(g.Notes, note)
}

func (g *Gate) wait(t *decision.Terms) time.Duration {
	if g.Terms != nil && g.Terms.Review != nil && t.Review != nil {
		return t.Review.Within
	}
	return t.Deadline
}

// recount lets go of approvals by people whom the policy of now does not let approve any more.
func (g *Gate) recount(now *decision.Terms, at time.Time) {
	g.Approvers = slices.DeleteFunc(g.Approvers, func(person string) bool {
		code, reason := now.Refuses(person, decision.Approve, now.Escalated(g.Opened, at))
		if code == "" && g.fourEyes(now) && strings.EqualFold(person, g.Requester) {
			code, reason = CodeFourEyes, "somebody else than the requester must approve"
		}
		if code != "" {
			g.Notes = append(g.Notes, fmt.Sprintf("the approval of %s does not count any more: %s", person, reason))
		}
		return code != ""
	})
}

// Await returns when the gate has closed, its deadline has passed, or also says that waiting must end. escalate is called
// once, when others are asked too. The error is that of a cancelled ctx.
func (g *Gate) Await(ctx workflow.Context, also func() bool, escalate func()) error {
	done := func() bool { return g.Outcome != Open || also() }
	for {
		deadline := g.Deadline
		next, escalates := g.next()
		decided, err := workflow.AwaitWithTimeout(ctx, g.left(ctx, next), func() bool { return done() || !g.Deadline.Equal(deadline) })
		switch {
		case err != nil || done():
			return err
		case decided: // The deadline has come nearer.
		case escalates:
			g.Escalated = true
			escalate()
		default:
			g.Outcome = Lapsed
			return nil
		}
	}
}

// next is when something happens by itself: others are asked too, or nobody is asked any more.
func (g *Gate) next() (at time.Time, escalates bool) {
	if g.Terms != nil && g.Terms.Escalate != nil && !g.Escalated {
		if at := g.Opened.Add(g.Terms.Escalate.After); at.Before(g.Deadline) {
			return at, true
		}
	}
	return g.Deadline, false
}

func (g *Gate) left(ctx workflow.Context, until time.Time) time.Duration {
	return max(until.Sub(workflow.Now(ctx)), 0)
}

// Wants says who must do what, in words.
func (g *Gate) Wants(what string) string {
	if g.Terms == nil {
		return "somebody other than " + g.Requester + " must " + what
	}
	who := g.Terms.Who(decision.Approve).String()
	if g.Escalated {
		who += " or " + g.Terms.Escalate.To.String()
	}
	text := fmt.Sprintf("somebody of %s must %s", who, what)
	if g.Quorum > 1 {
		text = fmt.Sprintf("%d people of %s must %s", g.Quorum, who, what)
	}
	if g.fourEyes(g.Terms) {
		text += ", other than " + g.Requester
	}
	if len(g.Approvers) > 0 {
		text += "; so far " + strings.Join(g.Approvers, ", ")
	}
	return text
}

// Reviewed says what became of the review of an emergency change.
func (g *Gate) Reviewed() string {
	switch g.Outcome {
	case Approved:
		return "an emergency change, reviewed and accepted by " + strings.Join(g.Approvers, ", ")
	case Rejected:
		return strings.TrimSuffix(fmt.Sprintf("an emergency change, reviewed and not accepted by %s: %s", g.By, g.Reason), ": ")
	case Lapsed:
		return "an emergency change that nobody reviewed by " + g.Deadline.UTC().Format(time.RFC3339)
	case Open:
	}
	return "an emergency change, not reviewed yet"
}
