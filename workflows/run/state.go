package run

import (
	"encoding/json"
	"time"

	"fermata/decision"
	"fermata/wire"
	"fermata/workflows/approval"
)

// state is all that a run knows. It is plain data: a run that grew too long continues as new and carries it along.
type state struct {
	Started   time.Time           `json:"started"`
	Cluster   string              `json:"cluster"`
	Namespace string              `json:"namespace"`
	Document  string              `json:"document"` // Hash of the document.
	Requester string              `json:"requester"`
	Phase     wire.Phase          `json:"phase"`
	Outcome   wire.Outcome        `json:"outcome,omitempty"`
	Reason    string              `json:"reason,omitempty"`
	Ended     *time.Time          `json:"ended,omitempty"`
	Planned   *time.Time          `json:"planned,omitempty"`
	Preview   *wire.Preview       `json:"preview,omitempty"`
	Facts     decision.Facts      `json:"facts,omitzero"`  // What the policy's rules look at.
	Terms     *decision.Terms     `json:"terms,omitempty"` // What the policy said before the run did anything; nil without a policy file.
	Approval  *approval.Gate      `json:"approval,omitempty"`
	Review    *approval.Gate      `json:"review,omitempty"`   // Of an emergency change.
	Consents  map[string]consent  `json:"consents,omitempty"` // By the step that asks, while it waits.
	Approved  string              `json:"approved,omitempty"` // What the policy approved beforehand, in words.
	Confirmed bool                `json:"confirmed"`          // Planned again after the approval, with the same hash.
	Gates     []wire.Gate         `json:"gates"`
	Steps     []*stepState        `json:"steps"`
	Begun     int                 `json:"begun"` // Counts steps as they begin: the order of undo.
	Decisions []wire.Judged       `json:"decisions"`
	Refused   int                 `json:"refused"` // All refusals; the first keptRefusals are among Decisions.
	Seen      map[string]bool     `json:"seen"`    // Ids of the decisions that counted.
	Stop      *stop               `json:"stop,omitempty"`
	Ticket    string              `json:"ticket,omitempty"`
	Guard     guarded             `json:"guard,omitzero"`
	Told      int                 `json:"told,omitempty"` // Counts notices: their ids never come twice.
	Notices   []*wire.NoticeState `json:"notices,omitempty"`
	Left      []string            `json:"left,omitempty"` // The left-behind ledger.
	Record    string              `json:"record,omitempty"`
	Sequence  int                 `json:"sequence,omitempty"`
	Unread    []wire.Decide       `json:"unread,omitempty"` // Signals that arrived while the run continued as new.
	Group     json.RawMessage     `json:"group,omitempty"`  // What a process that works on many targets knows of them.
}

// stepState is a step, with what only the frame needs.
type stepState struct {
	wire.Step
	Order  int              `json:"order,omitempty"` // When it began, counted over all steps; 0: it never did.
	Answer decision.Command `json:"answer,omitempty"`
	Output json.RawMessage  `json:"output,omitempty"`
}

// stop says that the run must end early and be undone.
type stop struct {
	Outcome wire.Outcome `json:"outcome"`
	By      string       `json:"by"` // Person, or "" for Temporal's own cancel.
	Reason  string       `json:"reason,omitempty"`
}

// keptRefusals are how many refused decisions are kept, each bounded; more are counted. The whole state must fit into what
// Temporal takes as one input.
const keptRefusals = 50

func (s *state) step(id string) *stepState {
	for _, st := range s.Steps {
		if st.ID == id {
			return st
		}
	}
	return nil
}

// remember keeps the latest try before another is begun.
func (s *stepState) remember() {
	if s.Started == nil {
		return
	}
	s.Before = append(s.Before, wire.Try{Started: s.Started, Ended: s.Ended, Reason: s.Reason})
	if more := len(s.Before) - wire.KeptTries; more > 0 {
		s.Before = s.Before[more:]
	}
}

func (s *stepState) settled() bool {
	return s.State == wire.StepDone || s.State == wire.StepSkipped
}

func (s *state) closeGate(id string) {
	for i, g := range s.Gates {
		if g.ID == id {
			s.Gates = append(s.Gates[:i:i], s.Gates[i+1:]...)
			return
		}
	}
}

func (s *state) gate(id string) (wire.Gate, bool) {
	for _, g := range s.Gates {
		if g.ID == id {
			return g, true
		}
	}
	return wire.Gate{}, false
}
