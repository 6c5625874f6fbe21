// Package vault emulates the part of Vault's HTTP API that those use who read and write secrets: KV version 2 with its
// versions and check-and-set, tokens that expire, AppRole, policies by path, namespaces, the seal. OpenBao's API is the same
// in all of it.
//
// It is a http.Handler over a state in memory, and refuses what Vault refuses: a token that is over, a path that no policy
// opens for reading, creating or updating, a mount that is not there, a version that was deleted or destroyed, a write whose
// check-and-set does not fit, or is missing where the engine or the secret requires it. Patches it does not know.
// It was written from Vault's API reference (https://developer.hashicorp.com/vault/api-docs) and never compared with a
// running Vault.
package vault

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"fermata/sandbox/estate/faults"
)

// Options describe a Vault.
type Options struct {
	// Now is its clock; nil: the machine's.
	Now func() time.Time
	// Mounts are the paths of KV version 2 engines, each with its namespace in front: "kv", "team-a/kv".
	Mounts []string
	// Policies are rules by the policies' names.
	Policies map[string]Policy
	// Roles may log in with AppRole.
	Roles []Role
	// Faults make it misbehave; may be nil.
	Faults *faults.Faults
}

// Role is an AppRole.
type Role struct {
	// Namespace of the role; empty: the root one.
	Namespace string
	RoleID    string
	SecretID  string
	// Uses is how many logins the secret id is good for; 0: any number.
	Uses     int
	Policies []string
	// TTL is how long a token lives that is not renewed; MaxTTL what renewing leads to at most.
	TTL, MaxTTL time.Duration
}

// Server is a Vault. It starts unsealed.
type Server struct {
	options Options
	routes  *http.ServeMux
	front   http.Handler // The routes, misbehaving.

	mu       sync.Mutex
	sealed   bool
	throttle int // Requests to answer with 429.
	tokens   map[string]*token
	logins   map[string]int // By role id.
	mounts   map[string]*engine
	requests []string // Method and path of what was asked, in order.
}

// New makes a Vault with empty engines.
func New(options Options) (*Server, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	s := &Server{options: options, tokens: map[string]*token{}, logins: map[string]int{}, mounts: map[string]*engine{}}
	for _, path := range options.Mounts {
		if path == "" || strings.Trim(path, "/") != path {
			return nil, fmt.Errorf("starting Vault: mount %q: expected a path without slashes at its ends", path)
		}
		s.mounts[path] = &engine{secrets: map[string]*stored{}}
	}
	for _, r := range options.Roles {
		if r.RoleID == "" || len(r.SecretID) < 8 || r.TTL <= 0 || r.MaxTTL < r.TTL {
			return nil, fmt.Errorf("starting Vault: role %q: a role id, a secret id of 8 characters and lifetimes are needed", r.RoleID)
		}
	}
	s.routes = s.newRoutes()
	s.front = options.Faults.Handler(http.HandlerFunc(s.serve), unreached, reads)
	return s, nil
}

// Seal closes Vault, or opens it again. Sealed it answers nothing but its state.
func (s *Server) Seal(sealed bool) { s.mu.Lock(); defer s.mu.Unlock(); s.sealed = sealed }

// ThrottleNext answers the next n requests with 429, as a rate limit quota does.
func (s *Server) ThrottleNext(n int) { s.mu.Lock(); defer s.mu.Unlock(); s.throttle = n }

// Requests are the method and path of what was asked so far, in order.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// Root makes a token that may do everything everywhere and does not expire.
func (s *Server) Root() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newToken(&token{root: true})
}

// Issue makes a token of a namespace, with policies and a lifetime.
func (s *Server) Issue(namespace string, ttl time.Duration, policies ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	return s.newToken(&token{namespace: namespace, policies: policies, ttl: ttl, expires: now.Add(ttl), last: now.Add(ttl)})
}

// Revoke ends a token.
func (s *Server) Revoke(name string) { s.mu.Lock(); defer s.mu.Unlock(); delete(s.tokens, name) }

// RevokeAll ends all tokens, as the loss of their storage does.
func (s *Server) RevokeAll() { s.mu.Lock(); defer s.mu.Unlock(); clear(s.tokens) }

func (s *Server) newToken(t *token) string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // It never fails.
	name := "hvs." + base64.RawURLEncoding.EncodeToString(b)
	s.tokens[name] = t
	return name
}
