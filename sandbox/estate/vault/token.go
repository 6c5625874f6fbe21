package vault

import (
	"crypto/subtle"
	"math"
	"net/http"
	"time"
)

// token is what a client shows. Its policies are of its namespace.
type token struct {
	root          bool
	namespace     string
	policies      []string
	ttl           time.Duration
	expires, last time.Time // When it is over, and the latest that renewing leads to.
}

// lookUp returns the token of a request; nil: there is none that counts here and now.
func (s *Server) lookUp(r *http.Request) *token {
	t, ok := s.tokens[r.Header.Get("X-Vault-Token")]
	switch {
	case !ok:
		return nil
	case t.root:
		return t
	case !s.options.Now().Before(t.expires):
		delete(s.tokens, r.Header.Get("X-Vault-Token"))
		return nil
	case t.namespace != namespaceOf(r):
		return nil
	}
	return t
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		RoleID   string `json:"role_id"`
		SecretID string `json:"secret_id"`
	}
	if !body(w, r, &in) {
		return
	}
	if in.RoleID == "" || in.SecretID == "" {
		fail(w, http.StatusBadRequest, "missing role_id or secret_id")
		return
	}
	for _, role := range s.options.Roles {
		if role.Namespace != namespaceOf(r) || role.RoleID != in.RoleID || subtle.ConstantTimeCompare([]byte(role.SecretID), []byte(in.SecretID)) != 1 {
			continue
		}
		if s.logins[role.RoleID]++; role.Uses > 0 && s.logins[role.RoleID] > role.Uses {
			break
		}
		now := s.options.Now()
		t := &token{
			namespace: role.Namespace, policies: role.Policies, ttl: role.TTL, expires: now.Add(role.TTL), last: now.Add(role.MaxTTL),
		}
		s.answerToken(w, s.newToken(t), t)
		return
	}
	fail(w, http.StatusBadRequest, "invalid role or secret ID")
}

func (s *Server) renewSelf(w http.ResponseWriter, r *http.Request, t *token) {
	if t.root {
		fail(w, http.StatusBadRequest, "lease is not renewable")
		return
	}
	t.expires = s.options.Now().Add(t.ttl)
	if t.last.Before(t.expires) {
		t.expires = t.last
	}
	s.answerToken(w, r.Header.Get("X-Vault-Token"), t)
}

func (s *Server) revokeSelf(w http.ResponseWriter, r *http.Request, _ *token) {
	delete(s.tokens, r.Header.Get("X-Vault-Token"))
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) lookUpSelf(w http.ResponseWriter, r *http.Request, t *token) {
	answer(w, http.StatusOK, object{"data": object{
		"id": r.Header.Get("X-Vault-Token"), "policies": t.policies, "ttl": s.seconds(t), "renewable": !t.root,
	}})
}

func (s *Server) answerToken(w http.ResponseWriter, name string, t *token) {
	answer(w, http.StatusOK, object{"auth": object{
		"client_token": name, "policies": append([]string{"default"}, t.policies...), "token_policies": append([]string{"default"}, t.policies...),
		"lease_duration": s.seconds(t), "renewable": s.options.Now().Before(t.last), "token_type": "service", "orphan": true,
	}})
}

// seconds that a token has left, as Vault counts them.
func (s *Server) seconds(t *token) int {
	if t.root {
		return 0
	}
	return int(math.Round(t.expires.Sub(s.options.Now()).Seconds()))
}
