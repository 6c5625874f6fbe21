package requesttracker

import (
	"context"
	"fmt"
	"net/http"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// EnsureTicket opens the ticket of the operation, as ticketing.Desk says. Faults: Invalid for a key or owner that cannot
// be searched for, Unauthorized where a right is missing (also one on the custom fields), NotFound for the queue.
func (d *Driver) EnsureTicket(ctx context.Context, op operation.Op, r ticketing.Request) (ticketing.Ticket, error) {
	if err := checkOperation(op); err != nil {
		return ticketing.Ticket{}, fmt.Errorf("opening a ticket: %w", err)
	}
	if r.Queue == "" {
		r.Queue = d.config.Queue
	}
	if r.Queue == "" {
		return ticketing.Ticket{}, fault.New(fault.Invalid, "opening a ticket: no queue is named: set it in the spec or in the configuration")
	}
	r.Subject = line(r.Subject)
	found, err := d.withKey(ctx, op.Key.String())
	if err != nil {
		return ticketing.Ticket{}, err
	}
	if len(found) > 0 {
		return d.adopt(ctx, op, r, found)
	}
	return d.open(ctx, op, r)
}

// open creates a ticket and looks again: another attempt may have done the same.
func (d *Driver) open(ctx context.Context, op operation.Op, r ticketing.Request) (ticketing.Ticket, error) {
	id, err := d.create(ctx, op, r)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	found, err := d.withKey(ctx, op.Key.String())
	if err != nil {
		return ticketing.Ticket{}, err
	}
	if len(found) > 0 {
		return d.adopt(ctx, op, r, found)
	}
	mine, err := d.get(ctx, id)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	if mine.field(d.config.CustomField) == op.Key.String() {
		return d.translate(mine), nil
	}
	return ticketing.Ticket{}, d.keyless(ctx, op, mine)
}

// keyless closes a ticket that RT made without the key although no other has it: RT drops fields that the user may not
// set, and says nothing.
func (d *Driver) keyless(ctx context.Context, op operation.Op, mine ticket) error {
	err := fault.New(fault.Unauthorized, "opening a ticket: ticket %d does not show the key that was given to it: apply the custom field %q to queue %q "+
		"and grant the token's user SeeCustomField and SetInitialCustomField on it", mine.ID, d.config.CustomField, mine.Queue.Name)
	if closing := d.closeTicket(ctx, op, mine, "no-key", "Closed: this ticket was opened without its operation key, so it could not be found again."); closing != nil {
		d.log.WarnContext(ctx, "a ticket without a key stays open", "ticket", int(mine.ID), "reason", closing.Error())
	}
	return err
}

func (d *Driver) create(ctx context.Context, op operation.Op, r ticketing.Request) (int, error) {
	body := map[string]any{
		"Queue": r.Queue, "Subject": r.Subject, "Content": text(r.Text),
		"CustomFields": map[string]string{d.config.CustomField: op.Key.String(), d.config.OwnerField: string(op.Owner)},
	}
	if r.Requester != "" {
		body["Requestor"] = []string{line(r.Requester)}
	}
	var made created
	_, err := d.client.call(ctx, request{
		method: http.MethodPost, path: []string{"ticket"}, body: body, doing: fmt.Sprintf("opening a ticket in queue %q", r.Queue),
	}, &made)
	if fault.Is(err, fault.Unauthorized) { // RT says the same of a queue that does not exist.
		if checked := d.Check(ctx, r.Queue); fault.Is(checked, fault.NotFound) {
			return 0, checked
		}
	}
	return int(made.ID), err
}

// adopt returns the oldest of the tickets that carry the key. The others, and those that got no key because of it, are
// closed.
func (d *Driver) adopt(ctx context.Context, op operation.Op, r ticketing.Request, found []ticket) (ticketing.Ticket, error) {
	oldest, others := found[0], found[1:]
	orphans, err := d.orphans(ctx, op.Owner, r.Subject)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	for _, other := range append(others, orphans...) {
		why := fmt.Sprintf("Closed: ticket %d is the one of this operation. Two attempts at one step opened a ticket each; the older one counts.", oldest.ID)
		err := d.closeTicket(ctx, op, other, "duplicate-of-"+decimal(int(oldest.ID)), why)
		if fault.Is(err, fault.Conflict) { // A lifecycle of its own; the note is there, and a person sees it.
			d.log.WarnContext(ctx, "a double ticket stays open", "ticket", int(other.ID), "reason", err.Error())
			continue
		}
		if err != nil {
			return ticketing.Ticket{}, err
		}
	}
	return d.translate(oldest), nil
}

// closeTicket closes a superfluous ticket with a note. One that is closed is left as it is.
func (d *Driver) closeTicket(ctx context.Context, op operation.Op, t ticket, noteID, why string) error {
	if d.config.Status.status(t.Status) != ticketing.Open {
		return nil
	}
	id := decimal(int(t.ID))
	if err := d.EnsureNote(ctx, op, id, noteID, why); err != nil {
		return err
	}
	_, err := d.setStatus(ctx, int(t.ID), d.config.Status.Rejected)
	return err
}
