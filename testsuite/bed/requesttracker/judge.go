package requesttracker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Ticket is a ticket as the database has it.
type Ticket struct {
	ID      int
	Queue   string
	Subject string
	Status  string
	Creator string
	// Requestor is the mail address of the person on whose behalf it was opened; empty: nobody.
	Requestor string
	// Fields are the custom fields that have a value.
	Fields map[string]string
	// Text is what it was opened with; Notes are the comments and replies since, oldest first.
	Text  string
	Notes []string
}

// Tickets reads all tickets from the database, oldest first. It asks neither the server nor anything that drivers use.
func (s *Server) Tickets(ctx context.Context) ([]Ticket, error) {
	var tickets []Ticket
	if err := s.query(ctx, `SELECT t.id AS ID, q.Name AS Queue, t.Subject, t.Status, c.Name AS Creator,
		coalesce((SELECT u.EmailAddress FROM Groups g JOIN GroupMembers m ON m.GroupId = g.id JOIN Users u ON u.id = m.MemberId
			WHERE g.Domain = 'RT::Ticket-Role' AND g.Name = 'Requestor' AND g.Instance = t.id), '') AS Requestor
		FROM Tickets t JOIN Queues q ON q.id = t.Queue JOIN Users c ON c.id = t.Creator WHERE t.Type = 'ticket' ORDER BY t.id`, &tickets); err != nil {
		return nil, err
	}
	if err := s.readFields(ctx, tickets); err != nil {
		return nil, err
	}
	return tickets, s.readTexts(ctx, tickets)
}

func (s *Server) readFields(ctx context.Context, tickets []Ticket) error {
	var fields []struct {
		ID          int
		Name, Value string
	}
	err := s.query(ctx, `SELECT v.ObjectId AS ID, f.Name, coalesce(nullif(v.LargeContent, ''), v.Content) AS Value
		FROM ObjectCustomFieldValues v JOIN CustomFields f ON f.id = v.CustomField WHERE v.ObjectType = 'RT::Ticket' AND v.Disabled = 0`, &fields)
	for _, f := range fields {
		if t := find(tickets, f.ID); t != nil {
			if t.Fields == nil {
				t.Fields = map[string]string{}
			}
			t.Fields[f.Name] = f.Value
		}
	}
	return err
}

func (s *Server) readTexts(ctx context.Context, tickets []Ticket) error {
	var texts []struct {
		ID                      int
		Type, Encoding, Content string
	}
	err := s.query(ctx, `SELECT x.ObjectId AS ID, x.Type, coalesce(a.ContentEncoding, '') AS Encoding, a.Content FROM Transactions x JOIN Attachments a ON a.TransactionId = x.id
		WHERE x.ObjectType = 'RT::Ticket' AND x.Type IN ('Create', 'Comment', 'Correspond') AND a.Content IS NOT NULL ORDER BY x.id, a.id`, &texts)
	for _, text := range texts {
		t := find(tickets, text.ID)
		content, wrong := decode(text.Encoding, text.Content)
		switch {
		case wrong != nil:
			return fmt.Errorf("decoding a text of ticket %d: %w", text.ID, wrong)
		case t == nil:
		case text.Type == "Create":
			t.Text += content
		default:
			t.Notes = append(t.Notes, content)
		}
	}
	return err
}

// decode undoes the form that RT gives to long and odd texts for its database.
func decode(encoding, content string) (string, error) {
	var from io.Reader = strings.NewReader(content)
	switch encoding {
	case "", "none":
		return content, nil
	case "quoted-printable":
		from = quotedprintable.NewReader(from)
	case "base64":
		from = base64.NewDecoder(base64.StdEncoding, from)
	default:
		return "", fmt.Errorf("unknown encoding %q", encoding)
	}
	text, err := io.ReadAll(from)
	return string(text), err
}

func find(tickets []Ticket, id int) *Ticket {
	at, found := slices.BinarySearchFunc(tickets, id, func(t Ticket, id int) int { return t.ID - id })
	if !found {
		return nil
	}
	return &tickets[at]
}

func (s *Server) query(ctx context.Context, query string, into any) error {
	var stderr bytes.Buffer
	//nolint:gosec // Queries are written here.
	cmd := exec.CommandContext(ctx, "sqlite3", "-readonly", "-json", "-cmd", ".timeout 10000", filepath.Join(s.options.Folder, databaseFile), query)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("asking Request Tracker's database: %w: %s", err, stderr.String())
	}
	if len(out) == 0 { // No row is no text at all.
		return nil
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("reading the answer of Request Tracker's database: %w", err)
	}
	return nil
}
