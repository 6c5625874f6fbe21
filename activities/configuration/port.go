// Package configuration configures a guest by a playbook: tasks that somebody wrote, run against one host.
//
// What is run is pinned: the plan holds the digest of the whole project that the playbook belongs to, and a project that
// changed meanwhile is not run. Plays on one guest are serialised there, with all else that changes it, by the lock of
// package guest's drivers.
package configuration

import (
	"context"
	"encoding/json"
	"fmt"

	"fermata/activities/operation"
	"fermata/activities/secret"
)

// Host is how a guest is reached and recognised.
type Host struct {
	Name    string `json:"name"`    // Host name; what the playbook sees as inventory_hostname, and what a host certificate must name.
	Address string `json:"address"` // IP address.
	Port    int    `json:"port"`    // SSH port; 22 if 0.
	User    string `json:"user"`
	// Keys are the host keys to trust, authorized_keys form, read from the platform. Empty: only a host certificate of
	// the configured CA is accepted.
	Keys []string `json:"keys,omitempty"`
}

// Play is a playbook with what it is given.
type Play struct {
	Playbook string `json:"playbook"` // Path in the project's folder: site.yml.
	// Variables are values in JSON. They are data: what looks like a template in them is not evaluated.
	Variables map[string]json.RawMessage `json:"variables,omitempty"`
	Tags      []string                   `json:"tags,omitempty"` // Only tasks with one of these; empty: all.
	// Digest is the project's, as the plan pinned it; empty: whatever is there.
	Digest string `json:"digest,omitempty"`
}

// Values are resolved secret variables, by the variable's name. They are never on a disk, in an argument or in a variable
// of the environment.
type Values map[string]secret.Value

// Description is what a playbook is, before anything is run.
type Description struct {
	Digest string   `json:"digest"`          // SHA-256 over the project's files, in hex.
	Tasks  []string `json:"tasks,omitempty"` // Names in the order of the playbook.
}

// Recap counts what became of a play's tasks on the host.
type Recap struct {
	OK          int `json:"ok"`
	Changed     int `json:"changed"`
	Unreachable int `json:"unreachable"`
	Failed      int `json:"failed"`
	Skipped     int `json:"skipped"`
	Rescued     int `json:"rescued"`
	Ignored     int `json:"ignored"`
}

// String is the recap as people know it.
func (r Recap) String() string {
	return fmt.Sprintf("ok=%d changed=%d unreachable=%d failed=%d skipped=%d rescued=%d ignored=%d",
		r.OK, r.Changed, r.Unreachable, r.Failed, r.Skipped, r.Rescued, r.Ignored)
}

// Task is a task that changed something, or would.
type Task struct {
	Name string `json:"name"`
	// Diff is what it changes, as far as its module tells; secrets are hidden. Only a preview has it.
	Diff string `json:"diff,omitempty"`
}

// Foresight is what check mode foresees. Nothing was changed.
type Foresight struct {
	Recap   Recap  `json:"recap"`
	Changes []Task `json:"changes,omitempty"`
}

// Applied is what a play did.
type Applied struct {
	Recap   Recap  `json:"recap"`
	Changed []Task `json:"changed,omitempty"`
	// Foreseen is what check mode said right before; Blind says why it said nothing.
	Foreseen []Task `json:"foreseen,omitempty"`
	Blind    string `json:"blind,omitempty"`
	// Restless are the tasks that check mode would change again right after: they are not idempotent.
	Restless []Task `json:"restless,omitempty"`
}

// Runner runs playbooks of one project.
//
// Of every method: Invalid for a playbook that is not in the project, that cannot be read, or a project that is not the one
// of the play's Digest; Unauthorized for a project that others than its owner can change.
type Runner interface {
	// Check proves that the program is there, the credential can be read and the jump host, if any, lets it in.
	// Faults: Invalid for a program that is missing, with what to install; Unauthorized, Unavailable.
	Check(ctx context.Context) error
	// Describe reads the playbook. It reaches no host. Invalid: a playbook with an error of syntax, or without tasks.
	Describe(ctx context.Context, p Play) (Description, error)
	// Preview runs check mode with diff. It changes nothing but what a playbook's own tasks insist on changing in check mode.
	// Faults: those of Apply.
	Preview(ctx context.Context, h Host, p Play, v Values, progress operation.Progress) (Foresight, error)
	// Apply runs check mode, the play, and check mode again, all under the host's lock. Running it again is how a lost
	// attempt is taken up: a playbook describes a state.
	//
	// Faults: Invalid for a task that fails, with its name and message, and for a playbook that has nothing for this host;
	// Unauthorized for a host key or login that is refused; Unavailable for a host that does not answer or stops
	// answering, and for a lock that stays taken, with who holds it; nothing was started then. No error holds a secret.
	Apply(ctx context.Context, op operation.Op, h Host, p Play, v Values, progress operation.Progress) (Applied, error)
}
