package requesttracker

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) newTicket(user User, queue, subject, status string) *Ticket {
	t := &Ticket{
		ID: len(s.state.Tickets) + 1, Queue: queue, Subject: subject, Status: status, Creator: user.Name, Fields: map[string]string{},
	}
	s.state.Tickets = append(s.state.Tickets, t)
	t.Created = s.add(t, Transaction{Type: "Create"}, user.Name).Created
	return t
}

func (s *Server) postTicket(user User, w http.ResponseWriter, r *http.Request) {
	data, ok := body(w, r)
	if !ok {
		return
	}
	name := fmt.Sprint(data["Queue"])
	if data["Queue"] == nil || name == "" {
		fail(w, http.StatusBadRequest, "Could not create ticket. Queue not set")
		return
	}
	q, ok := s.findQueue(name)
	if !ok || q.Disabled || !user.may("CreateTicket") {
		fail(w, http.StatusForbidden, fmt.Sprintf("No permission to create tickets in the queue '%s'", name))
		return
	}
	status := text(data["Status"])
	if status == "" {
		status = "new"
	}
	if !slices.Contains(statuses(), status) {
		fail(w, http.StatusBadRequest, fmt.Sprintf("Status '%s' isn't a valid status for tickets in this queue.", status))
		return
	}
	t := s.newTicket(user, q.Name, text(data["Subject"]), status)
	t.History[0].Content = text(data["Content"])
	t.Requestors = requestors(data["Requestor"])
	if user.may("SetInitialCustomField") || user.may("ModifyCustomField") {
		s.initialFields(t, data)
	}
	s.add(t, Transaction{Type: "EmailRecord"}, "RT_System") // The automatic answer to the requestor.
	if !s.kept(w) {
		return
	}
	w.Header().Set("Location", "/REST/2.0/ticket/"+strconv.Itoa(t.ID))
	answer(w, http.StatusCreated, s.reference("ticket", strconv.Itoa(t.ID)))
}

// initialFields sets custom fields. What is unknown or not unique is dropped, and nobody is told.
func (s *Server) initialFields(t *Ticket, data map[string]any) {
	fields, _ := data["CustomFields"].(map[string]any)
	for name, value := range fields {
		if field, ok := s.field(name); ok {
			s.setField(t, field, text(value))
		}
	}
}

// requestors keeps addresses; RT makes users of them. Names that it does not know are dropped.
func requestors(value any) (found []string) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, one := range list {
		if name := text(one); strings.Contains(name, "@") {
			found = append(found, name)
		}
	}
	return found
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func (s *Server) putTicket(user User, w http.ResponseWriter, r *http.Request) {
	t := s.ofPath(r)
	if t == nil {
		fail(w, http.StatusNotFound, "Resource does not exist; use POST to create")
		return
	}
	if !user.may("ShowTicket") {
		fail(w, http.StatusForbidden, "Forbidden")
		return
	}
	if match := r.Header.Get("If-Match"); match != "" && match != "*" && match != etag(t, user) {
		fail(w, http.StatusPreconditionFailed, "Precondition Failed")
		return
	}
	data, ok := body(w, r)
	if !ok {
		return
	}
	messages := s.update(t, user, data)
	if s.kept(w) {
		answer(w, http.StatusOK, messages)
	}
}

// update changes what it knows and says what it did, or did not: there is no other sign of a failure.
func (s *Server) update(t *Ticket, user User, data map[string]any) []string {
	messages := []string{}
	say := func(message string) {
		if message != "" {
			messages = append(messages, fmt.Sprintf("Ticket %d: %s", t.ID, message))
		}
	}
	if status := text(data["Status"]); status != "" {
		message, _ := s.setStatus(t, user, status)
		say(message)
	}
	if subject := text(data["Subject"]); subject != "" && subject != t.Subject {
		if user.may("ModifyTicket") {
			say(fmt.Sprintf("Subject changed from '%s' to '%s'", t.Subject, subject))
			s.add(t, Transaction{Type: "Set", Field: "Subject", Old: t.Subject, New: subject}, user.Name)
			t.Subject = subject
		} else {
			say("Permission Denied")
		}
	}
	fields, _ := data["CustomFields"].(map[string]any)
	for name, value := range fields {
		field, ok := s.field(name)
		if !ok {
			continue
		}
		if !user.may("ModifyCustomField") {
			messages = append(messages, fmt.Sprintf("Could not add a new value to custom field '%s': Permission Denied", field.Name))
			continue
		}
		old := t.Fields[field.Name]
		message, changed := s.setField(t, field, text(value))
		messages = append(messages, message)
		if changed {
			s.add(t, Transaction{Type: "CustomField", Field: field.Name, Old: old, New: text(value)}, user.Name)
		}
	}
	return messages
}

// postMessage adds a comment or a reply. RT's own scrip opens a ticket that somebody replies to.
func (s *Server) postMessage(user User, w http.ResponseWriter, r *http.Request) {
	data, ok := body(w, r)
	if !ok {
		return
	}
	content := text(data["Content"])
	if content != "" && text(data["ContentType"]) == "" {
		fail(w, http.StatusBadRequest, "ContentType is a required field for application/json")
		return
	}
	kind, right, said := "Comment", "CommentOnTicket", "Comments added"
	if strings.HasSuffix(r.URL.Path, "/correspond") {
		kind, right, said = "Correspond", "ReplyToTicket", "Correspondence added"
	}
	t := s.ofPath(r)
	if t == nil {
		fail(w, http.StatusBadRequest, "Message could not be recorded")
		return
	}
	if !user.may(right) && !user.may("ModifyTicket") { // Who may modify a ticket may also speak in it.
		fail(w, http.StatusBadRequest, "Permission Denied")
		return
	}
	subject := text(data["Subject"]) + "\n"
	if subject == "\n" {
		subject = "No Subject"
	}
	entry := s.add(t, Transaction{Type: kind, Data: subject, Content: content}, user.Name)
	s.add(t, Transaction{Type: "EmailRecord"}, "RT_System")
	if kind == "Correspond" && t.Status != "open" {
		s.setStatus(t, User{Name: "RT_System"}, "open")
	}
	if !s.kept(w) {
		return
	}
	w.Header().Set("Location", "/REST/2.0/transaction/"+strconv.Itoa(entry.ID))
	answer(w, http.StatusCreated, []string{said})
}

// kept writes the state down, or answers that it could not.
func (s *Server) kept(w http.ResponseWriter) bool {
	if err := s.save(); err != nil {
		fail(w, http.StatusInternalServerError, "Internal Server Error")
		return false
	}
	return true
}
