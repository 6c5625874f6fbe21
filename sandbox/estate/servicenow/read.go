package servicenow

import (
	"net/http"
	"strconv"
)

// shown are the fields of a record that a list or a record shows.
func shown(table string) []string {
	names := []string{"sys_id", "number", "sys_created_on", "sys_created_by", "approval", "type"}
	for name := range fieldsOf(table) {
		names = append(names, name)
	}
	return names
}

// rows are the records of a table that the user sees, with the fields that the user sees.
func (s *Server) rows(user User, table string) (found []row) {
	if !user.sees(table, "") {
		return nil
	}
	for _, r := range s.state.Records {
		if r.Table != table {
			continue
		}
		one := row{}
		for _, field := range shown(table) {
			if user.sees(table, field) {
				one[field] = r.Fields[field]
			}
		}
		found = append(found, one)
	}
	return found
}

func known(user User, table string) func(string) bool {
	return func(field string) bool {
		for _, name := range shown(table) {
			if name == field {
				return user.sees(table, field)
			}
		}
		return false
	}
}

// page cuts out what sysparm_offset and sysparm_limit ask for.
func page(r *http.Request, rows []row, limit int) []row {
	if n, err := strconv.Atoi(r.URL.Query().Get("sysparm_limit")); err == nil && n >= 0 {
		limit = n
	}
	if offset, err := strconv.Atoi(r.URL.Query().Get("sysparm_offset")); err == nil && offset > 0 {
		rows = rows[min(offset, len(rows)):]
	}
	return rows[:min(limit, len(rows))]
}

// both shows a record as the Change Management API does, and the Table API with sysparm_display_value=all: every field
// with its value and its display value. Journals show nothing there.
func (s *Server) both(table string, r row) map[string]any {
	out := map[string]any{}
	for name, value := range r {
		display := value
		var raw any = value
		switch name {
		case "state":
			display = labels(table)[value]
			if n, err := strconv.ParseFloat(value, 64); err == nil && table == changes {
				raw = n // The reference shows 3.0 here, and "-5" where a change is created.
			}
		case "assignment_group":
			if group, ok := s.group(value); ok {
				display = group.Name
			}
		case "cmdb_ci":
			if item := s.item(value, baseClass); item != nil {
				display = item.Fields["name"]
			}
		case "install_status":
			display = installLabels()[value]
		}
		out[name] = map[string]any{"display_value": display, "value": raw}
	}
	return out
}

func (s *Server) list(user User, r *http.Request, table string, limit int) []row {
	return page(r, query(r.URL.Query().Get("sysparm_query"), s.rows(user, table), known(user, table), user.Name, s.options.FoldCase), limit)
}

func (s *Server) listChanges(user User, w http.ResponseWriter, r *http.Request) {
	found := []any{}
	for _, one := range s.list(user, r, changes, 500) {
		found = append(found, s.both(changes, one))
	}
	answer(w, http.StatusOK, map[string]any{"result": found})
}

func (s *Server) getChange(user User, w http.ResponseWriter, r *http.Request) {
	if record := s.ofPath(w, r, changes); record != nil {
		answer(w, http.StatusOK, map[string]any{"result": s.both(changes, s.view(user, record))})
	}
}

func (s *Server) getIncident(user User, w http.ResponseWriter, r *http.Request) {
	if record := s.ofPath(w, r, incidents); record != nil {
		answer(w, http.StatusOK, map[string]any{"result": s.flat(r, incidents, s.view(user, record))})
	}
}

func (s *Server) view(user User, record *Record) row {
	for _, one := range s.rows(user, record.Table) {
		if one["sys_id"] == record.Fields["sys_id"] {
			return one
		}
	}
	return row{}
}

func (s *Server) ofPath(w http.ResponseWriter, r *http.Request, table string) *Record {
	record := s.record(table, "sys_id", r.PathValue("id"))
	if record == nil {
		fail(w, http.StatusNotFound, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
	}
	return record
}

func (s *Server) nextStates(_ User, w http.ResponseWriter, r *http.Request) {
	record := s.ofPath(w, r, changes)
	if record == nil {
		return
	}
	state := record.Fields["state"]
	states := append(append([]string{}, next(record.Fields["type"], state)...), state)
	names := map[string]string{}
	for _, one := range states {
		names[one] = labels(changes)[one]
	}
	answer(w, http.StatusOK, map[string]any{"result": map[string]any{"available_states": states, "state_transitions": []any{}, "state_label": names}})
}
