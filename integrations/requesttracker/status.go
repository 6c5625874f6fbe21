package requesttracker

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// statusAttempts is how often a status is set anew because somebody changed the ticket in between.
const statusAttempts = 4

// EnsureStatus brings the ticket into the status, as ticketing.Desk says. Faults: Conflict also for a ticket of another
// run, Invalid for an unknown status, NotFound for the ticket, Unauthorized without ModifyTicket.
func (d *Driver) EnsureStatus(ctx context.Context, op operation.Op, ticketID string, s ticketing.Status) (ticketing.Ticket, error) {
	id, err := ticketNumber(ticketID)
	if err != nil {
		return ticketing.Ticket{}, fmt.Errorf("changing the status of a ticket: %w", err)
	}
	word, ok := d.config.Status.word(s)
	if !ok {
		return ticketing.Ticket{}, fault.New(fault.Invalid, "changing the status of ticket %s: unknown status %q", ticketID, s)
	}
	t, err := d.get(ctx, id)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	if key := t.field(d.config.CustomField); !op.Key.SameRun(key) {
		return ticketing.Ticket{}, fault.New(fault.Conflict, "changing the status of ticket %s: it belongs to another operation (its %s is %q)",
			ticketID, d.config.CustomField, key)
	}
	t, err = d.setStatus(ctx, id, word)
	if err != nil {
		return ticketing.Ticket{}, err
	}
	return d.translate(t), nil
}

// setStatus sets the lifecycle's word on the version of the ticket that was read, so that what a person did meanwhile is
// seen first.
func (d *Driver) setStatus(ctx context.Context, id int, word string) (ticket, error) {
	doing := fmt.Sprintf("changing the status of ticket %d to %q", id, word)
	for range statusAttempts {
		t, err := d.get(ctx, id)
		if err != nil || t.Status == word {
			return t, err
		}
		var messages []string
		_, err = d.client.call(ctx, request{
			method: http.MethodPut, path: []string{"ticket", decimal(id)}, match: t.etag, doing: doing, body: map[string]string{"Status": word},
		}, &messages)
		if fault.Is(err, fault.Conflict) { // 412: another version by now.
			continue
		}
		if err != nil {
			return ticket{}, err
		}
		return d.judge(ctx, id, word, doing, messages)
	}
	return ticket{}, fault.New(fault.Unavailable, "%s: others keep changing the ticket", doing)
}

// judge reads the ticket back: RT answers 200 whether or not the status changed, and its sentences depend on a language.
func (d *Driver) judge(ctx context.Context, id int, word, doing string, messages []string) (ticket, error) {
	t, err := d.get(ctx, id)
	if err != nil || t.Status == word {
		return t, err
	}
	said := line(strings.Join(messages, "; "))
	if strings.Contains(said, permissionDenied) {
		return ticket{}, fault.New(fault.Unauthorized, "%s: %s: grant the token's user ModifyTicket", doing, said)
	}
	return ticket{}, fault.New(fault.Conflict, "%s: it stays %q: %s", doing, t.Status, said)
}
