package vault

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keepVersions is how many versions of a secret Vault keeps unless told otherwise.
const keepVersions = 10

// engine is one KV version 2 engine.
type engine struct {
	secrets     map[string]*stored
	casRequired bool
	maxVersions int // 0: keepVersions.
}

// stored is one secret with its versions, by number. Numbers are not given again while the secret has its metadata.
type stored struct {
	versions        map[int]*version
	current         int
	created, change time.Time
}

// version is one value. Deleted it can come back, destroyed not.
type version struct {
	data             object
	created, deleted time.Time
	destroyed        bool
}

func (v *version) metadata(number int) object {
	deleted := ""
	if !v.deleted.IsZero() {
		deleted = stamp(v.deleted)
	}
	return object{"created_time": stamp(v.created), "custom_metadata": nil, "deletion_time": deleted, "destroyed": v.destroyed, "version": number}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// request is a request to an engine: PUT of kind "data" and name "web-01/db".
type request struct{ method, mount, kind, name string }

func (s *Server) ask(w http.ResponseWriter, r *http.Request, q request, e *engine) {
	write := q.method == http.MethodPost || q.method == http.MethodPut
	switch {
	case q.kind == "config" && q.name == "" && write:
		s.configure(w, r, e)
	case q.kind == "metadata" && q.method == "LIST":
		e.list(w, q.name)
	case q.name == "" || strings.HasSuffix(q.name, "/"):
		fail(w, http.StatusNotFound)
	case q.kind == "data" && q.method == http.MethodGet:
		e.read(w, r, q.name)
	case q.kind == "data" && write:
		s.write(w, r, e, q.name)
	case q.kind == "data" && q.method == http.MethodDelete:
		s.deleteLatest(w, e, q.name)
	case slices.Contains([]string{"delete", "undelete", "destroy"}, q.kind) && write:
		s.change(w, r, e, q)
	case q.kind == "metadata" && q.method == http.MethodGet:
		e.readMetadata(w, q.name)
	case q.kind == "metadata" && q.method == http.MethodDelete:
		delete(e.secrets, q.name)
		w.WriteHeader(http.StatusNoContent)
	case slices.Contains([]string{"data", "metadata", "delete", "undelete", "destroy", "config"}, q.kind):
		fail(w, http.StatusMethodNotAllowed, "unsupported operation")
	default:
		answer(w, http.StatusNotFound, object{"errors": []string{}, "warnings": []string{"Invalid path for a versioned K/V secrets engine. " +
			"See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv get' for this operation."}})
	}
}

func (e *engine) read(w http.ResponseWriter, r *http.Request, name string) {
	number := 0
	if text := r.URL.Query().Get("version"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			fail(w, http.StatusBadRequest, `Field validation failed: error converting input for field "version": cannot parse '' as int`)
			return
		}
		number = n
	}
	secret := e.secrets[name]
	if secret == nil {
		fail(w, http.StatusNotFound)
		return
	}
	if number == 0 {
		number = secret.current
	}
	v := secret.versions[number]
	switch {
	case v == nil:
		fail(w, http.StatusNotFound)
	case v.destroyed || !v.deleted.IsZero():
		answer(w, http.StatusNotFound, object{"data": object{"data": nil, "metadata": v.metadata(number)}})
	default:
		answer(w, http.StatusOK, object{"data": object{"data": v.data, "metadata": v.metadata(number)}, "lease_duration": 0, "renewable": false})
	}
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, e *engine, name string) {
	var in struct {
		Options struct {
			CAS *int `json:"cas"`
		} `json:"options"`
		Data object `json:"data"`
	}
	if !body(w, r, &in) {
		return
	}
	if in.Data == nil {
		fail(w, http.StatusBadRequest, "no data provided")
		return
	}
	secret, now := e.secrets[name], s.options.Now()
	current := 0
	if secret != nil {
		current = secret.current
	}
	switch cas := in.Options.CAS; {
	case cas == nil && e.casRequired:
		fail(w, http.StatusBadRequest, "check-and-set parameter required for this call")
		return
	case cas != nil && *cas != current:
		fail(w, http.StatusBadRequest, "check-and-set parameter did not match the current version")
		return
	}
	if secret == nil {
		secret = &stored{versions: map[int]*version{}, created: now}
		e.secrets[name] = secret
	}
	secret.current++
	secret.change = now
	secret.versions[secret.current] = &version{data: in.Data, created: now}
	keep := keepVersions
	if e.maxVersions > 0 {
		keep = e.maxVersions
	}
	maps.DeleteFunc(secret.versions, func(number int, _ *version) bool { return number <= secret.current-keep })
	answer(w, http.StatusOK, object{"data": secret.versions[secret.current].metadata(secret.current)})
}

func (s *Server) deleteLatest(w http.ResponseWriter, e *engine, name string) {
	if secret := e.secrets[name]; secret != nil {
		if v := secret.versions[secret.current]; v != nil && v.deleted.IsZero() && !v.destroyed {
			v.deleted = s.options.Now()
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// change deletes, brings back or destroys versions by their numbers. Those that are not there are passed over.
func (s *Server) change(w http.ResponseWriter, r *http.Request, e *engine, q request) {
	var in struct {
		Versions []int `json:"versions"`
	}
	if !body(w, r, &in) {
		return
	}
	if len(in.Versions) == 0 {
		fail(w, http.StatusBadRequest, "no version number provided")
		return
	}
	secret := e.secrets[q.name]
	if secret == nil {
		fail(w, http.StatusNotFound)
		return
	}
	for _, number := range in.Versions {
		v := secret.versions[number]
		switch {
		case v == nil || v.destroyed:
		case q.kind == "delete" && v.deleted.IsZero():
			v.deleted = s.options.Now()
		case q.kind == "undelete":
			v.deleted = time.Time{}
		case q.kind == "destroy":
			v.destroyed, v.data = true, nil
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (e *engine) readMetadata(w http.ResponseWriter, name string) {
	secret := e.secrets[name]
	if secret == nil {
		fail(w, http.StatusNotFound)
		return
	}
	versions, oldest := object{}, 0
	for _, number := range slices.Sorted(maps.Keys(secret.versions)) {
		if oldest == 0 {
			oldest = number
		}
		m := secret.versions[number].metadata(number)
		delete(m, "version")
		delete(m, "custom_metadata")
		versions[strconv.Itoa(number)] = m
	}
	answer(w, http.StatusOK, object{"data": object{
		"cas_required": false, "current_version": secret.current, "oldest_version": oldest, "max_versions": 0,
		"created_time": stamp(secret.created), "updated_time": stamp(secret.change), "versions": versions,
	}})
}

func (e *engine) list(w http.ResponseWriter, folder string) {
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	names := map[string]bool{}
	for name := range e.secrets {
		if rest, ok := strings.CutPrefix(name, folder); ok {
			first, _, deeper := strings.Cut(rest, "/")
			if deeper {
				first += "/"
			}
			names[first] = true
		}
	}
	if len(names) == 0 {
		fail(w, http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, object{"data": object{"keys": slices.Sorted(maps.Keys(names))}})
}

func (s *Server) configure(w http.ResponseWriter, r *http.Request, e *engine) {
	var in struct {
		MaxVersions *int  `json:"max_versions"`
		CASRequired *bool `json:"cas_required"`
	}
	if !body(w, r, &in) {
		return
	}
	if in.MaxVersions != nil {
		e.maxVersions = *in.MaxVersions
	}
	if in.CASRequired != nil {
		e.casRequired = *in.CASRequired
	}
	w.WriteHeader(http.StatusNoContent)
}
