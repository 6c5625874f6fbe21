package requesttracker

import (
	"fmt"
	"slices"
	"strings"
)

// statuses of RT's default lifecycle, which allows to go from each to each.
func statuses() []string {
	return []string{"new", "open", "stalled", "resolved", "rejected", "deleted"}
}

// setStatus changes the status if the queue's lifecycle allows it and returns what RT says; ok tells whether it is done.
func (s *Server) setStatus(t *Ticket, user User, status string) (message string, ok bool) {
	q, _ := s.queue(t.Queue)
	switch {
	case status == t.Status:
		return "", true
	case !slices.Contains(statuses(), status):
		return fmt.Sprintf("Status '%s' isn't a valid status for this ticket.", status), false
	case q.Transitions != nil && !slices.Contains(q.Transitions[t.Status], status):
		return fmt.Sprintf("You can't change status from '%s' to '%s'.", t.Status, status), false
	case !user.may(rightFor(status)):
		return "Permission Denied", false
	}
	old := t.Status
	t.Status = status
	s.add(t, Transaction{Type: "Status", Field: "Status", Old: old, New: status}, user.Name)
	return fmt.Sprintf("Status changed from '%s' to '%s'", old, status), true
}

// rightFor is the right that RT's default lifecycle asks for.
func rightFor(status string) string {
	if status == "deleted" {
		return "DeleteTicket"
	}
	return "ModifyTicket"
}

// setField gives a custom field a value. A value that must be unique and is not is dropped.
func (s *Server) setField(t *Ticket, field Field, value string) (message string, ok bool) {
	if field.Unique && value != "" && s.holder(field.Name, value) != nil {
		return fmt.Sprintf("Could not add a new value to custom field '%s': '%s' is not a unique value", field.Name, value), false
	}
	old := t.Fields[field.Name]
	t.Fields[field.Name] = value
	return fmt.Sprintf("%s %s changed to %s", field.Name, old, value), true
}

// field finds a custom field by its name or number.
func (s *Server) field(name string) (Field, bool) {
	for i, f := range s.options.Fields {
		if strings.EqualFold(f.Name, name) || name == fmt.Sprint(fieldID(i)) {
			return f, true
		}
	}
	return Field{}, false
}

func fieldID(index int) int { return index + 2 }

// Change lets somebody else work on a ticket: set its status, or say something. Empty texts do nothing.
func (s *Server) Change(id int, who, status, comment string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ticket(id)
	if t == nil {
		return fmt.Errorf("changing ticket %d: there is none", id)
	}
	if comment != "" {
		s.add(t, Transaction{Type: "Comment", Data: "No Subject", Content: comment}, who)
	}
	if status != "" {
		if message, ok := s.setStatus(t, User{Name: who}, status); !ok {
			return fmt.Errorf("changing ticket %d: %s", id, message)
		}
	}
	return s.save()
}

// Open lets somebody else open a ticket with these custom fields, whatever their uniqueness.
func (s *Server) Open(who, queue, subject string, fields map[string]string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.newTicket(User{Name: who}, queue, subject, "new")
	for name, value := range fields {
		t.Fields[name] = value
	}
	return t.ID, s.save()
}
