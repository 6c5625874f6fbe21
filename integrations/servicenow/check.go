package servicenow

import (
	"context"
	"net/http"
	"strings"

	"fermata/activities/fault"
)

// Check proves that the instance answers, the credential is good and may change tickets, and the queue, which is an
// assignment group, exists, as ticketing.Desk says. The empty queue means the configured group, if any.
//
// There is no way to ask for a right, so Check updates a record that cannot exist: who has none of the roles is refused
// (the reference asks for itil, change_manager or admin), and the others hear that there is no such record.
func (d *Driver) Check(ctx context.Context, queue string) error {
	if queue == "" {
		queue = d.config.AssignmentGroup
	}
	if queue != "" {
		if _, err := d.group(ctx, queue); err != nil {
			return err
		}
	}
	doing := "asking whether the user may change tickets of " + d.config.table()
	err := d.update(ctx, strings.Repeat("0", 32), map[string]string{}, doing)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case fault.Is(err, fault.Ambiguous): // Nothing could have changed.
		return fault.Wrap(fault.Unavailable, err, "")
	case err == nil:
		return fault.New(fault.Invalid, "%s: the instance changed a record that cannot exist: is url the address of one?", doing)
	}
	return err
}

// create sends a new ticket and returns its sys_id.
func (d *Driver) create(ctx context.Context, fields map[string]string, doing string) (string, error) {
	var made one
	err := d.client.call(ctx, request{method: http.MethodPost, path: d.config.creation(), query: d.config.view(), body: fields, doing: doing}, &made)
	return made.SysID.value, err
}
