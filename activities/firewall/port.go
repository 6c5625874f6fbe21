// Package firewall opens and closes paths through packet filters.
//
// A rule takes effect at once (runtime) and is also written to the file that the service loads at its start, so that
// neither a reload nor a reboot loses it. Every rule carries the operation's key and its owner.
package firewall

import (
	"context"

	"fermata/activities/operation"
)

// Rule lets traffic pass. Nothing here denies: what no rule allows stays as the firewall's own policy has it.
type Rule struct {
	Name        string   `json:"name"`        // Name in the spec, unique within the owner.
	Sources     []string `json:"sources"`     // CIDRs, IPv4 or IPv6, not mixed.
	Destination string   `json:"destination"` // IP address of the server.
	Protocol    string   `json:"protocol"`    // tcp or udp.
	Port        int      `json:"port"`
}

// Installed is a rule as the device holds it.
type Installed struct {
	Rule
	Key     string          `json:"key"` // Operation key.
	Owner   operation.Owner `json:"owner"`
	Runtime bool            `json:"runtime"` // In force now.
	Saved   bool            `json:"saved"`   // In the file, so it survives a reload.
}

// Reader tells what is there. It changes nothing.
type Reader interface {
	// Check proves that the device answers, the credential is good and the chain that rules go to exists.
	// Faults: Unauthorized, Unavailable, NotFound for the chain.
	Check(ctx context.Context) error
	// FindByOwner returns the owner's rules, runtime and saved compared.
	FindByOwner(ctx context.Context, owner operation.Owner) ([]Installed, error)
}

// Filter changes rules. The set of one call is applied in one transaction: all or nothing.
type Filter interface {
	// EnsureRules puts the rules in force and saves them, under op's key. A rule that op made before is left or
	// completed. Conflict: a rule of that name of the same owner under another key.
	EnsureRules(ctx context.Context, op operation.Op, rules []Rule, p operation.Progress) ([]Installed, error)
	// ExchangeRules takes rules out and puts others in, in one transaction. Each stands under its own key; all are of op.Owner.
	// What is out or in already is left, so that the same call completes what an earlier attempt began. Conflict: a rule to
	// take out has another content by now ("changed by others"), or one to put in is there under another key or content.
	ExchangeRules(ctx context.Context, op operation.Op, out, in []Installed, p operation.Progress) ([]Installed, error)
	// RemoveRules removes what carries op.Key, from runtime and file. None is no error.
	RemoveRules(ctx context.Context, op operation.Op, p operation.Progress) error
	// RemoveOwned removes what carries op.Owner and returns what was removed: the image to restore it from.
	RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) ([]Installed, error)
}

// Firewall is what a packet filter offers.
type Firewall interface {
	Reader
	Filter
}
