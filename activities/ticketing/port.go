// Package ticketing keeps the ticket that tells people what a run does.
//
// Tickets are evidence: they are opened, noted on and closed, never deleted.
package ticketing

import (
	"context"

	"fermata/activities/operation"
)

// Request describes the ticket to open.
type Request struct {
	Queue     string `json:"queue"`
	Subject   string `json:"subject"`
	Text      string `json:"text"` // Plain text.
	Requester string `json:"requester,omitempty"`
}

// Status is the state of a ticket in words that every system knows.
type Status string

// The states of a ticket.
const (
	Open     Status = "open"
	Resolved Status = "resolved"
	Rejected Status = "rejected"
)

// Ticket is a ticket as the system reports it.
type Ticket struct {
	ID      string          `json:"id"`
	Link    string          `json:"link"` // Where a person reads it.
	Queue   string          `json:"queue"`
	Subject string          `json:"subject"`
	Status  Status          `json:"status"`
	Key     string          `json:"key"` // Operation key in the correlation field.
	Owner   operation.Owner `json:"owner"`
}

// Desk is what a ticket system offers.
type Desk interface {
	// Check proves that the system answers, the credential is good, and the queue exists and takes tickets.
	// Faults: Unauthorized, Unavailable, NotFound for the queue (empty: not looked at).
	Check(ctx context.Context, queue string) error
	// EnsureTicket opens the ticket that carries op.Key in its correlation field, or returns the one that does. If two
	// attempts made one each, the older stays and the other is closed.
	EnsureTicket(ctx context.Context, op operation.Op, r Request) (Ticket, error)
	// EnsureNote adds a note. Its id stands in the note: a note whose id is there already is not added again. Where the
	// system has no fence, a lost answer can still double it: at least once, and the id tells.
	EnsureNote(ctx context.Context, op operation.Op, ticketID, noteID, text string) error
	// EnsureStatus brings the ticket into the status. Conflict: the system's workflow forbids it.
	EnsureStatus(ctx context.Context, op operation.Op, ticketID string, s Status) (Ticket, error)
}
