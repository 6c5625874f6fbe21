package vault

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"fermata/sandbox/estate/faults"
)

type object = map[string]any

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.front.ServeHTTP(w, r) }

// unreached is what a proxy in front answers while Vault is away.
func unreached(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusBadGateway, "upstream is not there")
}

// reads reports whether a request changes no secret: its answer is not lost.
func reads(r *http.Request) bool {
	return faults.Reads(r) || r.Method == "LIST" || strings.HasPrefix(r.URL.Path, "/v1/auth/")
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	if s.throttle > 0 {
		s.throttle--
		w.Header().Set("Retry-After", "7")
		fail(w, http.StatusTooManyRequests, "request path \""+r.URL.Path+"\": rate limit quota exceeded")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	s.routes.ServeHTTP(w, r)
}

// newRoutes tells apart what Vault answers to everybody, what needs a token, and what engines answer.
func (s *Server) newRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/sys/seal-status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, object{"type": "shamir", "initialized": true, "sealed": s.sealed, "t": 3, "n": 5, "progress": 0})
	})
	mux.HandleFunc("GET /v1/sys/health", func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		if s.sealed {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, object{"initialized": true, "sealed": s.sealed, "standby": false})
	})
	mux.HandleFunc("POST /v1/auth/approle/login", s.unsealed(s.login))
	mux.HandleFunc("PUT /v1/auth/approle/login", s.unsealed(s.login))
	mux.HandleFunc("GET /v1/auth/token/lookup-self", s.unsealed(s.known("auth/token/lookup-self", s.lookUpSelf)))
	for _, method := range []string{"POST", "PUT"} {
		mux.HandleFunc(method+" /v1/auth/token/renew-self", s.unsealed(s.known("auth/token/renew-self", s.renewSelf)))
		mux.HandleFunc(method+" /v1/auth/token/revoke-self", s.unsealed(s.known("auth/token/revoke-self", s.revokeSelf)))
	}
	mux.HandleFunc("/v1/", s.unsealed(s.engines))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound) })
	return mux
}

func (s *Server) unsealed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.sealed {
			fail(w, http.StatusServiceUnavailable, "Vault is sealed")
			return
		}
		next(w, r)
	}
}

// known lets requests through whose token may do so.
func (s *Server) known(path string, next func(http.ResponseWriter, *http.Request, *token)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := s.lookUp(r)
		if t == nil || !s.allows(t, path, capabilityOf(r.Method, true)) {
			denied(w)
			return
		}
		next(w, r, t)
	}
}

// engines finds the engine that a path belongs to. Who may not ask is told so whether there is one or not.
func (s *Server) engines(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	t := s.lookUp(r)
	if t == nil {
		denied(w)
		return
	}
	method := r.Method
	if method == http.MethodGet && r.URL.Query().Get("list") == "true" {
		method = "LIST"
	}
	mount, e, rest := s.engineOf(namespaceOf(r), path)
	kind, name, _ := strings.Cut(rest, "/")
	// Only for these paths does the engine say whether what is written is there; any other write is an update.
	exists := e == nil || e.secrets[name] != nil || kind != "data" && kind != "metadata"
	if !s.allows(t, path, capabilityOf(method, exists)) {
		denied(w)
		return
	}
	if e == nil {
		fail(w, http.StatusNotFound, `no handler for route "`+path+`". route entry not found.`)
		return
	}
	s.ask(w, r, request{method: method, mount: mount, kind: kind, name: name}, e)
}

// engineOf returns the engine with the longest mount that the path begins with.
func (s *Server) engineOf(namespace, path string) (mount string, e *engine, rest string) {
	for at, candidate := range s.mounts {
		if namespace != "" {
			inner, ok := strings.CutPrefix(at, namespace+"/")
			if !ok {
				continue
			}
			at = inner
		}
		if r, ok := strings.CutPrefix(path, at+"/"); ok && len(at) > len(mount) {
			mount, e, rest = at, candidate, r
		}
	}
	return mount, e, rest
}

func namespaceOf(r *http.Request) string { return strings.Trim(r.Header.Get("X-Vault-Namespace"), "/") }

func body(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 32<<20)).Decode(into)
	if err != nil && err != io.EOF {
		fail(w, http.StatusBadRequest, "failed to parse JSON input: "+err.Error())
		return false
	}
	return true
}

func denied(w http.ResponseWriter) {
	fail(w, http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
}

func fail(w http.ResponseWriter, status int, errors ...string) {
	if errors == nil {
		errors = []string{}
	}
	answer(w, status, object{"errors": errors})
}

func answer(w http.ResponseWriter, status int, value object) {
	text, err := json.Marshal(value)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"errors":["internal error"]}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
