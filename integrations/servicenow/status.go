package servicenow

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// steps is how many states a change request is brought through at most: a normal one has six on its way.
const steps = 12

// EnsureStatus brings the ticket into the status, as ticketing.Desk says. A change request goes through every state on
// the way, as far as the instance lets it. Faults: Conflict where it does not (an approval is missing, a closed change
// is to be opened), and for a ticket of another run; Invalid for an unknown status, NotFound for the ticket.
func (d *Driver) EnsureStatus(ctx context.Context, op operation.Op, ticketID string, s ticketing.Status) (ticketing.Ticket, error) {
	if err := checkNumber(ticketID); err != nil {
		return ticketing.Ticket{}, fmt.Errorf("changing the status of a ticket: %w", err)
	}
	if s != ticketing.Open && s != ticketing.Resolved && s != ticketing.Rejected {
		return ticketing.Ticket{}, fault.New(fault.Invalid, "changing the status of ticket %s: unknown status %q", ticketID, s)
	}
	r, err := d.numbered(ctx, ticketID)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	if !op.Key.SameRun(r.Key.value) {
		return ticketing.Ticket{}, fault.New(fault.Conflict, "changing the status of ticket %s: it belongs to another operation (its correlation_id is %q)",
			ticketID, r.Key.value)
	}
	r, err = d.walk(ctx, op, ticketID, r.SysID.value, s)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	return d.translate(r), nil
}

// walk goes from state to state, and reads the ticket before each step: what a person did meanwhile is seen first.
func (d *Driver) walk(ctx context.Context, op operation.Op, number, sysID string, want ticketing.Status) (record, error) {
	doing := fmt.Sprintf("bringing ticket %s to %q", number, want)
	for range steps {
		r, err := d.get(ctx, sysID, doing)
		if err != nil || d.config.status(r.State.value) == want {
			return r, err
		}
		state, err := d.step(ctx, r, want, doing)
		if err != nil {
			return record{}, err
		}
		err = d.update(ctx, sysID, d.move(op, state, want), doing)
		if fault.Is(err, fault.Conflict) {
			err = d.stays(ctx, r, err, doing)
		}
		if err != nil {
			return record{}, err
		}
	}
	return record{}, fault.New(fault.Unavailable, "%s: others keep changing the ticket", doing)
}

// stays says why a ticket is not where it was to go, unless somebody moved it in between: then the walk goes on from
// there.
func (d *Driver) stays(ctx context.Context, before record, refused error, doing string) error {
	now, err := d.get(ctx, before.SysID.value, doing)
	if err != nil {
		return err
	}
	if now.State.value != before.State.value {
		return nil
	}
	return fault.New(fault.Conflict, "%w: it stays %q: an approval may be missing; when it is there, retry the step", refused, now.State.display)
}

// step picks the next state of a ticket.
func (d *Driver) step(ctx context.Context, r record, want ticketing.Status, doing string) (int, error) {
	if d.config.Kind == Incident {
		return map[ticketing.Status]int{
			ticketing.Open: incidentProgress, ticketing.Resolved: incidentResolved, ticketing.Rejected: incidentCanceled,
		}[want], nil
	}
	current, err := strconv.Atoi(r.State.value)
	if err != nil {
		return 0, fault.New(fault.Conflict, "%s: its state %q is not one of a change request", doing, r.State.value)
	}
	var states struct {
		Available []field `json:"available_states"`
	}
	err = d.client.call(ctx, request{method: http.MethodGet, path: append(d.config.list(), r.SysID.value, "nextstates"), doing: doing}, &states)
	if err != nil {
		return 0, err
	}
	var offered []int
	for _, one := range states.Available {
		if n, err := strconv.Atoi(one.value); err == nil && n != current {
			offered = append(offered, n)
		}
	}
	state, ok := toward(want, current, offered)
	if !ok {
		return 0, fault.New(fault.Conflict, "%s: from %q no state that the instance offers leads there", doing, r.State.display)
	}
	return state, nil
}

// move are the fields that a state asks for: what ends a ticket names a code and a reason.
func (d *Driver) move(op operation.Op, state int, want ticketing.Status) map[string]string {
	fields := map[string]string{"state": strconv.Itoa(state)}
	switch ended := d.config.status(fields["state"]); {
	case ended == ticketing.Open:
	case want == ticketing.Rejected:
		fields["close_notes"] = "Canceled by Fermata, operation " + op.Key.String()
	default:
		fields["close_code"], fields["close_notes"] = d.config.closeCode(), "Closed by Fermata, operation "+op.Key.String()
	}
	return fields
}
