package servicenow

import (
	"context"
	"fmt"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// EnsureTicket opens the ticket of the operation, as ticketing.Desk says. Faults: Invalid for a key or owner that the
// fields cannot hold, Unauthorized where a right is missing (also one on correlation_id), NotFound for the group or the
// template, Conflict where a business rule forbids it.
func (d *Driver) EnsureTicket(ctx context.Context, op operation.Op, r ticketing.Request) (ticketing.Ticket, error) {
	if err := checkOperation(op); err != nil {
		return ticketing.Ticket{}, fmt.Errorf("opening a ticket: %w", err)
	}
	if r.Queue == "" {
		r.Queue = d.config.AssignmentGroup
	}
	if r.Queue == "" {
		return ticketing.Ticket{}, fault.New(fault.Invalid, "opening a ticket: no queue is named: set it in the spec, or assignmentGroup in the configuration")
	}
	found, err := d.withKey(ctx, op.Key.String())
	if err != nil {
		return ticketing.Ticket{}, err
	}
	if len(found) > 0 {
		return d.adopt(ctx, op, found)
	}
	return d.open(ctx, op, r)
}

// open creates a ticket and looks again: another attempt may have done the same.
func (d *Driver) open(ctx context.Context, op operation.Op, r ticketing.Request) (ticketing.Ticket, error) {
	group, err := d.group(ctx, r.Queue)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	item, err := d.item(ctx, op.Owner)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	doing := fmt.Sprintf("opening a ticket for group %q", r.Queue)
	sysID, err := d.create(ctx, d.fields(op, r, group, item), doing)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	mine, err := d.get(ctx, sysID, doing)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	if mine.Key.value != op.Key.String() {
		return ticketing.Ticket{}, d.keyless(ctx, op, mine)
	}
	found, err := d.withKey(ctx, op.Key.String())
	if err != nil {
		return ticketing.Ticket{}, err
	}
	if len(found) == 0 { // Found by its sys_id and not by its key: the search lags behind, and the next attempt sees.
		return ticketing.Ticket{}, fault.New(fault.Unavailable, "%s: ticket %s is not found by its key yet", doing, mine.Number.value)
	}
	return d.adopt(ctx, op, found)
}

// fields are those of a new ticket. A standard change has the description of its template and ignores another, so its
// text is a work note.
func (d *Driver) fields(op operation.Op, r ticketing.Request, group, item string) map[string]string {
	content := text(r.Text)
	if r.Requester != "" {
		content = text("Requested by " + line(r.Requester) + "\n\n" + r.Text)
	}
	fields := map[string]string{
		"short_description": line(r.Subject), "assignment_group": group,
		"correlation_id": op.Key.String(), "correlation_display": string(op.Owner),
	}
	where := "description"
	if d.config.Kind == Standard {
		where = "work_notes"
	}
	fields[where] = content
	if item != "" {
		fields["cmdb_ci"] = item
	}
	return fields
}

// keyless cancels a ticket that the instance made without the key: it drops what the user may not write, and says so
// only in passing.
func (d *Driver) keyless(ctx context.Context, op operation.Op, mine record) error {
	err := fault.New(fault.Unauthorized, "opening a ticket: ticket %s does not show the key that was given to it: let the user read and write correlation_id of %s",
		mine.Number.value, d.config.table())
	if closing := d.cancel(ctx, op, mine, "no-key", "Canceled: this ticket was opened without its operation key, so it could not be found again."); closing != nil {
		d.log.WarnContext(ctx, "a ticket without a key stays open", "ticket", mine.Number.value, "reason", closing.Error())
	}
	return err
}

// adopt returns the oldest of the tickets that carry the key. The others are canceled.
func (d *Driver) adopt(ctx context.Context, op operation.Op, found []record) (ticketing.Ticket, error) {
	oldest, others := found[0], found[1:]
	for _, other := range others {
		why := fmt.Sprintf("Canceled: ticket %s is the one of this operation. Two attempts at one step opened a ticket each; the older one counts.", oldest.Number.value)
		err := d.cancel(ctx, op, other, "duplicate-of-"+oldest.Number.value, why)
		if fault.Is(err, fault.Conflict) { // A state that forbids it; the note is there, and a person sees it.
			d.log.WarnContext(ctx, "a double ticket stays open", "ticket", other.Number.value, "reason", err.Error())
			continue
		}
		if err != nil {
			return ticketing.Ticket{}, err
		}
	}
	return d.translate(oldest), nil
}

// cancel ends a superfluous ticket with a note. One that is closed is left as it is.
func (d *Driver) cancel(ctx context.Context, op operation.Op, r record, noteID, why string) error {
	if d.config.status(r.State.value) != ticketing.Open {
		return nil
	}
	if err := d.note(ctx, r, noteID, why); err != nil {
		return err
	}
	_, err := d.walk(ctx, op, r.Number.value, r.SysID.value, ticketing.Rejected)
	return err
}
