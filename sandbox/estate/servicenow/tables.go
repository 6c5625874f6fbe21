package servicenow

import (
	"net/http"
	"strconv"
	"strings"
)

// flat shows a record as the Table API does, with the fields that sysparm_fields names.
func (s *Server) flat(r *http.Request, table string, one row) map[string]any {
	out := map[string]any{}
	if r.URL.Query().Get("sysparm_display_value") == "all" {
		out = s.both(table, one)
	} else {
		for name, value := range one {
			out[name] = value
		}
	}
	if wanted := r.URL.Query().Get("sysparm_fields"); wanted != "" {
		for name := range out {
			if !strings.Contains(","+wanted+",", ","+name+",") {
				delete(out, name)
			}
		}
	}
	return out
}

// listTable lists incidents, changes, groups, journals and configuration items.
func (s *Server) listTable(user User, w http.ResponseWriter, r *http.Request) {
	table := r.PathValue("table")
	var rows []row
	switch table {
	case incidents, changes:
		rows = s.list(user, r, table, 10000)
	case "sys_user_group":
		rows = s.plain(user, r, table, s.groups())
	case journals:
		rows = s.plain(user, r, table, s.entries())
	default:
		if _, ok := classOf(w, r); !ok {
			return
		}
		rows = s.itemRows(user, table, r)
	}
	found := []any{}
	for _, one := range rows {
		found = append(found, s.flat(r, table, one))
	}
	answer(w, http.StatusOK, map[string]any{"result": found})
}

// plain lists a table whose rows have all their fields.
func (s *Server) plain(user User, r *http.Request, table string, rows []row) []row {
	if !user.sees(table, "") {
		return nil // An ACL takes rows away without a word.
	}
	has := func(field string) bool {
		if len(rows) == 0 {
			return true
		}
		_, ok := rows[0][field]
		return ok
	}
	return page(r, query(r.URL.Query().Get("sysparm_query"), rows, has, user.Name, s.options.FoldCase), 10000)
}

func (s *Server) groups() (rows []row) {
	for _, g := range s.options.Groups {
		rows = append(rows, row{"sys_id": g.ID, "name": g.Name, "active": strconv.FormatBool(!g.Inactive)})
	}
	return rows
}

func (s *Server) entries() (rows []row) {
	for _, e := range s.state.Journal {
		rows = append(rows, row{
			"sys_id": e.ID, "name": e.Table, "element_id": e.Record, "element": e.Element, "value": e.Value,
			"sys_created_by": e.By, "sys_created_on": e.Created,
		})
	}
	return rows
}
