// Package loadbalancer puts servers into pools and takes them out without losing a request.
//
// A member takes effect at once (runtime) and is also written to the file that the service loads, so that neither a
// reload nor a restart loses it. Every member carries the operation's key and its owner (in the saved file, where the
// runtime has no room for them).
package loadbalancer

import (
	"context"

	"fermata/activities/operation"
)

// Member is a server of a pool.
type Member struct {
	Backend string `json:"backend"`
	Name    string `json:"name"`    // Name of the server.
	Address string `json:"address"` // IP address.
	Port    int    `json:"port"`
	Weight  int    `json:"weight,omitempty"` // Relative share, 1 to 256; 0 means the balancer's default.
}

// State says whether a member takes traffic.
type State string

// The states of a member.
const (
	Ready       State = "ready" // Takes traffic.
	Drain       State = "drain" // Health-checked, takes no new connections.
	Maintenance State = "maint" // Neither.
	Absent      State = "absent"
)

// Status is a member as the balancer holds it.
type Status struct {
	Member
	Key      string          `json:"key,omitempty"`
	Owner    operation.Owner `json:"owner,omitempty"`
	Runtime  State           `json:"runtime"`            // State now; Absent: lost by a reload, or never added.
	Saved    State           `json:"saved"`              // State after the next reload; Absent: not in the file.
	Healthy  bool            `json:"healthy"`            // The balancer's own check succeeds.
	Check    string          `json:"check,omitempty"`    // The check's last words, for people.
	Sessions int             `json:"sessions,omitempty"` // Connections in flight.
}

// Reader tells what is there. It changes nothing.
type Reader interface {
	// Check proves that the balancer answers with the rights we need and that its file can be written.
	Check(ctx context.Context) error
	// Find returns the members of a backend with that name, or of that owner in any backend (name empty).
	// NotFound: no such backend (the text lists those there are).
	Find(ctx context.Context, backend, name string, owner operation.Owner) ([]Status, error)
}

// Pool changes members.
type Pool interface {
	// EnsureMember adds the member in drain, runtime first, then the file. Conflict: a member of that name under another
	// key, or with another address.
	EnsureMember(ctx context.Context, op operation.Op, m Member, p operation.Progress) (Status, error)
	// EnsureState brings the member of op.Owner into the state: Ready waits until its check succeeds, Drain until no
	// session is left (or ctx ends: Unavailable).
	EnsureState(ctx context.Context, op operation.Op, backend, name string, s State, p operation.Progress) (Status, error)
	// EnsureSetting gives the member of op.Owner another port and weight, as it goes on. It keeps its key and its state. was is
	// what it had when the change was planned. Conflict: it has neither the one nor the other by now ("changed by others").
	EnsureSetting(ctx context.Context, op operation.Op, was, m Member, p operation.Progress) (Status, error)
	// RemoveMember drains and removes the member that carries op.Key. None is no error.
	RemoveMember(ctx context.Context, op operation.Op, backend, name string, p operation.Progress) error
	// RemoveOwned drains and removes every member of op.Owner, and returns what was removed.
	RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) ([]Status, error)
}

// Balancer is what a load balancer offers.
type Balancer interface {
	Reader
	Pool
}
