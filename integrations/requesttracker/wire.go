package requesttracker

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// number is an id, which RT writes as a number in one place and as text in another.
type number int

// UnmarshalJSON reads 7 and "7".
func (n *number) UnmarshalJSON(text []byte) error {
	value, err := strconv.Atoi(strings.Trim(string(text), `"`))
	if err != nil || value < 1 {
		return fmt.Errorf("expected the number of an object, found %s", text)
	}
	*n = number(value)
	return nil
}

func decimal(id int) string { return strconv.Itoa(id) }

// ticket is what RT tells of a ticket, as far as it is asked for. Counts of pages are never read: RT writes them as 0.0
// or null.
type ticket struct {
	ID      number `json:"id"`
	Subject string `json:"Subject"`
	Status  string `json:"Status"`
	Queue   struct {
		Name string `json:"Name"`
	} `json:"Queue"`
	CustomFields []customField `json:"CustomFields"`
	etag         string
}

type customField struct {
	Name   string            `json:"name"`
	Values []json.RawMessage `json:"values"`
}

// field returns the value of a custom field that holds one text, or "".
func (t ticket) field(name string) string {
	for _, field := range t.CustomFields {
		if field.Name != name || len(field.Values) == 0 {
			continue
		}
		var text string
		if json.Unmarshal(field.Values[0], &text) == nil {
			return text
		}
	}
	return ""
}

type ticketPage struct {
	Items []ticket `json:"items"`
}

type created struct {
	ID number `json:"id"`
}

// transaction is an entry of a history.
type transaction struct {
	Type string
	Data string // Of a comment: its subject.
}

// UnmarshalJSON takes the keys as they are written: beside "Type" there is "type", which encoding/json takes for the
// same.
func (t *transaction) UnmarshalJSON(text []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	for key, into := range map[string]*string{"Type": &t.Type, "Data": &t.Data} {
		if value, ok := raw[key]; ok && json.Unmarshal(value, into) != nil {
			return fmt.Errorf("%s of an entry of the history: expected text", key)
		}
	}
	return nil
}

type transactionPage struct {
	Items []transaction `json:"items"`
}

type queue struct {
	Name               string `json:"Name"`
	Disabled           any    `json:"Disabled"` // "0", 0 or "1".
	TicketCustomFields []struct {
		Name string `json:"name"`
	} `json:"TicketCustomFields"`
	Links []struct {
		Ref string `json:"ref"`
	} `json:"_hyperlinks"`
}

func (q queue) takesTickets() bool {
	for _, link := range q.Links {
		if link.Ref == "create" {
			return true
		}
	}
	return false
}

func (q queue) has(field string) bool {
	for _, f := range q.TicketCustomFields {
		if f.Name == field {
			return true
		}
	}
	return false
}

func (d *Driver) translate(t ticket) ticketing.Ticket {
	return ticketing.Ticket{
		ID: decimal(int(t.ID)), Link: d.link(int(t.ID)), Queue: t.Queue.Name, Subject: t.Subject, Status: d.config.Status.status(t.Status),
		Key: t.field(d.config.CustomField), Owner: operation.Owner(t.field(d.config.OwnerField)),
	}
}
