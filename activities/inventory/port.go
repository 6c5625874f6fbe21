// Package inventory keeps the configuration item that stands for a target in a configuration management database (CMDB;
// ITIL 4, practice "service configuration management").
//
// Items are evidence: they are made, retired and brought back into service, never deleted.
package inventory

import (
	"context"

	"fermata/activities/operation"
)

// State says whether an item is in use, in words that every database knows.
type State string

// The states of an item. What is neither retired nor known to be in use counts as in service: nobody said that it is gone.
const (
	InService State = "in-service"
	Retired   State = "retired"
)

// Names of attributes that a database may have fields of its own for. Every other name is kept as text.
const (
	CPUs      = "cpus"       // Number of virtual CPUs.
	MemoryMiB = "memory_mib" // Memory in MiB.
	FQDN      = "fqdn"       // Fully qualified domain name.
)

// Request describes the item to make.
type Request struct {
	Class       string            `json:"class,omitempty"` // What kind of thing it is, in the database's own words; empty: what its configuration says.
	Name        string            `json:"name"`
	Address     string            `json:"address,omitempty"`     // IP address without a prefix length.
	Description string            `json:"description,omitempty"` // One line.
	Attributes  map[string]string `json:"attributes,omitempty"`  // Names are lower-case letters, digits and underscores.
	// Ticket is the id of this run's ticket. If the database and the ticket system are one, the ticket is linked with the item.
	Ticket string `json:"ticket,omitempty"`
}

// Item is a configuration item as the database reports it.
type Item struct {
	ID         string            `json:"id"`   // The database's own.
	Link       string            `json:"link"` // Where a person reads it.
	Class      string            `json:"class"`
	Name       string            `json:"name"`
	Address    string            `json:"address,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	State      State             `json:"state"`
	Key        string            `json:"key,omitempty"`    // Operation key of the run that made it, or brought it back; empty: not made by Fermata.
	Owner      operation.Owner   `json:"owner,omitempty"`  // On whose behalf; empty: not made by Fermata.
	Ticket     string            `json:"ticket,omitempty"` // The ticket that EnsureItem has linked with it.
}

// Query says which items are looked for: those of the owner in every class, and those of the name in the class.
type Query struct {
	Owner operation.Owner `json:"owner,omitempty"`
	Class string          `json:"class,omitempty"` // Empty: what the database's configuration says.
	Name  string          `json:"name,omitempty"`
}

// CMDB is what a configuration management database offers.
type CMDB interface {
	// CheckClass proves that the database answers, the credential is good and may change items, and the class exists.
	// Faults: Unauthorized, Unavailable, Invalid for the class (empty: the configured one, if any).
	CheckClass(ctx context.Context, class string) error
	// EnsureItem makes the item that carries op.Key, in service, or returns the one that does. An item of the same owner that is
	// retired comes back into service under op.Key instead of a new one. Of several items with one key the oldest stays and the
	// others are retired. Faults: Conflict for an item in service that has the name in the class, or the owner, under
	// another key: it is never taken over; Conflict also for a ticket of another run.
	EnsureItem(ctx context.Context, op operation.Op, r Request) (Item, error)
	// EnsureState brings the item into the state and adds the note to it if that is a change. Faults: NotFound, Conflict for an
	// item of another owner or a rule of the database that forbids it.
	EnsureState(ctx context.Context, op operation.Op, id string, s State, note string) (Item, error)
	// EnsureAttributes gives the owner's item these values of the attributes that are named, and adds the note to it if that is a
	// change. An empty value takes an attribute away; what is not named stays. Faults: NotFound, Conflict for an item of another
	// owner, Invalid for a name that none can have, and for more than the item can hold.
	EnsureAttributes(ctx context.Context, op operation.Op, id string, attributes map[string]string, note string) (Item, error)
	// FindItems returns what the query asks for, each once, retired items too, the oldest first.
	FindItems(ctx context.Context, q Query) ([]Item, error)
}
