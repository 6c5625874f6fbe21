package ticketing

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// CheckInput asks for Check.
type CheckInput struct {
	System string `json:"system,omitempty"`
	Queue  string `json:"queue"`
}

// CheckOutput answers Check.
type CheckOutput struct{}

// Check proves that the ticket system answers and the queue takes tickets.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// OpenTicketInput asks for OpenTicket.
type OpenTicketInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Request Request      `json:"request"`
}

// OpenTicketOutput answers OpenTicket.
type OpenTicketOutput struct {
	Ticket Ticket `json:"ticket"`
}

// OpenTicket opens the ticket.
func OpenTicket(ctx workflow.Context, in OpenTicketInput) (OpenTicketOutput, error) {
	return operation.Call[OpenTicketOutput](ctx, Capability, activityOpenTicket, 5*time.Minute, in)
}

// AddNoteInput asks for AddNote.
type AddNoteInput struct {
	System   string       `json:"system,omitempty"`
	Op       operation.Op `json:"op"`
	TicketID string       `json:"ticket_id"`
	NoteID   string       `json:"note_id"`
	Text     string       `json:"text"`
}

// AddNoteOutput answers AddNote.
type AddNoteOutput struct{}

// AddNote adds a note to the ticket.
func AddNote(ctx workflow.Context, in AddNoteInput) (AddNoteOutput, error) {
	return operation.Call[AddNoteOutput](ctx, Capability, activityAddNote, 5*time.Minute, in)
}

// SetStatusInput asks for SetStatus.
type SetStatusInput struct {
	System   string       `json:"system,omitempty"`
	Op       operation.Op `json:"op"`
	TicketID string       `json:"ticket_id"`
	Status   Status       `json:"status"`
}

// SetStatusOutput answers SetStatus.
type SetStatusOutput struct {
	Ticket Ticket `json:"ticket"`
}

// SetStatus brings the ticket into a status.
func SetStatus(ctx workflow.Context, in SetStatusInput) (SetStatusOutput, error) {
	return operation.Call[SetStatusOutput](ctx, Capability, activitySetStatus, 5*time.Minute, in)
}
