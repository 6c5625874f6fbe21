package wire

import "fermata/activities/operation"

// What people are told of a run.
const (
	NoticeWaiting   = "waiting"   // It waits for a decision.
	NoticeEscalated = "escalated" // Nobody decided, so more people are asked.
	NoticeHeld      = "held"      // A step failed and waits for a person.
	NoticeEnded     = "ended"
)

// Notice is one message to one address. Whoever gets it twice knows by its id.
type Notice struct {
	ID         string          `json:"id"`    // Stable: run, event, gate, group and system.
	Event      string          `json:"event"` // One of the Notice constants.
	System     string          `json:"system"`
	To         string          `json:"to,omitempty"`
	Group      string          `json:"group"` // Of the policy, to whom it is addressed.
	Run        string          `json:"run"`
	WorkflowID string          `json:"workflow_id"`
	Kind       string          `json:"kind"`
	Owner      operation.Owner `json:"owner"`
	Requester  string          `json:"requester"`
	Gate       string          `json:"gate,omitempty"`
	Step       string          `json:"step,omitempty"`
	Hash       string          `json:"hash,omitempty"` // Of the plan.
	Text       string          `json:"text"`           // What is the matter, in words.
	Outcome    Outcome         `json:"outcome,omitempty"`
	Ticket     string          `json:"ticket,omitempty"` // Link.
}

// NoticeState is what became of a notice, as its run saw it.
type NoticeState struct {
	ID     string `json:"id"`
	Event  string `json:"event"`
	Group  string `json:"group"`
	System string `json:"system"`
	To     string `json:"to,omitempty"`
	State  string `json:"state"` // sending, sent or failed.
	Reason string `json:"reason,omitempty"`
}
