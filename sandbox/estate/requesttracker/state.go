package requesttracker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"fermata/sandbox/keep"
)

const stateFile = "tickets.json"

// state is what is kept.
type state struct {
	Tickets         []*Ticket `json:"tickets"` // The ticket #1 is first.
	LastTransaction int       `json:"last_transaction"`
}

// Ticket is a ticket with its history.
type Ticket struct {
	ID         int               `json:"id"`
	Queue      string            `json:"queue"`
	Subject    string            `json:"subject"`
	Status     string            `json:"status"`
	Creator    string            `json:"creator"`
	Requestors []string          `json:"requestors,omitempty"`
	Created    time.Time         `json:"created"`
	Updated    time.Time         `json:"updated"`
	Fields     map[string]string `json:"fields"`
	History    []Transaction     `json:"history"`
}

// Transaction is an entry of a ticket's history.
type Transaction struct {
	ID      int       `json:"id"`
	Type    string    `json:"type"` // "Create", "Status", "Comment", "Correspond", "CustomField", "Set", "EmailRecord".
	Field   string    `json:"field,omitempty"`
	Old     string    `json:"old,omitempty"`
	New     string    `json:"new,omitempty"`
	Data    string    `json:"data,omitempty"` // Of a message: its subject.
	Content string    `json:"content,omitempty"`
	Creator string    `json:"creator"`
	Created time.Time `json:"created"`
}

// right returns the right that is needed to see the entry, or "".
func (t Transaction) right() string {
	switch t.Type {
	case "Comment":
		return "ShowTicketComments"
	case "EmailRecord":
		return "ShowOutgoingEmail"
	}
	return ""
}

func (s *Server) file() string { return filepath.Join(s.options.Folder, stateFile) }

func (s *Server) load() error {
	if err := os.MkdirAll(s.options.Folder, 0o700); err != nil {
		return err
	}
	return keep.Load(s.file(), &s.state)
}

// save writes the state before a change is answered.
func (s *Server) save() error { return keep.Save(s.file(), s.state) }

func (s *Server) ticket(id int) *Ticket {
	if id < 1 || id > len(s.state.Tickets) {
		return nil
	}
	return s.state.Tickets[id-1]
}

// add puts an entry into a ticket's history.
func (s *Server) add(t *Ticket, entry Transaction, who string) Transaction {
	s.state.LastTransaction++
	entry.ID, entry.Creator, entry.Created = s.state.LastTransaction, who, time.Now().UTC().Truncate(time.Second)
	t.History = append(t.History, entry)
	t.Updated = entry.Created
	return entry
}

// holder returns the ticket that has the value in a field.
func (s *Server) holder(field, value string) *Ticket {
	for _, t := range s.state.Tickets {
		if t.Status != "deleted" && t.Fields[field] == value {
			return t
		}
	}
	return nil
}

// Tickets returns copies of all tickets, oldest first: what is there by the server's own word.
func (s *Server) Tickets() []Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := json.Marshal(s.state.Tickets)
	if err != nil {
		return nil
	}
	var copies []Ticket
	_ = json.Unmarshal(text, &copies)
	return copies
}
