package openstack

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// domain is the one that all users and projects are in.
var domain = object{"id": "default", "name": "Default"}

// loginRequest is the part of POST /v3/auth/tokens that is understood.
type loginRequest struct {
	Auth struct {
		Identity struct {
			Methods  []string `json:"methods"`
			Password struct {
				User struct {
					Name     string `json:"name"`
					Password string `json:"password"`
					Domain   named  `json:"domain"`
				} `json:"user"`
			} `json:"password"`
			Credential struct {
				ID     string `json:"id"`
				Secret string `json:"secret"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope *struct {
			Project struct {
				ID     string `json:"id"`
				Name   string `json:"name"`
				Domain named  `json:"domain"`
			} `json:"project"`
		} `json:"scope"`
	} `json:"auth"`
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (n named) isDefault() bool { return n.ID == "default" || n.Name == "Default" }

// login gives a token for a password or an application credential. Whatever is wrong with either, the answer is the same.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if early, turned := s.turnAway(r, keystone, false); turned {
		send(w, early)
		return
	}
	var asked loginRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&asked); err != nil {
		send(w, keystone.badRequest("Expecting to find valid JSON in the request body."))
		return
	}
	t, project := s.identify(asked)
	if t == nil {
		send(w, keystone.refuse(http.StatusUnauthorized, "Unauthorized", "The request you have made requires authentication."))
		return
	}
	raw := make([]byte, 60)
	_, _ = rand.Read(raw) // It never fails.
	id := "gAAAAA" + base64.RawURLEncoding.EncodeToString(raw)
	answer := s.locked(func() reply {
		s.state.Tokens[id] = *t
		return reply{
			status: http.StatusCreated, header: map[string]string{"X-Subject-Token": id},
			body: object{"token": s.tokenView(*t, project, asked.Auth.Identity.Methods)},
		}
	}, true)
	send(w, answer)
}

// identify checks who asks; nil: nobody that is known.
func (s *Server) identify(asked loginRequest) (*token, string) {
	identity := asked.Auth.Identity
	if len(identity.Methods) != 1 {
		return nil, ""
	}
	expires := time.Now().Add(s.options.TokenLifetime)
	switch identity.Methods[0] {
	case "password":
		given := identity.Password.User
		for _, u := range s.options.Users {
			if u.Name == given.Name && same(u.Password, given.Password) && given.Domain.isDefault() && asked.inProject(u.Project) {
				return &token{Project: projectID(u.Project), User: u.Name, Denied: u.Denied, Expires: expires}, u.Project
			}
		}
	case "application_credential":
		for _, c := range s.options.Credentials {
			if c.ID == identity.Credential.ID && same(c.Secret, identity.Credential.Secret) && asked.Auth.Scope == nil {
				return &token{Project: projectID(c.Project), User: c.ID, Expires: expires}, c.Project
			}
		}
	}
	return nil, ""
}

func (q loginRequest) inProject(name string) bool {
	if q.Auth.Scope == nil {
		return false
	}
	p := q.Auth.Scope.Project
	return p.ID == projectID(name) || p.Name == name && p.Domain.isDefault()
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (s *Server) tokenView(t token, project string, methods []string) object {
	base := s.web.URL()
	var catalog []object
	for _, entry := range []struct{ kind, name, path string }{
		{"identity", "keystone", "/identity"},
		{"compute", "nova", "/compute/v2.1"},
		{"network", "neutron", "/network"},
		{"image", "glance", "/image"},
		{"block-storage", "cinder", "/volume/v3/" + t.Project},
	} {
		var endpoints []object
		for _, face := range []string{"public", "internal", "admin"} {
			endpoints = append(endpoints, object{
				"id": idOf("endpoint", entry.kind+face), "interface": face, "region": s.options.Region, "region_id": s.options.Region, "url": base + entry.path,
			})
		}
		catalog = append(catalog, object{"id": idOf("service", entry.kind), "type": entry.kind, "name": entry.name, "endpoints": endpoints})
	}
	return object{
		"methods": methods, "user": object{"id": idOf("user", t.User), "name": t.User, "domain": domain},
		"project": object{"id": t.Project, "name": project, "domain": domain}, "roles": []object{{"id": idOf("role", "member"), "name": "member"}},
		"issued_at": now(), "expires_at": t.Expires.UTC().Format("2006-01-02T15:04:05.000000Z"), "catalog": catalog,
	}
}

// ExpireTokens ends all tokens.
func (s *Server) ExpireTokens() { s.mu.Lock(); defer s.mu.Unlock(); clear(s.state.Tokens) }
