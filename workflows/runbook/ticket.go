package runbook

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

// Ids of the steps of a ticket. They stand in keys of objects in the field: never rename one.
const (
	StepTicket = "ticket"
	StepClose  = "close"
)

// Desk is where a run tells its story, for people who look at tickets. Without a ticket it tells nothing.
type Desk struct {
	Frame   *run.Frame
	Ticket  *spec.Ticket
	Subject string
	Owner   operation.Owner
}

// LookAt proves that the queue takes tickets.
func (d Desk) LookAt(ctx workflow.Context) []wire.Observation {
	name := System(ticketing.Capability, d.Ticket.System)
	if _, err := ticketing.Check(ctx, ticketing.CheckInput{System: d.Ticket.System, Queue: d.Ticket.Queue}); err != nil {
		return Failed(name, err)
	}
	return []wire.Observation{Fine(name, "reachable; queue %s takes tickets", d.Ticket.Queue)}
}

// Open reserves the ticket before the approval, so that who approves can read it.
func (d Desk) Open(after ...string) []Planned {
	if d.Ticket == nil {
		return nil
	}
	return []Planned{{
		Step: run.Step{
			ID: StepTicket, Title: "open the ticket", After: after, Early: true, Reversal: run.Evidence,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				ticket, err := d.ensure(ctx, op)
				return run.Result{Output: ticket, Lines: []string{"ticket " + ticket.ID + " " + ticket.Link}}, err
			},
		},
		Action: wire.Create, Object: "ticket in queue " + d.Ticket.Queue, Detail: []string{d.Subject},
	}}
}

func (d Desk) ensure(ctx workflow.Context, op operation.Op) (ticketing.Ticket, error) {
	out, err := ticketing.OpenTicket(ctx, ticketing.OpenTicketInput{System: d.Ticket.System, Op: op, Request: ticketing.Request{
		Queue: d.Ticket.Queue, Subject: d.Subject, Text: opening(d.Frame), Requester: d.Frame.Requester(),
	}})
	if err == nil {
		d.Frame.SetTicket(out.Ticket.Link)
	}
	return out.Ticket, err
}

// Close writes everything down and closes the ticket. It is the last step: only what was verified is closed.
func (d Desk) Close(after []string) []Planned {
	if d.Ticket == nil {
		return nil
	}
	return []Planned{{
		Step: run.Step{
			ID: StepClose, Title: "close the ticket", After: after, Reversal: run.Evidence,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				ticket, err := run.Output[ticketing.Ticket](d.Frame, StepTicket)
				if err != nil {
					return run.Result{Lines: []string{"there is none"}}, nil //nolint:nilerr // A person skipped it.
				}
				return run.Result{Lines: []string{"resolved"}}, d.settle(ctx, ticket, op, ticketing.Resolved, closing(d.Frame))
			},
		},
		Action: wire.Change, Object: "ticket", Detail: []string{"resolved, with all that was done in writing"},
	}}
}

// Reject tells how a run ended that did not do what was asked.
func (d Desk) Reject(ctx workflow.Context, o wire.Outcome, reason string) error {
	if d.Ticket == nil {
		return nil
	}
	_, target, _ := strings.Cut(string(d.Owner), "/")
	op := operation.Op{Owner: d.Owner, Key: operation.Key{Run: d.Frame.Run(), Step: StepClose, Target: target}}
	ticket, err := run.Output[ticketing.Ticket](d.Frame, StepTicket)
	if err != nil {
		if !d.mayHave() {
			return nil
		}
		// The answer was lost. Ensuring finds the ticket by its key, so that none stays open for ever.
		first := op
		first.Key.Step = StepTicket
		if ticket, err = d.ensure(ctx, first); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("The run ended: %s.\n%s\n", o, reason)
	if left := d.Frame.LeftBehind(); len(left) > 0 {
		text += "\nLeft behind, for a person to take care of:\n- " + strings.Join(left, "\n- ") + "\n"
	}
	return d.settle(ctx, ticket, op, ticketing.Rejected, text)
}

// mayHave reports whether the ticket was asked for and no person did without it.
func (d Desk) mayHave() bool {
	for _, s := range d.Frame.Steps() {
		if s.ID == StepTicket {
			return s.Tries > 0 && s.State != wire.StepSkipped
		}
	}
	return false
}

// settle notes the text and brings the ticket into its last status.
func (d Desk) settle(ctx workflow.Context, ticket ticketing.Ticket, op operation.Op, s ticketing.Status, text string) error {
	_, err := ticketing.AddNote(ctx, ticketing.AddNoteInput{System: d.Ticket.System, Op: op, TicketID: ticket.ID, NoteID: op.Key.Run + "-" + string(s), Text: text})
	if err != nil {
		return err
	}
	_, err = ticketing.SetStatus(ctx, ticketing.SetStatusInput{System: d.Ticket.System, Op: op, TicketID: ticket.ID, Status: s})
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
