package wire

import (
	"encoding/json"
	"time"

	"fermata/activities/operation"
	"fermata/decision"
)

// GateAutomation is the guard's gate: it takes the commands that stop everything and let it go on.
const GateAutomation = "automation"

// GuardInput starts the guard.
type GuardInput struct {
	Run     string          `json:"run"` // ULID that its envelopes name.
	Carried json.RawMessage `json:"carried,omitempty"`
}

// What a run asks the guard.
const (
	AskBegin = "begin" // It is there, and wants to know whether automation is stopped.
	AskAct   = "act"   // It wants a permit to change something.
	AskEnd   = "end"   // It has ended.
)

// GuardAsk is what a run asks. Asking twice is harmless.
type GuardAsk struct {
	What       string           `json:"what"`
	Run        string           `json:"run"` // ULID.
	WorkflowID string           `json:"workflow_id"`
	Owner      operation.Owner  `json:"owner"`
	Limits     []decision.Limit `json:"limits,omitempty"` // Those of the policy that bind the run.
	// Exempt: an emergency change. It is counted, and waits for no limit.
	Exempt bool `json:"exempt,omitempty"`
}

// GuardAnswer answers, and is sent again when something changes for the run.
type GuardAnswer struct {
	Stopped *Stopped `json:"stopped,omitempty"` // Nil: automation goes on.
	Permit  int      `json:"permit,omitempty"`  // Number of the permit; 0: none was given.
	Waits   string   `json:"waits,omitempty"`   // Why there is none yet, in words.
}

// Stopped says that no run may begin another step.
type Stopped struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// GuardState is what the guard knows.
type GuardState struct {
	Stopped  *Stopped       `json:"stopped,omitempty"`
	Permits  int            `json:"permits"` // Number of the latest.
	Runs     []string       `json:"runs"`    // Workflow ids of those under way.
	Waiting  []GuardWaiting `json:"waiting,omitempty"`
	LastHour map[string]int `json:"last_hour,omitempty"` // Changes that began within the last hour, for each limit.
}

// GuardWaiting is a run that has no permit yet.
type GuardWaiting struct {
	WorkflowID string `json:"workflow_id"`
	Why        string `json:"why"`
}
