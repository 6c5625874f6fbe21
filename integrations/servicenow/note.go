package servicenow

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// EnsureNote adds a work note, as ticketing.Desk says. There is no fence here: after a lost answer the journal tells,
// but two attempts at the same moment can both add it. Faults: Invalid for ids that are none, NotFound for the ticket.
func (d *Driver) EnsureNote(ctx context.Context, _ operation.Op, ticketID, noteID, content string) error {
	if err := checkNumber(ticketID); err != nil {
		return fmt.Errorf("adding a note: %w", err)
	}
	if err := ticketing.CheckNoteID(noteID); err != nil {
		return err
	}
	r, err := d.numbered(ctx, ticketID)
	if err != nil {
		return err
	}
	return d.note(ctx, r, noteID, content)
}

func (d *Driver) note(ctx context.Context, r record, noteID, content string) error {
	there, err := d.hasNote(ctx, r, noteID)
	if err != nil || there {
		return err
	}
	doing := "adding a note to ticket " + r.Number.value
	if err := d.update(ctx, r.SysID.value, map[string]string{"work_notes": text(content) + "\n\n" + ticketing.NoteMark(noteID)}, doing); err != nil {
		return err
	}
	there, err = d.hasNote(ctx, r, noteID)
	if err == nil && !there { // Who cannot see its own notes would add them again after every lost answer.
		err = fault.New(fault.Unauthorized, "%s: the note was added but does not show: let the user read %s", doing, journal)
	}
	return err
}

// journal is the table that keeps work notes one by one.
const journal = "sys_journal_field"

// hasNote asks the journal for the note's mark. The id's form keeps it from being anything else in the query.
func (d *Driver) hasNote(ctx context.Context, r record, noteID string) (bool, error) {
	var entries []struct {
		Element string `json:"element"`
		Record  string `json:"element_id"`
		Value   string `json:"value"`
	}
	err := d.client.call(ctx, request{
		method: http.MethodGet, path: []string{"now", "table", journal}, doing: "reading the notes of ticket " + r.Number.value,
		query: url.Values{
			"sysparm_query":  {"element_id=" + r.SysID.value + "^element=work_notes^valueLIKE" + ticketing.NoteMark(noteID)},
			"sysparm_fields": {"element,element_id,value"}, "sysparm_limit": {page},
		},
	}, &entries)
	for _, entry := range entries {
		if entry.Element == "work_notes" && entry.Record == r.SysID.value && strings.HasSuffix(strings.TrimSpace(entry.Value), ticketing.NoteMark(noteID)) {
			return true, nil
		}
	}
	return false, err
}
