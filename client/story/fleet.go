package story

import (
	"encoding/json"
	"fmt"

	"fermata/activities/authority"
	"fermata/decision"
	"fermata/wire"
)

// ofFleet looks at a decision that was given to the fleet of a run: it is for the fleet's run and plan, and what ties this
// run to that is the proof that stands in its record. The signature may have expired when this run looked at it; it is looked
// at as when it was made.
func (j Judge) ofFleet(d wire.Judged, e decision.Envelope, s *Story) Check {
	want := decision.Expectation{
		WorkflowID: s.partOf, Run: e.Run, Gate: e.Gate, Nonce: e.Nonce, Hash: e.Hash, Commands: []decision.Command{e.Command},
	}
	tied := "given to " + s.partOf + "; what ties this run to it is told by its record"
	if s.member != nil {
		hash, document, err := s.covered()
		if err != nil {
			return bad("recorded as accepted, but %v", err)
		}
		want.Run, want.Hash, tied = s.member.Run, hash, "given to "+s.partOf+", whose plan covers this run's"
		if e.Command == decision.Start {
			want.Hash = document
		}
	}
	switch v := j.policy(e).JudgeSigned(d.Signed, want, e.Issued); {
	case v.ReasonCode == decision.CodeRevoked:
		return Check{Since, "key revoked since: " + v.Reason}
	case !v.Accepted:
		return bad("recorded as accepted, but %s", v.Reason)
	case v.Fingerprint != d.Verdict.Fingerprint:
		return bad("recorded as signed with %s, but it is %s", d.Verdict.Fingerprint, v.Fingerprint)
	}
	return Check{Good, "good, " + tied}
}

// covered is the fleet's plan, if the run's own plan is proven to be part of it: its hash and that of its document.
func (s *Story) covered() (hash, document string, err error) {
	m := s.member
	var plan struct {
		Owner    string               `json:"owner"`
		Document string               `json:"document"`
		Resolved authority.MemberTree `json:"resolved"`
	}
	if err := json.Unmarshal(m.Plan, &plan); err != nil {
		return "", "", fmt.Errorf("the fleet's plan cannot be read: %w", err)
	}
	if hash, err = decision.Hash(m.Plan); err != nil {
		return "", "", err
	}
	leaf, err := m.Planned.Leaf()
	if err == nil {
		err = decision.CheckTreeProof(plan.Resolved.Root, plan.Resolved.Size, m.Index, leaf, m.Proof)
	}
	switch {
	case err != nil:
		return "", "", fmt.Errorf("nothing proves that this run is part of %s: %w", m.Workflow, err)
	case plan.Owner != m.Workflow || m.Planned.Owner != s.Owner:
		return "", "", fmt.Errorf("the proof is of %s in the plan of %s", m.Planned.Owner, plan.Owner)
	case s.PlanHash != "" && s.Outcome == wire.Done && s.PlanHash != m.Planned.Hash:
		return "", "", fmt.Errorf("its plan is %s, approved was %s", s.PlanHash, m.Planned.Hash)
	}
	return hash, plan.Document, nil
}
