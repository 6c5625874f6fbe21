package servicenow

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fermata/sandbox/keep"
)

const stateFile = "records.json"

// The tables that keep tickets, and the one that keeps what was written in them.
const (
	changes   = "change_request"
	incidents = "incident"
	journals  = "sys_journal_field"
)

// timeForm is how the instance writes a time, in UTC.
const timeForm = "2006-01-02 15:04:05"

type state struct {
	Records []*Record      `json:"records"` // The oldest is first.
	Items   []*Record      `json:"items"`   // Configuration items; the oldest is first.
	Journal []Entry        `json:"journal"`
	Counts  map[string]int `json:"counts"` // By table.
}

// Record is a change request, an incident or a configuration item.
type Record struct {
	Table  string            `json:"table"`
	Fields map[string]string `json:"fields"`
}

// Entry is an entry of a record's journal.
type Entry struct {
	ID        string `json:"sys_id"`
	Table     string `json:"name"`
	Record    string `json:"element_id"`
	Element   string `json:"element"`
	Value     string `json:"value"`
	By        string `json:"sys_created_by"`
	Created   string `json:"sys_created_on"`
	AtOpening bool   `json:"at_opening"` // Came with the record.
}

// fieldsOf are the fields of a table that can be set, with the length of their columns in characters; 0 is for choices
// and references.
func fieldsOf(table string) map[string]int {
	fields := map[string]int{
		"short_description": 160, "description": 4000, "assignment_group": 0, "cmdb_ci": 0, "correlation_id": 100,
		"correlation_display": 100, "state": 0, "close_code": 40, "close_notes": 4000, "work_notes": 4000, "comments": 4000,
	}
	if table == changes {
		fields["backout_plan"], fields["test_plan"], fields["implementation_plan"] = 4000, 4000, 4000
	}
	return fields
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // Never fails.
	return hex.EncodeToString(b[:])
}

func (s *Server) newRecord(table, by string) *Record {
	prefix := map[string]string{changes: "CHG", incidents: "INC"}[table]
	s.state.Counts[table]++
	r := &Record{Table: table, Fields: map[string]string{
		"sys_id": newID(), "number": fmt.Sprintf("%s%07d", prefix, 30000+s.state.Counts[table]), "sys_created_by": by,
		"sys_created_on": time.Now().UTC().Format(timeForm), "approval": "not requested",
	}}
	s.state.Records = append(s.state.Records, r)
	return r
}

// set gives a field its value, cut to the length of its column. What is written into a journal becomes an entry.
func (s *Server) set(r *Record, field, value, by string, opening bool) {
	if limit := fieldsOf(r.Table)[field]; limit > 0 && utf8.RuneCountInString(value) > limit {
		value = string([]rune(value)[:limit])
	}
	if field != "work_notes" && field != "comments" {
		r.Fields[field] = value
		return
	}
	if value == "" {
		return
	}
	s.state.Journal = append(s.state.Journal, Entry{
		ID: newID(), Table: r.Table, Record: r.Fields["sys_id"], Element: field, Value: value, By: by,
		Created: time.Now().UTC().Format(timeForm), AtOpening: opening,
	})
}

func (s *Server) record(table, field, value string) *Record {
	i := slices.IndexFunc(s.state.Records, func(r *Record) bool { return r.Table == table && r.Fields[field] == value })
	if i < 0 {
		return nil
	}
	return s.state.Records[i]
}

func (s *Server) file() string { return filepath.Join(s.options.Folder, stateFile) }

func (s *Server) load() error {
	s.state.Counts = map[string]int{}
	if err := os.MkdirAll(s.options.Folder, 0o700); err != nil {
		return err
	}
	return keep.Load(s.file(), &s.state)
}

// save writes the state before a change is answered.
func (s *Server) save() error { return keep.Save(s.file(), s.state) }

// Ticket is a record as the instance itself has it.
type Ticket struct {
	Table, Number string
	Fields        map[string]string
	Journal       []Entry
}

// Tickets returns copies of all records, oldest first: what is there by the server's own word.
func (s *Server) Tickets() (found []Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.state.Records {
		t := Ticket{Table: r.Table, Number: r.Fields["number"], Fields: map[string]string{}}
		for name, value := range r.Fields {
			t.Fields[name] = value
		}
		for _, entry := range s.state.Journal {
			if entry.Record == r.Fields["sys_id"] {
				t.Journal = append(t.Journal, entry)
			}
		}
		found = append(found, t)
	}
	return found
}

// Open lets somebody open a record and returns its number.
func (s *Server) Open(by, table, kind string, fields map[string]string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.newRecord(table, by)
	r.Fields["state"], r.Fields["type"] = initialState(table), kind
	for name, value := range fields {
		s.set(r, name, value, by, true)
	}
	return r.Fields["number"], s.save()
}

// Note lets somebody write a work note.
func (s *Server) Note(number, by, text string) error {
	return s.change(number, func(r *Record) { s.set(r, "work_notes", text, by, false) })
}

// Approve lets people approve a change request.
func (s *Server) Approve(number string) error {
	return s.change(number, func(r *Record) { r.Fields["approval"] = "approved" })
}

// Move lets somebody bring a record into a state, past every rule.
func (s *Server) Move(number, state string) error {
	return s.change(number, func(r *Record) { r.Fields["state"] = state })
}

func (s *Server) change(number string, f func(*Record)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	table := changes
	if strings.HasPrefix(number, "INC") {
		table = incidents
	}
	r := s.record(table, "number", number)
	if r == nil {
		return fmt.Errorf("changing %s: there is none", number)
	}
	f(r)
	return s.save()
}
