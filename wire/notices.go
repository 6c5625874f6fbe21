package wire

import "time"

// NoticeState is what became of a notice, as its run saw it.
type NoticeState struct {
	ID     string `json:"id"`
	Event  string `json:"event"`
	Group  string `json:"group"` // Of the policy, to whom it is addressed.
	System string `json:"system"`
	To     string `json:"to,omitempty"`
	State  string `json:"state"` // One of the Notice constants.
	Reason string `json:"reason,omitempty"`
	// At is when the run handed it over; zero in records of older builds.
	At time.Time `json:"at,omitzero"`
}

// States of a notice.
const (
	NoticeSending = "sending"
	NoticeSent    = "sent"
	NoticeFailed  = "failed"
)
