package vault

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

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
		m := secret.versions[number].metadata(number, nil)
		delete(m, "version")
		delete(m, "custom_metadata")
		versions[strconv.Itoa(number)] = m
	}
	answer(w, http.StatusOK, object{"data": object{
		"cas_required": secret.casRequired, "current_version": secret.current, "oldest_version": oldest, "max_versions": secret.maxVersions,
		"custom_metadata": secret.custom,
		"created_time":    stamp(secret.created), "updated_time": stamp(secret.change), "versions": versions,
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

// writeMetadata changes the settings of a secret, which needs no version for that.
func (s *Server) writeMetadata(w http.ResponseWriter, r *http.Request, e *engine, name string) {
	var in struct {
		MaxVersions *int              `json:"max_versions"`
		CASRequired *bool             `json:"cas_required"`
		Custom      map[string]string `json:"custom_metadata"`
	}
	if !body(w, r, &in) {
		return
	}
	if len(in.Custom) > 64 {
		fail(w, http.StatusBadRequest, "custom_metadata validation failed: payload must contain at most 64 keys, provided "+strconv.Itoa(len(in.Custom)))
		return
	}
	secret, now := e.secrets[name], s.options.Now()
	if secret == nil {
		secret = &stored{versions: map[int]*version{}, created: now, change: now}
		e.secrets[name] = secret
	}
	if in.MaxVersions != nil {
		secret.maxVersions = *in.MaxVersions
	}
	if in.CASRequired != nil {
		secret.casRequired = *in.CASRequired
	}
	if in.Custom != nil {
		secret.custom = object{}
		for key, value := range in.Custom {
			secret.custom[key] = value
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
