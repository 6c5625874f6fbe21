package wire

import (
	"encoding/json"
	"strings"
	"time"

	"fermata/activities/authority"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// What a fleet and its servers' runs tell each other.
const (
	SignalMember    = "member" // To a fleet: a MemberReport.
	SignalFleetStop = "fleet"  // To a server's run: a Decide that stops its fleet, which it judges itself.
)

// ViaFleet is how the decisions came that were given to the fleet of a run.
const ViaFleet = "fleet"

// fleetPrefix begins the ids of fleets.
const fleetPrefix = "fleet/"

// FleetWorkflowID is the id of what carries a fleet: it is the lock on that fleet, not on its servers.
func FleetWorkflowID(name string) string { return fleetPrefix + name }

// IsFleet reports whether the id is that of a fleet.
func IsFleet(workflowID string) bool { return strings.HasPrefix(workflowID, fleetPrefix) }

// PlanMemberInput asks for the plan of one server of a fleet, in a line.
type PlanMemberInput struct {
	Run      string          `json:"run"`               // ULID that the server's own run will have.
	Document json.RawMessage `json:"document"`          // Of the server.
	Secrets  []secret.Pinned `json:"secrets,omitempty"` // Versions that an earlier plan holds on to.
	Pinned   bool            `json:"pinned"`            // There is an earlier plan.
}

// PlanMemberOutput answers PlanMemberInput.
type PlanMemberOutput struct {
	Plan     authority.MemberPlan `json:"plan"`
	Problems []Observation        `json:"problems,omitempty"` // What forbids the plan.
}

// MemberReport is what a server's run tells its fleet.
type MemberReport struct {
	Owner   operation.Owner `json:"owner"`
	Run     string          `json:"run"` // ULID of the server's run.
	Phase   Phase           `json:"phase"`
	Outcome Outcome         `json:"outcome,omitempty"`
	Step    string          `json:"step,omitempty"`   // The one that is held.
	Reason  string          `json:"reason,omitempty"` // Why it is held, waits or ended, in words; cut to KeptReason.
}

// MemberState is where a server of a fleet is.
type MemberState string

// The states of a server of a fleet.
const (
	MemberNotBegun MemberState = "not begun"
	MemberBusy     MemberState = "waiting" // Another run holds the server.
	MemberRunning  MemberState = "running"
	MemberHeld     MemberState = "held"   // A step of its run waits for a person.
	MemberDone     MemberState = "done"   // In service.
	MemberFailed   MemberState = "failed" // Its run ended otherwise.
	MemberRefused  MemberState = "refused"
)

// MemberStates are the states, in the order of a server's life.
func MemberStates() []MemberState {
	return []MemberState{MemberDone, MemberRunning, MemberBusy, MemberNotBegun, MemberHeld, MemberFailed, MemberRefused}
}

// Member is one server of a fleet as people see it.
type Member struct {
	Name   string      `json:"name"`
	Site   string      `json:"site,omitempty"`
	System string      `json:"system,omitempty"` // Compute system; empty: the only one.
	Wave   int         `json:"wave"`             // From 1.
	State  MemberState `json:"state"`
	Step   string      `json:"step,omitempty"`
	Reason string      `json:"reason,omitempty"`
	Run    string      `json:"run,omitempty"` // ULID of its own run.
	Began  *time.Time  `json:"began,omitempty"`
	Ended  *time.Time  `json:"ended,omitempty"`
}

// Fleet is how far a fleet is.
type Fleet struct {
	Waves   []int      `json:"waves"`             // Sizes.
	Wave    int        `json:"wave"`              // The one that is worked on, from 1.
	Pauses  *time.Time `json:"pauses,omitempty"`  // Until when nothing is begun between two waves.
	Stopped string     `json:"stopped,omitempty"` // Why no other server is begun until a person says so.
	Members []Member   `json:"members"`
}

// Count is how many servers are in a state.
func (f *Fleet) Count(states ...MemberState) int {
	n := 0
	for _, m := range f.Members {
		for _, s := range states {
			if m.State == s {
				n++
			}
		}
	}
	return n
}
