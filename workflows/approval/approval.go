// Package approval is the gate that a plan waits at until enough people said yes, one said no, or time ran out.
//
// It counts verdicts that authority has already given on signatures; here stand the rules between people: quorum, four
// eyes, deadline.
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
	Requester string    `json:"requester"`
	Quorum    int       `json:"quorum"` // Different people that must approve, at least 1.
	Deadline  time.Time `json:"deadline"`
	Approvers []string  `json:"approvers,omitempty"`
	Outcome   Outcome   `json:"outcome,omitempty"`
	By        string    `json:"by,omitempty"`     // Who rejected.
	Reason    string    `json:"reason,omitempty"` // In that person's words.
}

// Consider counts a decision whose signature was found good. It returns why it does not count, if so.
func (g *Gate) Consider(e decision.Envelope) (code, reason string) {
	if g.Outcome != Open {
		return decision.CodeGate, "the gate has closed: " + string(g.Outcome)
	}
	switch e.Command {
	case decision.Reject:
		g.Outcome, g.By, g.Reason = Rejected, e.Person, e.Reason
		return "", ""
	case decision.Approve:
		return g.approve(e.Person)
	default:
		return decision.CodeCommand, fmt.Sprintf("an approval gate does not take %q", e.Command)
	}
}

func (g *Gate) approve(person string) (code, reason string) {
	if strings.EqualFold(person, g.Requester) {
		return CodeFourEyes, person + " asked for this run, so somebody else must approve it"
	}
	if !slices.ContainsFunc(g.Approvers, func(other string) bool { return strings.EqualFold(other, person) }) {
		g.Approvers = append(g.Approvers, person)
	}
	if len(g.Approvers) >= max(g.Quorum, 1) {
		g.Outcome = Approved
	}
	return "", ""
}

// Await returns when the gate has closed, its deadline has passed, or also says that waiting must end.
// The error is that of a cancelled ctx.
func (g *Gate) Await(ctx workflow.Context, also func() bool) error {
	left := g.Deadline.Sub(workflow.Now(ctx))
	decided, err := workflow.AwaitWithTimeout(ctx, max(left, 0), func() bool { return g.Outcome != Open || also() })
	if err == nil && !decided && g.Outcome == Open {
		g.Outcome = Lapsed
	}
	return err
}
