package ticketing

import (
	"context"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "ticketing"

// Activity types.
const (
	activityCheck      = "ticketing.Check"
	activityOpenTicket = "ticketing.OpenTicket"
	activityAddNote    = "ticketing.AddNote"
	activitySetStatus  = "ticketing.SetStatus"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[Desk]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]Desk) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityOpenTicket, a.OpenTicket)
	register(activityAddNote, a.AddNote)
	register(activitySetStatus, a.SetStatus)
}

// Check proves that the ticket system answers and the queue takes tickets.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Desk) (CheckOutput, error) {
		return CheckOutput{}, s.Check(ctx, in.Queue)
	})
}

// OpenTicket opens the ticket.
func (a *Activities) OpenTicket(ctx context.Context, in OpenTicketInput) (OpenTicketOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Desk, _ operation.Progress) (OpenTicketOutput, error) {
		t, err := s.EnsureTicket(ctx, in.Op, in.Request)
		return OpenTicketOutput{Ticket: t}, err
	})
}

// AddNote adds a note to the ticket.
func (a *Activities) AddNote(ctx context.Context, in AddNoteInput) (AddNoteOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Desk, _ operation.Progress) (AddNoteOutput, error) {
		return AddNoteOutput{}, s.EnsureNote(ctx, in.Op, in.TicketID, in.NoteID, in.Text)
	})
}

// SetStatus brings the ticket into a status.
func (a *Activities) SetStatus(ctx context.Context, in SetStatusInput) (SetStatusOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Desk, _ operation.Progress) (SetStatusOutput, error) {
		t, err := s.EnsureStatus(ctx, in.Op, in.TicketID, in.Status)
		return SetStatusOutput{Ticket: t}, err
	})
}
