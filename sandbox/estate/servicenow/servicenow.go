// Package servicenow emulates the part of a ServiceNow instance that integrations use for tickets: change requests of
// the three kinds through the Change Management API, incidents, groups, journals and configuration items through the Table
// API, the list of the CMDB Instance API, and OAuth's client credentials.
//
// It keeps its state in a folder and answers as ServiceNow's REST API reference says (pages "Change Management API",
// "Table API", "CMDB Instance API", "REST API HTTP response codes", "Inbound REST API rate limiting", "State model and
// transitions"), also where that surprises: fields that are not known are ignored, a condition on a field that is not
// known is left out of a query, and nothing keeps two records from carrying one correlation_id. Nobody has compared it
// with a real instance; README.md of integrations/servicenow lists what is an assumption.
package servicenow

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"

	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/web"
)

// Options describe an instance.
type Options struct {
	// Folder keeps the state. It is made if missing.
	Folder string
	// Listen is the address; empty: 127.0.0.1 with a free port.
	Listen string
	// TLS serves https; nil: plain http.
	TLS *tls.Config
	// Users may log in. At least one.
	Users []User
	// Clients are OAuth's applications with the client credentials grant.
	Clients []Client
	// Groups are the assignment groups. At least one.
	Groups []Group
	// Templates are the sys_ids of standard change templates.
	Templates []string
	// Items are what the CMDB knows from the beginning.
	Items []Item
	// RetiredStay is a business rule: items that are retired stay so.
	RetiredStay bool
	// Approvals makes people approve what leaves Assess and Authorize.
	Approvals bool
	// FoldCase makes = and LIKE ignore case, as some databases below an instance do. The reference says that they do not.
	FoldCase bool
	// Faults make it misbehave; may be nil.
	Faults *faults.Faults
}

// User is somebody with a password.
type User struct {
	Name, Password string
	// Roles are the user's: itil, change_manager and admin may write, the others read.
	Roles []string
	// Hidden are tables ("sys_journal_field") and fields ("change_request.correlation_id") that ACLs keep from the user.
	Hidden []string
	// Locked are tables that ACLs keep the user from writing, in spite of the roles: "cmdb_ci".
	Locked []string
}

// Client is an OAuth application; what it does is done by its application user.
type Client struct{ ID, Secret, User string }

// Group is an assignment group.
type Group struct {
	ID, Name string
	Inactive bool
	// NoReopen is a business rule: incidents of the group that were resolved stay so.
	NoReopen bool
}

// Item is a configuration item.
type Item struct{ ID, Class, Name string }

// Server is a running instance.
type Server struct {
	options Options
	web     *web.Server

	mu       sync.Mutex
	state    state
	tokens   map[string]string // Access token -> user.
	throttle int               // Requests to answer with 429.
}

// Start reads the state and serves until Close.
func Start(options Options) (*Server, error) {
	if err := options.check(); err != nil {
		return nil, fmt.Errorf("starting ServiceNow: %w", err)
	}
	s := &Server{options: options, tokens: map[string]string{}}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("starting ServiceNow: %w", err)
	}
	if err := s.seed(); err != nil {
		return nil, fmt.Errorf("starting ServiceNow: %w", err)
	}
	var err error
	if s.web, err = web.Listen(options.Listen, options.TLS); err != nil {
		return nil, fmt.Errorf("starting ServiceNow: %w", err)
	}
	s.web.Serve(options.Faults.Handler(s.throttling(s.routes()), unavailable, reads))
	return s, nil
}

func (o Options) check() error {
	if o.Folder == "" {
		return errors.New("no folder for its state")
	}
	if len(o.Users) == 0 || len(o.Groups) == 0 {
		return errors.New("no user or no group")
	}
	for _, user := range o.Users {
		if user.Name == "" || len(user.Password) < 8 {
			return fmt.Errorf("user %q: a name and a password of 8 characters are needed", user.Name)
		}
	}
	for _, client := range o.Clients {
		if client.ID == "" || len(client.Secret) < 8 || !slices.ContainsFunc(o.Users, func(u User) bool { return u.Name == client.User }) {
			return fmt.Errorf("client %q: an id, a secret of 8 characters and a user are needed", client.ID)
		}
	}
	return nil
}

// URL returns the address of the instance.
func (s *Server) URL() string { return s.web.URL() }

// Close ends the server. What is being answered is cut off, as by a crash; the state is on the disk.
func (s *Server) Close() error { return s.web.Close() }

// mayWrite says whether the user has a role that may create and update.
func (u User) mayWrite() bool {
	return slices.ContainsFunc(u.Roles, func(r string) bool { return r == "itil" || r == "change_manager" || r == "admin" })
}

// sees says whether no ACL hides the table, or its field, from the user.
func (u User) sees(table, field string) bool {
	return !slices.Contains(u.Hidden, table) && !slices.Contains(u.Hidden, table+"."+field)
}

func (s *Server) group(id string) (Group, bool) {
	i := slices.IndexFunc(s.options.Groups, func(g Group) bool { return g.ID == id })
	if i < 0 {
		return Group{}, false
	}
	return s.options.Groups[i], true
}
