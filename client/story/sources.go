package story

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"

	"fermata/activities/authority"
	"fermata/activities/record"
	"fermata/wire"
)

// canonical is the text that hashes are of (RFC 8785). What cannot be written so stays as it is, and its hash tells why.
func canonical(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return nil
	}
	if out, err := jcs.Transform(text); err == nil {
		return out
	}
	return text
}

func (s *Story) fromRun(p wire.Progress) {
	s.Sources = append(s.Sources, Run)
	s.Run, s.Kind, s.Owner, s.WorkflowID, s.Requester = p.Run, p.Kind, p.Owner, p.WorkflowID, p.Requester
	s.Phase, s.Outcome, s.Reason, s.Started, s.Ended = p.Phase, p.Outcome, p.Reason, p.Started, p.Ended
	if p.Phase != wire.Ended {
		s.Ended = nil // It is known before the record is written, which may be held.
	}
	s.Ticket, s.Policy, s.Notices, s.Steps, s.Gates = p.Ticket, p.Policy, p.Notices, p.Steps, p.Gates
	s.LeftBehind, s.planned, s.stopped, s.said, s.judged = p.LeftBehind, p.Planned, p.Stopped, p.Record, p.Decisions
	s.Refused, s.partOf = p.Refused, p.PartOf
	for _, d := range p.Decisions {
		if !d.Verdict.Accepted {
			s.Refused++
		}
	}
	if p.Preview != nil {
		s.PlanHash, s.Observations = p.Preview.Hash, p.Preview.Observations
		s.Plan, _ = json.Marshal(p.Preview.Plan) // It was read from JSON.
	}
}

// Kept is what a record's part about decisions holds.
type Kept struct {
	Decisions []wire.Judged       `json:"decisions"`
	Refused   int                 `json:"refused"`
	Planned   *time.Time          `json:"planned,omitempty"`
	Policy    *wire.Governed      `json:"policy,omitempty"`
	Notices   []*wire.NoticeState `json:"notices,omitempty"`
	// Of a fleet: where its servers were. Of a server's run that a fleet began: what ties it to that.
	Fleet      *wire.Fleet           `json:"fleet,omitempty"`
	Membership *authority.Membership `json:"membership,omitempty"`
}

func (s *Story) fromRecord(e *record.Entry) error {
	var r record.Record
	if err := json.Unmarshal(e.Record, &r); err != nil {
		return fmt.Errorf("reading record %d: %w", e.Sequence, err)
	}
	var kept Kept
	if err := json.Unmarshal(r.Decisions, &kept); err != nil {
		return fmt.Errorf("reading the decisions of record %d: %w", e.Sequence, err)
	}
	var steps []wire.Step
	if err := json.Unmarshal(r.Steps, &steps); err != nil {
		return fmt.Errorf("reading the steps of record %d: %w", e.Sequence, err)
	}
	s.Sources = append([]Source{Record}, s.Sources...)
	s.Run, s.Kind, s.Owner, s.WorkflowID, s.Requester = r.Run, r.Kind, r.Owner, r.WorkflowID, r.Requester
	s.Phase, s.Outcome, s.Reason, s.Started, s.Ended = wire.Ended, wire.Outcome(r.Outcome), r.Reason, r.Started, &r.Ended
	s.Document, s.Plan, s.PlanHash, s.Steps, s.LeftBehind, s.Gates = r.Spec, r.Plan, r.PlanHash, steps, r.LeftBehind, nil
	s.judged, s.Refused, s.Policy, s.stopped = kept.Decisions, kept.Refused, kept.Policy, nil
	if s.member = kept.Membership; s.member != nil {
		s.partOf = s.member.Workflow
	}
	if kept.Planned != nil {
		s.planned = kept.Planned
	}
	if len(kept.Notices) > len(s.Notices) { // The run has told of its end after it wrote its record.
		s.Notices = kept.Notices
	}
	s.entry = e
	s.Place = &Place{Sequence: e.Sequence, Hash: e.Hash, Previous: e.Previous, Written: e.Written}
	return nil
}
