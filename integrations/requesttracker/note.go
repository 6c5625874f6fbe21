package requesttracker

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

const (
	// historyPage is RT's largest page.
	historyPage = 100
	// emptyPages is how many pages without a visible entry are passed over: RT counts pages before it hides what the user
	// may not see, so an empty page is not the end.
	emptyPages = 5
	// historyPages bounds the walk: 100,000 entries.
	historyPages = 1000
)

// EnsureNote adds a note, as ticketing.Desk says. RT has no fence here: after a lost answer the history tells, but two
// attempts at the same moment can both add it. Faults: Invalid for ids that are none, NotFound for the ticket.
func (d *Driver) EnsureNote(ctx context.Context, _ operation.Op, ticketID, noteID, content string) error {
	id, err := ticketNumber(ticketID)
	if err != nil {
		return fmt.Errorf("adding a note: %w", err)
	}
	if err := ticketing.CheckNoteID(noteID); err != nil {
		return err
	}
	// The mark is the subject of the message, which the history shows, and its last line, which people see.
	mark := ticketing.NoteMark(noteID)
	there, err := d.hasNote(ctx, id, mark)
	if err != nil || there {
		return err
	}
	var messages []string
	_, err = d.client.call(ctx, request{
		method: http.MethodPost, path: []string{"ticket", ticketID, d.config.Notes}, doing: "adding a note to ticket " + ticketID,
		body: map[string]string{"Subject": mark, "Content": text(content) + "\n\n" + mark, "ContentType": "text/plain"},
	}, &messages)
	if err != nil {
		return err
	}
	return d.seeNote(ctx, id, mark)
}

// seeNote reads the note back. A user that cannot see its own comments would add them again after every lost answer.
func (d *Driver) seeNote(ctx context.Context, id int, wanted string) error {
	there, err := d.hasNote(ctx, id, wanted)
	if err == nil && !there {
		err = fault.New(fault.Unauthorized, "adding a note to ticket %d: the note was added but does not show: grant the token's user ShowTicketComments", id)
	}
	return err
}

// hasNote walks the history from its end to the ticket's creation. The number of pages cannot be asked for: RT does not
// tell it, and a page may show fewer entries than it has.
func (d *Driver) hasNote(ctx context.Context, id int, wanted string) (bool, error) {
	if _, err := d.get(ctx, id); err != nil { // The history of a ticket that does not exist is empty, not an error.
		return false, err
	}
	empty := 0
	for page := 1; page <= historyPages && empty < emptyPages; page++ {
		entries, err := d.history(ctx, id, page)
		if err != nil {
			return false, err
		}
		empty++
		for _, entry := range entries {
			empty = 0
			if (entry.Type == "Comment" || entry.Type == "Correspond") && strings.TrimSpace(entry.Data) == wanted {
				return true, nil
			}
			if entry.Type == "Create" {
				return false, nil
			}
		}
	}
	return false, nil
}

func (d *Driver) history(ctx context.Context, id, page int) ([]transaction, error) {
	var answer transactionPage
	_, err := d.client.call(ctx, request{
		method: http.MethodGet, path: []string{"ticket", decimal(id), "history"}, doing: "reading the history of ticket " + decimal(id),
		query: url.Values{
			"fields": {"Type,Data"}, "orderby": {"id"}, "order": {"DESC"}, "per_page": {decimal(historyPage)}, "page": {decimal(page)},
		},
	}, &answer)
	return answer.Items, err
}
