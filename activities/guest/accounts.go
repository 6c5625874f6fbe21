package guest

import (
	"context"
	"time"

	"fermata/activities/operation"
)

// Account is a local account of a person or a service. It has no password. Without sudo rules it may do nothing as anybody
// else; without groups it is in its own only.
type Account struct {
	Name    string     `json:"name"`
	Groups  []string   `json:"groups,omitempty"`  // Groups that exist in the guest, beside its own.
	Keys    []string   `json:"keys,omitempty"`    // Public SSH keys, authorized_keys form; they replace what is there.
	Sudo    []string   `json:"sudo,omitempty"`    // Commands that it may run as root without a password, as sudoers(5) writes them: absolute paths with arguments.
	Shell   string     `json:"shell,omitempty"`   // /bin/bash if absent.
	Expires *time.Time `json:"expires,omitempty"` // Day after which it is locked by the guest itself (chage -E), too; nil: never.
}

// Accounts keeps local accounts.
type Accounts interface {
	// EnsureAccount makes the account and gives it exactly its groups, keys and rules. The rules stand in a file of their own
	// under /etc/sudoers.d that `visudo -c` has accepted before it counts. One of op.Owner's that is disabled works again. An
	// account that is there without op.Owner's mark is a Conflict, and so is one of the system's. NotFound: a group. Invalid: a
	// rule that visudo refuses, with what it says.
	EnsureAccount(ctx context.Context, op operation.Op, h Host, a Account, p operation.Progress) (Changes, error)
	// DisableAccount locks the account, takes its keys and rules away and ends its sessions. One that is disabled is left.
	// Conflict: it is not op.Owner's. NotFound: there is none.
	DisableAccount(ctx context.Context, op operation.Op, h Host, name string, p operation.Progress) (Changes, error)
	// RemoveAccount removes the account and its rules; its home folder stays. None is no error. Conflict: not op.Owner's.
	RemoveAccount(ctx context.Context, op operation.Op, h Host, name string, p operation.Progress) (Changes, error)
}
