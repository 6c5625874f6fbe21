package wire

import (
	"encoding/json"

	"fermata/activities/authority"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/decision"
)

// Action is what a change does to its object.
type Action string

// The actions.
const (
	Create  Action = "create"
	Change  Action = "change"
	Remove  Action = "remove"
	Use     Action = "use"
	Observe Action = "observe"
)

// Plan is what a run intends, resolved to immutable identities. Its hash is what a person approves: everything in it is
// covered, and nothing that changes by itself stands in it.
type Plan struct {
	Version  int             `json:"version"`
	Kind     string          `json:"kind"` // Workflow type.
	Owner    operation.Owner `json:"owner"`
	Document string          `json:"document"` // Hash of the document that was asked for.
	Changes  []PlannedChange `json:"changes"`
	// Resolved holds what the process needs later, as it was approved: placement, images of before.
	Resolved json.RawMessage `json:"resolved"`
	// Secrets are the secrets that the run will read, in exactly these versions. They are pinned when a run plans first.
	Secrets []secret.Pinned `json:"secrets,omitempty"`
}

// PlannedChange is one step and what it does.
type PlannedChange struct {
	Step     string   `json:"step"`
	Title    string   `json:"title"`
	After    []string `json:"after,omitempty"` // Steps that come first.
	Action   Action   `json:"action"`
	Object   string   `json:"object,omitempty"`
	Detail   []string `json:"detail,omitempty"` // What it will be, one line each.
	Reversal string   `json:"reversal"`         // What undo does with it.
}

// Irreversible is the reversal of a change that nothing can take back: who approves must see it.
const Irreversible = "irreversible"

// PlanVersion is the version of Plan.
const PlanVersion = 1

// Hash returns the hash that a decision names.
func (p Plan) Hash() (string, error) { return decision.Hash(p) }

// Observation is something that was seen while planning. It is checked again and not covered by the hash.
type Observation struct {
	Name string `json:"name"`
	Text string `json:"text"`
	OK   bool   `json:"ok"` // False: the run cannot go on with this.
}

// Preview is a plan with what was seen while it was made.
type Preview struct {
	Plan         Plan          `json:"plan"`
	Hash         string        `json:"hash"`
	Observations []Observation `json:"observations"`
	Nothing      bool          `json:"nothing,omitempty"` // Everything is as it is asked for: there is nothing to do.
	// Members are the servers of a fleet, a line each. The hash covers them: the plan holds the root of the tree over them.
	Members []authority.MemberPlan `json:"members,omitempty"`
}

// Problems returns the observations that forbid the plan.
func (p Preview) Problems() []Observation {
	var out []Observation
	for _, o := range p.Observations {
		if !o.OK {
			out = append(out, o)
		}
	}
	return out
}
