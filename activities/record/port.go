// Package record keeps what a run did, for good.
//
// A run ends by writing its record: append-only, each naming the hash of the one before, so that a record that was
// changed or taken away shows. What is under management is read from records, never from Temporal's histories, which
// expire.
package record

import (
	"context"
	"encoding/json"
	"time"

	"fermata/activities/operation"
)

// Version of the record's form.
const Version = 1

// Record is the whole story of one run.
type Record struct {
	Version    int             `json:"version"`
	Run        string          `json:"run"`  // ULID.
	Kind       string          `json:"kind"` // Workflow type: "ProvisionServer".
	Owner      operation.Owner `json:"owner"`
	WorkflowID string          `json:"workflow_id"`
	Requester  string          `json:"requester"`
	Outcome    string          `json:"outcome"` // "done", "denied", "undone", "undone with remains", "cancelled", ...
	Reason     string          `json:"reason,omitempty"`
	Started    time.Time       `json:"started"`
	Ended      time.Time       `json:"ended"`
	Spec       json.RawMessage `json:"spec"`
	Plan       json.RawMessage `json:"plan,omitempty"`
	PlanHash   string          `json:"plan_hash,omitempty"`
	Decisions  json.RawMessage `json:"decisions"` // Signed envelopes with the verdicts: `ssh-keygen -Y verify` checks them.
	Steps      json.RawMessage `json:"steps"`
	// LeftBehind lists by name what could not be taken back.
	LeftBehind []string `json:"left_behind,omitempty"`
}

// Entry is a record in its place in the chain.
type Entry struct {
	Sequence int             `json:"sequence"` // From 1.
	Previous string          `json:"previous"` // Hash of the entry before; of the first: "".
	Hash     string          `json:"hash"`     // "sha256:hex" over sequence, previous and the record's canonical JSON.
	Written  time.Time       `json:"written"`
	Record   json.RawMessage `json:"record"`
}

// Store keeps records.
type Store interface {
	// Check proves that records can be written.
	Check(ctx context.Context) error
	// Append adds the record of a run. A run that has one already gets that one back, unchanged; a different content for
	// the same run is a Conflict.
	Append(ctx context.Context, r Record) (Entry, error)
	// ByOwner returns the entries of an owner, oldest first; the empty owner means all.
	ByOwner(ctx context.Context, owner operation.Owner) ([]Entry, error)
	// Verify walks the whole chain. Invalid: the first entry that does not fit, by sequence and reason.
	Verify(ctx context.Context) (entries int, err error)
}
