package provision

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/activities/ticketing"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

// openTicket reserves the ticket before the approval, so that who approves can read it.
func openTicket(f *run.Frame, t *spec.Ticket, subject string) []planned {
	if t == nil {
		return nil
	}
	return []planned{{
		Step: run.Step{
			ID: stepTicket, Title: "open the ticket", After: []string{stepAddress}, Early: true, Reversal: run.Evidence,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				ticket, err := ensureTicket(ctx, f, t, subject, op)
				return run.Result{Output: ticket, Lines: []string{"ticket " + ticket.ID + " " + ticket.Link}}, err
			},
		},
		action: wire.Create, object: "ticket in queue " + t.Queue, detail: []string{subject},
	}}
}

// subject is what the ticket is called.
func (p *provision) subject() string {
	if t := p.server.Spec.Ticket; t != nil && t.Subject != "" {
		return t.Subject
	}
	return "Provision " + p.server.Metadata.Name
}

// subject is what the ticket is called. The spec's own subject is for the provision.
func (p *decommission) subject() string { return "Decommission " + p.asked.Name }

func ensureTicket(ctx workflow.Context, f *run.Frame, t *spec.Ticket, subject string, op operation.Op) (ticketing.Ticket, error) {
	out, err := ticketing.OpenTicket(ctx, ticketing.OpenTicketInput{System: t.System, Op: op, Request: ticketing.Request{
		Queue: t.Queue, Subject: subject, Text: opening(f), Requester: f.Requester(),
	}})
	if err == nil {
		f.SetTicket(out.Ticket.Link)
	}
	return out.Ticket, err
}

// closeTicket writes everything down and closes the ticket. It is the last step: only what was verified is closed.
func closeTicket(f *run.Frame, server *spec.Server) []planned {
	t := server.Spec.Ticket
	if t == nil {
		return nil
	}
	return []planned{{
		Step: run.Step{
			ID: stepClose, Title: "close the ticket", After: everyStepBefore(server), Reversal: run.Evidence,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				ticket, err := run.Output[ticketing.Ticket](f, stepTicket)
				if err != nil {
					return run.Result{Lines: []string{"there is none"}}, nil //nolint:nilerr // A person skipped it.
				}
				return run.Result{Lines: []string{"resolved"}}, settle(ctx, ticket, t, op, ticketing.Resolved, closing(f))
			},
		},
		action: wire.Change, object: "ticket", detail: []string{"resolved, with all that was done in writing"},
	}}
}

// everyStepBefore names whatever may come last: linked drops what a plan does not have.
func everyStepBefore(server *spec.Server) []string {
	after := []string{stepItem, stepVerify, stepReady, stepPool, stepHealth, stepApplication, stepSystem, stepReach, stepAbsent, stepDestroy, stepResolve}
	for _, device := range firewallsOf(server) {
		after = append(after, firewallStep(device))
	}
	for _, v := range server.Spec.Storage {
		after = append(after, stepVolume+v.Name)
	}
	return after
}

// rejectTicket tells how a run ended that did not do what was asked.
func rejectTicket(ctx workflow.Context, f *run.Frame, t *spec.Ticket, subject string, owner operation.Owner, o wire.Outcome, reason string) error {
	op := operation.Op{Owner: owner, Key: operation.Key{Run: f.Run(), Step: stepClose, Target: strings.TrimPrefix(string(owner), "server/")}}
	ticket, err := run.Output[ticketing.Ticket](f, stepTicket)
	if err != nil {
		if !mayHaveTicket(f) {
			return nil
		}
		// The answer was lost. Ensuring finds the ticket by its key, so that none stays open for ever.
		first := op
		first.Key.Step = stepTicket
		if ticket, err = ensureTicket(ctx, f, t, subject, first); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("The run ended: %s.\n%s\n", o, reason)
	if left := f.LeftBehind(); len(left) > 0 {
		text += "\nLeft behind, for a person to take care of:\n- " + strings.Join(left, "\n- ") + "\n"
	}
	return settle(ctx, ticket, t, op, ticketing.Rejected, text)
}

// mayHaveTicket reports whether the ticket was asked for and no person did without it.
func mayHaveTicket(f *run.Frame) bool {
	for _, s := range f.Steps() {
		if s.ID == stepTicket {
			return s.Tries > 0 && s.State != wire.StepSkipped
		}
	}
	return false
}

// settle notes the text and brings the ticket into its last status.
func settle(ctx workflow.Context, ticket ticketing.Ticket, t *spec.Ticket, op operation.Op, s ticketing.Status, text string) error {
	_, err := ticketing.AddNote(ctx, ticketing.AddNoteInput{System: t.System, Op: op, TicketID: ticket.ID, NoteID: op.Key.Run + "-" + string(s), Text: text})
	if err != nil {
		return err
	}
	_, err = ticketing.SetStatus(ctx, ticketing.SetStatusInput{System: t.System, Op: op, TicketID: ticket.ID, Status: s})
	return err
}

func opening(f *run.Frame) string {
	var b strings.Builder
	p := f.Plan()
	fmt.Fprintf(&b, "%s of %s, run %s, asked for by %s.\nPlan %s:\n", p.Plan.Kind, p.Plan.Owner, f.Run(), f.Requester(), p.Hash)
	for _, c := range p.Plan.Changes {
		fmt.Fprintf(&b, "- %s: %s %s (%s)\n", c.Title, c.Action, c.Object, c.Reversal)
		for _, d := range c.Detail {
			fmt.Fprintf(&b, "    %s\n", d)
		}
	}
	return b.String()
}

func closing(f *run.Frame) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Run %s, asked for by %s, plan %s.\n", f.Run(), f.Requester(), f.Plan().Hash)
	for _, d := range f.Decisions() {
		if d.Verdict.Accepted && d.Verdict.Envelope.Command != decision.Start {
			e := d.Verdict.Envelope
			fmt.Fprintf(&b, "%s by %s at %s (key %s) %s\n", e.Command, e.Person, d.Verdict.At.UTC().Format("2006-01-02T15:04:05Z"), d.Verdict.Fingerprint, e.Reason)
		}
	}
	b.WriteString("What was done:\n")
	for _, s := range f.Steps() {
		fmt.Fprintf(&b, "- %s: %s\n", s.Title, s.State)
		for _, line := range s.Result {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	return b.String()
}
