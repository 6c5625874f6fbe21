package servicenow

import (
	"maps"
	"net/http"
	"path"
	"slices"
)

// postChange creates a change request. A standard one takes its plans from its template, so they are ignored.
func (s *Server) postChange(user User, w http.ResponseWriter, r *http.Request) {
	kind, template := path.Base(r.URL.Path), r.PathValue("template")
	var fixed []string
	if template != "" {
		kind, fixed = "standard", []string{"description", "backout_plan", "test_plan", "implementation_plan"}
		if !slices.Contains(s.options.Templates, template) {
			fail(w, http.StatusNotFound, "Standard change template not found", "")
			return
		}
	}
	wanted, ok := body(w, r)
	if !ok {
		return
	}
	if state := wanted["state"]; state != "" && state != initialState(changes) {
		s.refuse(w, changes, rule(changes, "Change Model: Check State Transition"))
		return
	}
	record := s.newRecord(changes, user.Name)
	record.Fields["state"], record.Fields["type"] = initialState(changes), kind
	ignored := s.fill(user, record, wanted, fixed, true)
	if !s.kept(w) {
		return
	}
	shown := s.both(changes, s.view(user, record))
	shown["state"] = map[string]string{"value": "-5", "display_value": "New"}
	shown["sys_id"] = record.Fields["sys_id"]
	shown["__meta"] = map[string]any{"ignoredFields": ignored}
	answer(w, http.StatusOK, map[string]any{"result": []any{shown}})
}

// fill sets what the table has and the user may write, and returns the names of the rest.
func (s *Server) fill(user User, record *Record, wanted map[string]string, fixed []string, opening bool) []string {
	ignored := []string{}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		_, known := fieldsOf(record.Table)[name]
		if !known || !user.sees(record.Table, name) || slices.Contains(fixed, name) {
			ignored = append(ignored, name)
			continue
		}
		s.set(record, name, wanted[name], user.Name, opening)
	}
	return ignored
}

func (s *Server) postIncident(user User, w http.ResponseWriter, r *http.Request) {
	wanted, ok := body(w, r)
	if !ok {
		return
	}
	record := s.newRecord(incidents, user.Name)
	record.Fields["state"] = initialState(incidents)
	s.fill(user, record, wanted, nil, true)
	if s.kept(w) {
		answer(w, http.StatusCreated, map[string]any{"result": s.flat(r, incidents, s.view(user, record))})
	}
}

func (s *Server) patchChange(user User, w http.ResponseWriter, r *http.Request) {
	record := s.ofPath(w, r, changes)
	if record == nil {
		return
	}
	wanted, ok := body(w, r)
	if !ok || !s.update(user, w, record, wanted) {
		return
	}
	answer(w, http.StatusOK, map[string]any{"result": s.both(changes, s.view(user, record))})
}

func (s *Server) patchIncident(user User, w http.ResponseWriter, r *http.Request) {
	record := s.ofPath(w, r, incidents)
	if record == nil {
		return
	}
	wanted, ok := body(w, r)
	if !ok || !s.update(user, w, record, wanted) {
		return
	}
	answer(w, http.StatusOK, map[string]any{"result": s.flat(r, incidents, s.view(user, record))})
}

// update changes the record, or answers why not.
func (s *Server) update(user User, w http.ResponseWriter, record *Record, wanted map[string]string) bool {
	merged := maps.Clone(record.Fields)
	for name, value := range wanted {
		if _, known := fieldsOf(record.Table)[name]; known {
			merged[name] = value
		}
	}
	if no := s.judge(record, wanted, merged); no != nil {
		s.refuse(w, record.Table, no)
		return false
	}
	s.fill(user, record, wanted, nil, false)
	return s.kept(w)
}

// refuse answers what a rule says, in the form of the API that was asked.
func (s *Server) refuse(w http.ResponseWriter, table string, no *refusal) {
	if table == changes {
		fail(w, http.StatusBadRequest, "Change Request record could not be updated. "+no.text, "")
		return
	}
	fail(w, http.StatusForbidden, "Operation Failed", no.text)
}

// kept writes the state down, or answers that it could not.
func (s *Server) kept(w http.ResponseWriter) bool {
	if err := s.save(); err != nil {
		fail(w, http.StatusInternalServerError, "Internal Server Error", "")
		return false
	}
	return true
}
