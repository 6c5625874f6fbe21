// Package story tells what one run did, for those who look later: from its record, from the run itself while Temporal
// still knows it, or from both. And it looks again at everything that can be looked at again: each signature, the plan's
// hash, the record's own hash.
//
// It asks nobody and reads no file: whoever calls it brings the record, the progress and the files by which is judged.
package story

import (
	"encoding/json"
	"time"

	"fermata/activities/authority"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/decision"
	"fermata/wire"
)

// Version of a Story's form. Fields are only added.
const Version = 1

// Source is where a story comes from.
type Source string

// The sources.
const (
	Record Source = "record" // The record that the run wrote when it ended.
	Run    Source = "run"    // The run's own answer, as long as Temporal has its history.
)

// Story is one run, from who asked for it to its record.
type Story struct {
	Version    int             `json:"version"`
	Run        string          `json:"run"` // ULID.
	Kind       string          `json:"kind"`
	Owner      operation.Owner `json:"owner"`
	WorkflowID string          `json:"workflow_id"`
	Requester  string          `json:"requester"`
	Sources    []Source        `json:"sources"`
	Phase      wire.Phase      `json:"phase,omitempty"`   // What the run does now; "ended" once it has a record.
	Outcome    wire.Outcome    `json:"outcome,omitempty"` // Empty while the run goes on.
	Reason     string          `json:"reason,omitempty"`
	Started    time.Time       `json:"started"`
	Ended      *time.Time      `json:"ended,omitempty"`
	Ticket     string          `json:"ticket,omitempty"`
	// Verified: every finding is OK, so everything that was looked at again was found as it is recorded.
	Verified bool      `json:"verified"`
	Findings []Finding `json:"findings"`
	Events   []Event   `json:"events"` // In the order in which they came.
	// Decisions are all that were kept; Refused counts all refusals, also those that were not kept.
	Decisions    []Decision          `json:"decisions"`
	Refused      int                 `json:"refused"`
	Document     json.RawMessage     `json:"document,omitempty"` // What was asked for, as canonical JSON; unknown without a record.
	Plan         json.RawMessage     `json:"plan,omitempty"`     // A wire.Plan, as canonical JSON.
	PlanHash     string              `json:"plan_hash,omitempty"`
	Observations []wire.Observation  `json:"observations,omitempty"` // Unknown from a record alone.
	Policy       *wire.Governed      `json:"policy,omitempty"`
	Notices      []*wire.NoticeState `json:"notices,omitempty"`
	Steps        []wire.Step         `json:"steps"`
	Gates        []wire.Gate         `json:"gates,omitempty"` // What waits for a person now.
	LeftBehind   []string            `json:"left_behind,omitempty"`
	Place        *Place              `json:"record,omitempty"` // Nil: there is no record.

	judged  []wire.Judged
	planned *time.Time
	stopped *wire.Stopped
	entry   *record.Entry
	said    string                // Hash of the record, as the run itself says.
	partOf  string                // Workflow id of the fleet that began the run.
	member  *authority.Membership // What ties the run to its fleet; nil without a record.
}

// Place is the record's place in the chain.
type Place struct {
	Sequence int       `json:"sequence"`
	Hash     string    `json:"hash"`
	Previous string    `json:"previous"` // Hash of the record before; empty: it is the first.
	Written  time.Time `json:"written"`
}

// Decision is what a person signed, what it was worth then, and what it is worth now.
type Decision struct {
	Number      int              `json:"number"` // From 1.
	At          time.Time        `json:"at"`     // When it was judged.
	Person      string           `json:"person"`
	Command     decision.Command `json:"command"`
	Gate        string           `json:"gate,omitempty"`
	Step        string           `json:"step,omitempty"`
	Change      string           `json:"change,omitempty"`
	Reason      string           `json:"reason,omitempty"` // In the person's words.
	Hash        string           `json:"hash,omitempty"`   // What was signed: of the document for a start, else of the plan.
	Via         string           `json:"via"`              // update, signal or start.
	Accepted    bool             `json:"accepted"`
	Code        string           `json:"code"`              // One of decision's Code constants, or four_eyes.
	Because     string           `json:"because,omitempty"` // Why it was refused, in words.
	Fingerprint string           `json:"fingerprint,omitempty"`
	Policy      string           `json:"policy,omitempty"` // Hash of the policy file that was asked.
	Rule        string           `json:"rule,omitempty"`
	Check       Check            `json:"check"`
	// Envelope is the exact text that was signed, Signature its armored SSHSIG. Both are empty for what was too large to keep.
	Envelope  []byte `json:"envelope,omitempty"`
	Signature string `json:"signature,omitempty"`
}

// Tell tells a run from its record (entry), from what it says itself (progress), or from both; one may be nil. The error
// is that of a record which cannot be read.
func Tell(entry *record.Entry, progress *wire.Progress, judge Judge) (*Story, error) {
	s := &Story{Version: Version, Sources: []Source{}}
	if progress != nil {
		s.fromRun(*progress)
	}
	if entry != nil { // The record is what counts, so it comes last.
		if err := s.fromRecord(entry); err != nil {
			return nil, err
		}
	}
	s.Plan, s.Document = canonical(s.Plan), canonical(s.Document)
	s.decide(judge)
	s.look(judge)
	s.tell()
	return s, nil
}

// Planned is the plan; the zero Plan if there is none, or none that this program can read.
func (s *Story) Planned() wire.Plan {
	var p wire.Plan
	_ = json.Unmarshal(s.Plan, &p)
	return p
}

// Entry is the record in its place; nil if there is none.
func (s *Story) Entry() *record.Entry { return s.entry }

// Has reports whether the story comes from there, among others.
func (s *Story) Has(from Source) bool {
	for _, known := range s.Sources {
		if known == from {
			return true
		}
	}
	return false
}

// DecisionOf is the decision that an event is about; the zero Decision if it is about none.
func (s *Story) DecisionOf(e Event) Decision {
	if e.Decision < 1 || e.Decision > len(s.Decisions) {
		return Decision{}
	}
	return s.Decisions[e.Decision-1]
}
