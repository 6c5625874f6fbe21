package requesttracker

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"fermata/activities/fault"
)

// Check proves that the server answers, the token is good and the queue takes tickets with the custom fields, as
// ticketing.Desk says. The empty queue means the configured one, if any.
func (d *Driver) Check(ctx context.Context, name string) error {
	if name == "" {
		name = d.config.Queue
	}
	if name == "" {
		var version struct {
			Version string `json:"Version"`
		}
		_, err := d.client.call(ctx, request{method: http.MethodGet, path: []string{"rt"}, doing: "asking Request Tracker for its version"}, &version)
		return err
	}
	if name == "." || name == ".." || strings.ContainsAny(name, "/\\\n\r\x00") {
		return fault.New(fault.NotFound, "looking at queue %q: no queue has such a name", name)
	}
	var q queue
	doing := fmt.Sprintf("looking at queue %q", name)
	_, err := d.client.call(ctx, request{method: http.MethodGet, path: []string{"queue", name}, doing: doing}, &q)
	if err != nil {
		return err
	}
	if disabled := fmt.Sprint(q.Disabled); disabled == "1" || disabled == "true" {
		return fault.New(fault.NotFound, "%s: it is disabled: enable it or name another", doing)
	}
	if !q.takesTickets() {
		return fault.New(fault.Unauthorized, "%s: the token's user may not open tickets in it: grant CreateTicket", doing)
	}
	for _, field := range []string{d.config.CustomField, d.config.OwnerField} {
		if !q.has(field) {
			return fault.New(fault.NotFound, "%s: it shows no ticket custom field %q: create it, apply it to the queue and grant SeeCustomField (see the integration's README)",
				doing, field)
		}
	}
	return nil
}
