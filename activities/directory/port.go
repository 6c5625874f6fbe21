// Package directory keeps accounts of people and services in a directory: who they are, which groups they are in, until when
// they work.
//
// What changes something is an ensure: an account that op's key made is adopted, one under another key, or that was not made
// by Fermata, is a Conflict. The account carries the key and its owner in an attribute of the directory's own.
package directory

import (
	"context"
	"time"

	"fermata/activities/operation"
)

// Account is an account as it is asked for. It has no password: who it belongs to sets one by the directory's own means, and
// services log in by key. No group means no permission.
type Account struct {
	Name    string     `json:"name"`              // Login name (uid, sAMAccountName).
	Display string     `json:"display,omitempty"` // Name that people read; the login name if empty.
	Mail    string     `json:"mail,omitempty"`
	Groups  []string   `json:"groups,omitempty"`  // Names of groups that exist.
	Keys    []string   `json:"keys,omitempty"`    // Public SSH keys, authorized_keys form, where the directory's schema has them.
	Expires *time.Time `json:"expires,omitempty"` // When it stops to work; nil: never.
}

// Held is an account as the directory holds it.
type Held struct {
	Account
	DN       string          `json:"dn"`
	Disabled bool            `json:"disabled,omitempty"`
	Key      string          `json:"key,omitempty"`   // Operation key; empty: not made by Fermata.
	Owner    operation.Owner `json:"owner,omitempty"` // Empty: not made by Fermata.
}

// Reader tells what is there. It changes nothing.
type Reader interface {
	// Check proves that the directory answers over TLS, takes the credential, and has the folder for accounts and the groups.
	// Faults: Unauthorized, Unavailable, NotFound for a group (the text names it).
	Check(ctx context.Context, groups []string) error
	// Find returns the accounts of that name, whoever made them; with an empty name those of the owner.
	Find(ctx context.Context, name string, owner operation.Owner) ([]Held, error)
}

// Editor changes accounts.
type Editor interface {
	// EnsureAccount makes the account and puts it into its groups and no others. Conflict: an account of that name under another
	// key. NotFound: a group.
	EnsureAccount(ctx context.Context, op operation.Op, a Account, p operation.Progress) (Held, error)
	// Disable lets the account of op.Owner log in no more, by what the directory itself enforces. One that is disabled is left.
	// NotFound: there is none. Conflict: it is another owner's.
	Disable(ctx context.Context, op operation.Op, name string, p operation.Progress) (Held, error)
	// Enable takes that back.
	Enable(ctx context.Context, op operation.Op, name string, p operation.Progress) (Held, error)
	// RemoveAccount removes the account that carries op.Key, from its groups too. None is no error.
	RemoveAccount(ctx context.Context, op operation.Op, name string, p operation.Progress) error
	// RemoveOwned removes every account of op.Owner and returns what was removed.
	RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) ([]Held, error)
}

// Directory is what a directory offers.
type Directory interface {
	Reader
	Editor
}
