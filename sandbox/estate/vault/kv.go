package vault

import (
	"cmp"
	"encoding/json"
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
	casRequired     bool
	maxVersions     int    // 0: the engine's.
	custom          object // Custom metadata: of the secret, not of a version.
}

// version is one value. Deleted it can come back, destroyed not.
type version struct {
	data             object
	created, deleted time.Time
	destroyed        bool
}

func (v *version) metadata(number int, custom object) object {
	deleted := ""
	if !v.deleted.IsZero() {
		deleted = stamp(v.deleted)
	}
	return object{"created_time": stamp(v.created), "custom_metadata": custom, "deletion_time": deleted, "destroyed": v.destroyed, "version": number}
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
	case q.kind == "metadata" && write:
		s.writeMetadata(w, r, e, q.name)
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
		answer(w, http.StatusNotFound, object{"data": object{"data": nil, "metadata": v.metadata(number, secret.custom)}})
	default:
		answer(w, http.StatusOK, object{"data": object{"data": v.data, "metadata": v.metadata(number, secret.custom)}, "lease_duration": 0, "renewable": false})
	}
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, e *engine, name string) {
	var in struct {
		Options struct {
			CAS json.RawMessage `json:"cas"`
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
	if secret == nil {
		secret = &stored{versions: map[int]*version{}, created: now}
	}
	if why := compare(in.Options.CAS, secret.current, e.casRequired || secret.casRequired); why != "" {
		fail(w, http.StatusBadRequest, why)
		return
	}
	e.secrets[name] = secret
	secret.current++
	secret.change = now
	secret.versions[secret.current] = &version{data: in.Data, created: now}
	keep := cmp.Or(secret.maxVersions, e.maxVersions, keepVersions)
	maps.DeleteFunc(secret.versions, func(number int, _ *version) bool { return number <= secret.current-keep })
	answer(w, http.StatusOK, object{"data": secret.versions[secret.current].metadata(secret.current, secret.custom)})
}

// compare says why a write does not fit the current version, which deleting and destroying do not change; empty: it does. A
// number may come as text, as from the command line.
func compare(cas json.RawMessage, current int, required bool) string {
	switch number, err := strconv.Atoi(strings.Trim(string(cas), `"`)); {
	case cas == nil && required:
		return "check-and-set parameter required for this call"
	case cas == nil:
		return ""
	case err != nil:
		return "error parsing check-and-set parameter"
	case number != current:
		return "check-and-set parameter did not match the current version"
	}
	return ""
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
	if secret == nil { // It is no error to Vault.
		w.WriteHeader(http.StatusNoContent)
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
