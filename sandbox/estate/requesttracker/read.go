package requesttracker

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type object map[string]any

func (s *Server) reference(kind, id string) object {
	return object{"type": kind, "id": id, "_url": s.URL() + "/REST/2.0/" + kind + "/" + id}
}

func (s *Server) getVersion(_ User, w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, object{"Version": "5.0.3"})
}

func (s *Server) getQueue(user User, w http.ResponseWriter, r *http.Request) {
	q, ok := s.findQueue(r.PathValue("name"))
	if !ok {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	if !user.may("SeeQueue") {
		fail(w, http.StatusForbidden, "Forbidden")
		return
	}
	id := s.queueID(q.Name)
	links := []object{{"ref": "self", "type": "queue", "id": id, "_url": s.reference("queue", strconv.Itoa(id))["_url"]}}
	if user.may("CreateTicket") {
		links = append(links, object{"ref": "create", "type": "ticket", "_url": s.URL() + "/REST/2.0/ticket?Queue=" + strconv.Itoa(id)})
	}
	fields := []object{}
	for i, f := range s.options.Fields {
		if user.may("SeeCustomField") {
			field := s.reference("customfield", strconv.Itoa(fieldID(i)))
			field["ref"], field["name"] = "customfield", f.Name
			fields = append(fields, field)
		}
	}
	disabled := "0"
	if q.Disabled {
		disabled = "1"
	}
	answer(w, http.StatusOK, object{
		"id": id, "Name": q.Name, "Disabled": disabled, "Lifecycle": "default", "TicketCustomFields": fields, "_hyperlinks": links,
	})
}

func (s *Server) getQueues(_ User, w http.ResponseWriter, _ *http.Request) {
	items := []object{}
	for _, q := range s.options.Queues {
		item := s.reference("queue", strconv.Itoa(s.queueID(q.Name)))
		item["Name"] = q.Name
		items = append(items, item)
	}
	answer(w, http.StatusOK, object{"items": items, "count": len(items), "total": len(items), "page": 1, "pages": 1, "per_page": 20})
}

// findQueue finds a queue by its name or number.
func (s *Server) findQueue(name string) (Queue, bool) {
	for _, q := range s.options.Queues {
		if q.Name == name || strconv.Itoa(s.queueID(q.Name)) == name {
			return q, true
		}
	}
	return Queue{}, false
}

func (s *Server) queueID(name string) int {
	return 1 + slices.IndexFunc(s.options.Queues, func(q Queue) bool { return q.Name == name })
}

func (s *Server) getTicket(user User, w http.ResponseWriter, r *http.Request) {
	t := s.ofPath(r)
	if t == nil {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	if !user.may("ShowTicket") {
		fail(w, http.StatusForbidden, "Forbidden")
		return
	}
	w.Header().Set("ETag", etag(t, user))
	shown := object{"Queue": s.showQueue(t, r)}
	for _, name := range []string{"Subject", "Status", "Created", "LastUpdated", "Creator", "Requestor", "CustomFields"} {
		shown[name] = s.show(t, user, name)
	}
	shown["id"], shown["Type"] = t.ID, "ticket"
	answer(w, http.StatusOK, shown)
}

func (s *Server) ofPath(r *http.Request) *Ticket {
	id, _ := strconv.Atoi(r.PathValue("id"))
	return s.ticket(id)
}

// etag is the number of the last entry of the history that the user sees.
func etag(t *Ticket, user User) string {
	for _, entry := range slices.Backward(t.History) {
		if user.may(entry.right()) || entry.right() == "" {
			return `"` + strconv.Itoa(entry.ID) + `"`
		}
	}
	return ""
}

func (s *Server) showQueue(t *Ticket, r *http.Request) object {
	q := s.reference("queue", strconv.Itoa(s.queueID(t.Queue)))
	if slices.Contains(strings.Split(r.URL.Query().Get("fields[Queue]"), ","), "Name") {
		q["Name"] = t.Queue
	}
	return q
}

// show returns a field of a ticket, "" for one that RT does not know.
func (s *Server) show(t *Ticket, user User, name string) any {
	switch name {
	case "Subject":
		return t.Subject
	case "Status":
		return t.Status
	case "Created":
		return t.Created.Format(time.RFC3339)
	case "LastUpdated":
		return t.Updated.Format(time.RFC3339)
	case "Creator":
		return s.reference("user", t.Creator)
	case "Requestor":
		shown := []object{}
		for _, name := range t.Requestors {
			shown = append(shown, s.reference("user", name))
		}
		return shown
	case "CustomFields":
		return s.showFields(t, user)
	}
	return ""
}

func (s *Server) showFields(t *Ticket, user User) []object {
	shown := []object{}
	for i, f := range s.options.Fields {
		if !user.may("SeeCustomField") {
			continue
		}
		field := s.reference("customfield", strconv.Itoa(fieldID(i)))
		values := []string{}
		if value := t.Fields[f.Name]; value != "" {
			values = append(values, value)
		}
		field["name"], field["values"] = f.Name, values
		shown = append(shown, field)
	}
	return shown
}

func (s *Server) getTickets(user User, w http.ResponseWriter, r *http.Request) {
	matches, err := parseQuery(r.URL.Query().Get("query"))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	found := []*Ticket{}
	for _, t := range s.state.Tickets {
		if user.may("ShowTicket") && t.Status != "deleted" && matches(row{t, user.Name}) {
			found = append(found, t)
		}
	}
	// Newest first where no order is asked for: RT promises none.
	if r.URL.Query().Get("orderby") != "id" || strings.EqualFold(r.URL.Query().Get("order"), "DESC") {
		slices.Reverse(found)
	}
	size, page := number(r, "per_page", 20, 100), number(r, "page", 1, math.MaxInt32)
	items := []object{}
	for _, t := range pageOf(found, page, size) {
		item := s.reference("ticket", strconv.Itoa(t.ID))
		for _, name := range strings.Split(r.URL.Query().Get("fields"), ",") {
			switch name {
			case "", "id":
			case "Queue":
				item[name] = s.showQueue(t, r)
			default:
				item[name] = s.show(t, user, name)
			}
		}
		items = append(items, item)
	}
	pages := json.RawMessage("0.0") // So RT writes it.
	if len(found) > 0 {
		pages = json.RawMessage(strconv.Itoa((len(found) + size - 1) / size))
	}
	answer(w, http.StatusOK, object{"items": items, "count": len(items), "total": len(found), "page": page, "per_page": size, "pages": pages})
}

func pageOf[T any](all []T, page, size int) []T {
	from := min((page-1)*size, len(all))
	return all[from:min(from+size, len(all))]
}

// getHistory shows a page of the history. Entries that the user may not see take their place in it all the same, and
// nobody is told how many pages there are.
func (s *Server) getHistory(user User, w http.ResponseWriter, r *http.Request) {
	size, page := number(r, "per_page", 20, 100), number(r, "page", 1, math.MaxInt32)
	var entries []Transaction
	if t := s.ofPath(r); t != nil && user.may("ShowTicket") {
		entries = slices.Clone(t.History)
	}
	if strings.EqualFold(r.URL.Query().Get("order"), "DESC") {
		slices.Reverse(entries)
	}
	items := []object{}
	for _, entry := range pageOf(entries, page, size) {
		if right := entry.right(); right != "" && !user.may(right) {
			continue
		}
		item := s.reference("transaction", strconv.Itoa(entry.ID))
		known := object{
			"Type": entry.Type, "Data": entry.Data, "Field": entry.Field, "OldValue": entry.Old, "NewValue": entry.New,
			"Created": entry.Created.Format(time.RFC3339), "Creator": s.reference("user", entry.Creator),
		}
		for _, name := range strings.Split(r.URL.Query().Get("fields"), ",") {
			if value, ok := known[name]; ok {
				item[name] = value
			}
		}
		items = append(items, item)
	}
	answer(w, http.StatusOK, object{"items": items, "count": len(items), "total": nil, "page": page, "per_page": size, "pages": nil})
}
