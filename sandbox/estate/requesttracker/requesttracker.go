// Package requesttracker emulates the part of Request Tracker 5 that people and integrations use for tickets: REST 2
// with a token, and a page to read a ticket in a browser.
//
// It keeps its state in a folder and answers as RT 5.0.3 does, also where that surprises: a value that must be unique is
// dropped without a word, a status that is refused answers 200, pages hide entries without saying how many there are.
// Fields that are not known are ignored, as RT ignores them.
package requesttracker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync"

	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/web"
)

// Options describe a Request Tracker.
type Options struct {
	// Folder keeps the state. It is made if missing.
	Folder string
	// Listen is the address; empty: 127.0.0.1 with a free port.
	Listen string
	// TLS serves https; nil: plain http.
	TLS *tls.Config
	// Users may log in by their tokens. At least one.
	Users []User
	// Queues that take tickets. At least one.
	Queues []Queue
	// Fields are the custom fields of tickets, in every queue.
	Fields []Field
	// Faults make it misbehave; may be nil.
	Faults *faults.Faults
}

// User is somebody with a token.
type User struct {
	Name  string
	Token string
	// Rights that the user has in all queues; nil: all.
	Rights []string
}

// Queue is a queue with its lifecycle.
type Queue struct {
	Name     string
	Disabled bool
	// Transitions from each status; nil: RT's default lifecycle, which allows every one.
	Transitions map[string][]string
}

// Field is a custom field that holds one text.
type Field struct {
	Name   string
	Unique bool
}

// Server is a running Request Tracker.
type Server struct {
	options Options
	web     *web.Server

	mu       sync.Mutex
	state    state
	throttle int // Requests to answer with 429.
}

// Start reads the state and serves until Close.
func Start(options Options) (*Server, error) {
	if err := options.check(); err != nil {
		return nil, fmt.Errorf("starting Request Tracker: %w", err)
	}
	s := &Server{options: options}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("starting Request Tracker: %w", err)
	}
	var err error
	if s.web, err = web.Listen(options.Listen, options.TLS); err != nil {
		return nil, fmt.Errorf("starting Request Tracker: %w", err)
	}
	s.web.Serve(options.Faults.Handler(s.throttling(s.routes()), unavailable, faults.Reads))
	return s, nil
}

func (o Options) check() error {
	if o.Folder == "" {
		return errors.New("no folder for its state")
	}
	if len(o.Users) == 0 || len(o.Queues) == 0 {
		return errors.New("no user or no queue")
	}
	for _, user := range o.Users {
		if user.Name == "" || len(user.Token) < 8 {
			return fmt.Errorf("user %q: a name and a token of 8 characters are needed", user.Name)
		}
	}
	return nil
}

// URL returns the address of the web interface, which is also the one that integrations are given.
func (s *Server) URL() string { return s.web.URL() }

// Close ends the server. What is being answered is cut off, as by a crash; the state is on the disk.
func (s *Server) Close() error { return s.web.Close() }

func (u User) may(right string) bool {
	if u.Rights == nil {
		return true
	}
	for _, r := range u.Rights {
		if r == right {
			return true
		}
	}
	return false
}

func (s *Server) queue(name string) (Queue, bool) {
	for _, q := range s.options.Queues {
		if q.Name == name {
			return q, true
		}
	}
	return Queue{}, false
}
