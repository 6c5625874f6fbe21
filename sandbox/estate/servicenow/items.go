package servicenow

import (
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

// baseClass is the class that all configuration items are of.
const baseClass = "cmdb_ci"

// classes are those of the base system that servers are of, each with the class that it extends ("CMDB tables descriptions").
// Whoever lists a class sees the items of those that extend it, too.
func classes() map[string]string {
	return map[string]string{
		baseClass: "", "cmdb_ci_hardware": baseClass, "cmdb_ci_computer": "cmdb_ci_hardware", "cmdb_ci_server": "cmdb_ci_computer",
		"cmdb_ci_linux_server": "cmdb_ci_server", "cmdb_ci_win_server": "cmdb_ci_server",
	}
}

// extends says whether the class is the other, or extends it.
func extends(class, other string) bool {
	for ; class != ""; class = classes()[class] {
		if class == other {
			return true
		}
	}
	return false
}

// itemFields are the fields of a class that can be set, with the length of their columns in characters; 0 is for choices.
func itemFields(class string) map[string]int {
	fields := map[string]int{
		"name": 255, "short_description": 1000, "comments": 4000, "attributes": 65000, "correlation_id": 100, "ip_address": 255,
		"fqdn": 255, "install_status": 0, "operational_status": 0,
	}
	if extends(class, "cmdb_ci_computer") {
		fields["cpu_count"], fields["ram"], fields["os"] = 40, 40, 40
	}
	return fields
}

// installLabels are the choices of install_status as the platform comes.
func installLabels() map[string]string {
	return map[string]string{
		"1": "Installed", "2": "On Order", "3": "In Maintenance", "4": "Pending Install", "5": "Pending Repair", "6": "In Stock",
		"7": "Retired", "8": "Stolen", "100": "Absent",
	}
}

// retiredStatus is the value of install_status that says so.
const retiredStatus = "7"

// seed puts what the options describe into the CMDB, once.
func (s *Server) seed() error {
	for _, item := range s.options.Items {
		if s.item(item.ID, baseClass) == nil {
			r := s.newItem(item.Class, "admin")
			r.Fields["sys_id"], r.Fields["name"] = item.ID, item.Name
		}
	}
	return s.save()
}

func (s *Server) newItem(class, by string) *Record {
	r := &Record{Table: class, Fields: map[string]string{
		"sys_id": newID(), "sys_class_name": class, "sys_created_by": by, "sys_created_on": time.Now().UTC().Format(timeForm),
		"install_status": "1", "operational_status": "1",
	}}
	s.state.Items = append(s.state.Items, r)
	return r
}

// item returns the item of a sys_id that is of the class or of one that extends it.
func (s *Server) item(id, class string) *Record {
	i := slices.IndexFunc(s.state.Items, func(r *Record) bool {
		return r.Fields["sys_id"] == id && (extends(r.Table, class) || class == baseClass)
	})
	if i < 0 {
		return nil
	}
	return s.state.Items[i]
}

// itemView is the item as a table shows it to the user: a class does not show the fields of those that extend it.
func itemView(user User, class string, r *Record) row {
	one := row{}
	for name := range itemFields(class) {
		if seesItem(user, class, name) {
			one[name] = r.Fields[name]
		}
	}
	for _, name := range []string{"sys_id", "sys_class_name", "sys_created_on", "sys_created_by"} {
		one[name] = r.Fields[name]
	}
	return one
}

// seesItem says whether no ACL hides the class, or its field, from the user. An ACL of a class counts for those that extend it.
func seesItem(user User, class, field string) bool {
	for ; class != ""; class = classes()[class] {
		if !user.sees(class, field) {
			return false
		}
	}
	return true
}

func (s *Server) itemRows(user User, class string, r *http.Request) []row {
	var rows []row
	for _, item := range s.state.Items {
		if extends(item.Table, class) && seesItem(user, class, "") {
			rows = append(rows, itemView(user, class, item))
		}
	}
	known := func(field string) bool {
		_, settable := itemFields(class)[field]
		return (settable || field == "sys_id" || field == "sys_class_name" || field == "sys_created_on") && seesItem(user, class, field)
	}
	return page(r, query(r.URL.Query().Get("sysparm_query"), rows, known, user.Name, s.options.FoldCase), 10000)
}

// classOf reads the class of a path, or answers that there is none.
func classOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	class := r.PathValue("table")
	if _, ok := classes()[class]; !ok {
		fail(w, http.StatusBadRequest, "Invalid table "+class, "")
		return "", false
	}
	return class, true
}

func (s *Server) postItem(user User, w http.ResponseWriter, r *http.Request) {
	class, ok := classOf(w, r)
	if !ok {
		return
	}
	wanted, ok := body(w, r)
	if !ok {
		return
	}
	if slices.Contains(user.Locked, baseClass) {
		fail(w, http.StatusForbidden, "Operation Failed", "ACL Exception Insert Failed due to security constraints")
		return
	}
	item := s.newItem(class, user.Name)
	fillItem(user, item, wanted)
	if s.kept(w) {
		answer(w, http.StatusCreated, map[string]any{"result": s.flat(r, class, itemView(user, class, item))})
	}
}

func (s *Server) getItem(user User, w http.ResponseWriter, r *http.Request) {
	if class, item := s.itemOfPath(user, w, r); item != nil {
		answer(w, http.StatusOK, map[string]any{"result": s.flat(r, class, itemView(user, class, item))})
	}
}

func (s *Server) patchItem(user User, w http.ResponseWriter, r *http.Request) {
	class, item := s.itemOfPath(user, w, r)
	if item == nil {
		return
	}
	wanted, ok := body(w, r)
	if !ok {
		return
	}
	if slices.Contains(user.Locked, baseClass) {
		fail(w, http.StatusForbidden, "Operation Failed", "ACL Exception Update Failed due to security constraints")
		return
	}
	if to, ok := wanted["install_status"]; ok && s.options.RetiredStay && item.Fields["install_status"] == retiredStatus && to != retiredStatus {
		s.refuse(w, class, rule(class, "Retired items stay retired"))
		return
	}
	fillItem(user, item, wanted)
	if s.kept(w) {
		answer(w, http.StatusOK, map[string]any{"result": s.flat(r, class, itemView(user, class, item))})
	}
}

func (s *Server) itemOfPath(user User, w http.ResponseWriter, r *http.Request) (string, *Record) {
	class, ok := classOf(w, r)
	if !ok {
		return "", nil
	}
	item := s.item(r.PathValue("id"), class)
	if item == nil || !seesItem(user, class, "") {
		fail(w, http.StatusNotFound, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
		return "", nil
	}
	return class, item
}

// fillItem sets what the class has and the user may write, cut to the length of its column. The rest is ignored without a word.
func fillItem(user User, item *Record, wanted map[string]string) {
	for name, value := range wanted {
		limit, known := itemFields(item.Table)[name]
		if !known || !seesItem(user, item.Table, name) {
			continue
		}
		if limit > 0 && utf8.RuneCountInString(value) > limit {
			value = string([]rune(value)[:limit])
		}
		item.Fields[name] = value
	}
}

// listItems lists the items of a class with name and sys_id, as the CMDB Instance API does.
func (s *Server) listItems(user User, w http.ResponseWriter, r *http.Request) {
	var rows []row
	for _, item := range s.state.Items {
		if item.Table == r.PathValue("class") {
			rows = append(rows, row{"sys_id": item.Fields["sys_id"], "name": item.Fields["name"]})
		}
	}
	if len(rows) == 0 {
		fail(w, http.StatusNotFound, "Not found", "Invalid class or no record")
		return
	}
	found := []any{}
	for _, one := range s.plain(user, r, r.PathValue("class"), rows) {
		found = append(found, one)
	}
	answer(w, http.StatusOK, map[string]any{"result": found})
}

// ConfigurationItems returns copies of all items, oldest first: what is there by the server's own word.
func (s *Server) ConfigurationItems() (found []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.state.Items {
		one := Record{Table: r.Table, Fields: map[string]string{}}
		for name, value := range r.Fields {
			one.Fields[name] = value
		}
		found = append(found, one)
	}
	return found
}

// AddItem lets somebody add an item and returns its sys_id.
func (s *Server) AddItem(by, class string, fields map[string]string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.newItem(class, by)
	for name, value := range fields {
		r.Fields[name] = value
	}
	return r.Fields["sys_id"], s.save()
}

// Reclassify gives an item another class, as a discovery does that knows better.
func (s *Server) Reclassify(id, class string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.item(id, baseClass)
	if r == nil {
		return fmt.Errorf("reclassifying %s: there is none", id)
	}
	r.Table, r.Fields["sys_class_name"] = class, class
	return s.save()
}
