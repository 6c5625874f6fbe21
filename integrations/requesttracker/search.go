package requesttracker

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// valueForm is what may go into a query: it has no quote, backslash or other character that TicketSQL reads.
var valueForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}$`)

// wanted are the fields that are read of a ticket.
func wanted() url.Values {
	return url.Values{"fields": {"Subject,Status,CustomFields,Queue"}, "fields[Queue]": {"Name"}}
}

// checkOperation refuses a key or an owner that a query cannot carry.
func checkOperation(op operation.Op) error {
	if key := op.Key.String(); !valueForm.MatchString(key) {
		return fault.New(fault.Invalid, "operation key %q: expected up to 255 letters, digits and . _ : / @ + -", key)
	}
	if !valueForm.MatchString(string(op.Owner)) {
		return fault.New(fault.Invalid, "owner %q: expected up to 255 letters, digits and . _ : / @ + -", op.Owner)
	}
	return nil
}

// withKey returns the tickets that carry the key, oldest first. Deleted ones are not among them: RT hides them.
func (d *Driver) withKey(ctx context.Context, key string) ([]ticket, error) {
	found, err := d.search(ctx, fmt.Sprintf("'CF.{%s}' = '%s'", d.config.CustomField, key), "looking for the ticket of "+key)
	if err != nil {
		return nil, err
	}
	// Some databases compare without regard to case.
	return slices.DeleteFunc(found, func(t ticket) bool { return t.field(d.config.CustomField) != key }), nil
}

// orphans returns the tickets that an attempt made, whose answer was lost, and that got no key because the field takes
// no value twice.
func (d *Driver) orphans(ctx context.Context, owner operation.Owner, subject string) ([]ticket, error) {
	query := fmt.Sprintf("'CF.{%s}' = '%s' AND 'CF.{%s}' IS NULL AND Creator = '__CurrentUser__'",
		d.config.OwnerField, owner, d.config.CustomField)
	found, err := d.search(ctx, query, "looking for tickets without a key")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(t ticket) bool {
		return t.Subject != subject || t.field(d.config.OwnerField) != string(owner) || t.field(d.config.CustomField) != ""
	}), nil
}

func (d *Driver) search(ctx context.Context, query, doing string) ([]ticket, error) {
	values := wanted()
	values.Set("query", query)
	values.Set("orderby", "id")
	values.Set("per_page", "100") // RT's largest page; more than one attempt's worth.
	var page ticketPage
	_, err := d.client.call(ctx, request{method: http.MethodGet, path: []string{"tickets"}, query: values, doing: doing}, &page)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(page.Items, func(a, b ticket) int { return int(a.ID) - int(b.ID) })
	return page.Items, nil
}

// get reads one ticket with its ETag.
func (d *Driver) get(ctx context.Context, id int) (ticket, error) {
	var t ticket
	etag, err := d.client.call(ctx, request{
		method: http.MethodGet, path: []string{"ticket", decimal(id)}, query: url.Values{"fields[Queue]": {"Name"}},
		doing: "reading ticket " + decimal(id),
	}, &t)
	t.etag = etag
	return t, err
}

func ticketNumber(id string) (int, error) {
	n, err := strconv.Atoi(id)
	if err != nil || n < 1 || decimal(n) != id {
		return 0, fault.New(fault.Invalid, "ticket %q: expected a number", id)
	}
	return n, nil
}
