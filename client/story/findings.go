package story

import (
	"fmt"
	"slices"
	"strings"

	"fermata/activities/record"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// Finding is something about the whole run that was looked at again.
type Finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

func (s *Story) find(what string, ok bool, format string, args ...any) {
	s.Findings = append(s.Findings, Finding{what, ok, fmt.Sprintf(format, args...)})
}

// look looks at everything again that is about the whole run. The decisions were looked at before.
func (s *Story) look(j Judge) {
	s.Findings = []Finding{}
	s.lookAtRecord()
	s.lookAtPlan()
	s.lookAtDocument()
	s.lookAtStart()
	s.lookAtApproval(j)
	s.lookAtDecisions()
	s.Verified = !slices.ContainsFunc(s.Findings, func(f Finding) bool { return !f.OK })
}

func (s *Story) lookAtRecord() {
	if s.entry == nil {
		if s.said != "" {
			s.find("record", false, "the run says that it wrote the record %s, but there is none of it", s.said)
		}
		return
	}
	before := record.Entry{Sequence: s.entry.Sequence - 1, Hash: s.entry.Previous}
	switch err := record.CheckEntry(before, *s.entry); {
	case err != nil:
		s.find("record", false, "%v", err)
	case s.said != "" && s.said != s.entry.Hash:
		s.find("record", false, "the run says that it wrote the record %s, but this is %s: it was replaced", s.said, s.entry.Hash)
	case s.said != "":
		s.find("record", true, "its hash fits its content, and is the one that the run itself names")
	default:
		s.find("record", true, "its hash fits its content")
	}
}

// lookAtPlan computes the hash that people signed from the plan as it is recorded.
func (s *Story) lookAtPlan() {
	if len(s.Plan) == 0 {
		if s.PlanHash != "" {
			s.find("plan", false, "there is the hash %s of a plan, but no plan", s.PlanHash)
		}
		return
	}
	hash, err := decision.Hash(s.Plan)
	switch {
	case err != nil:
		s.find("plan", false, "%v", err)
	case hash != s.PlanHash:
		s.find("plan", false, "its hash is %s, but %s is recorded: the plan was changed", hash, s.PlanHash)
	default:
		s.find("plan", true, "its hash, computed again, is the one that is recorded")
	}
}

// documentHash is computed from the document where there is one, else it is what the plan says.
func (s *Story) documentHash() string {
	if len(s.Document) > 0 {
		hash, err := decision.Hash(s.Document)
		if err == nil {
			return hash
		}
	}
	return s.Planned().Document
}

func (s *Story) lookAtDocument() {
	if len(s.Document) == 0 {
		return
	}
	hash, err := decision.Hash(s.Document)
	switch planned := s.Planned().Document; {
	case err != nil:
		s.find("document", false, "%v", err)
	case len(s.Plan) > 0 && planned != hash:
		s.find("document", false, "its hash is %s, but the plan is for %s", hash, planned)
	default:
		s.find("document", true, "its hash is %s", hash)
	}
}

// lookAtStart compares who is said to have asked with who signed that.
func (s *Story) lookAtStart() {
	for _, d := range s.Decisions {
		if d.Command == decision.Start && d.Accepted {
			if d.Person == s.Requester {
				s.find("requester", true, "%s signed the start", d.Person)
			} else {
				s.find("requester", false, "%s signed the start, but %s is recorded", d.Person, s.Requester)
			}
			return
		}
	}
	if s.Requester != "" || (s.Outcome != wire.Refused && s.Phase != wire.Planning) {
		s.find("requester", false, "nobody's signature says that this run was asked for")
	}
}

func (s *Story) lookAtDecisions() {
	total := len(s.Decisions)
	var not []string
	for _, d := range s.Decisions {
		if !d.Check.OK() {
			not = append(not, fmt.Sprintf("%d (%s by %s)", d.Number, d.Command, d.Person))
		}
	}
	text := fmt.Sprintf("%d of %d are found as they are recorded", total-len(not), total)
	if len(not) > 0 {
		text += "; not so: " + strings.Join(not, ", ")
	}
	s.find("decisions", len(not) == 0, "%s", text)
}

// lookAtApproval asks whether what was done was approved. Only of a run that did what it was asked to it is known that it
// must have been.
func (s *Story) lookAtApproval(j Judge) {
	if s.Outcome != wire.Done && s.Outcome != wire.Restored {
		return
	}
	people := s.approvers()
	terms, same := s.terms(j)
	switch {
	case s.Policy != nil && s.Policy.Change == spec.ChangeStandard && len(people) == 0:
		if same && terms.Change != spec.ChangeStandard {
			s.find("approval", false, "recorded as a standard change, but rule %q of the policy says %s", s.Policy.Rule, terms.Change)
			return
		}
		s.find("approval", true, "%s", s.Policy.Approved)
	case s.Policy != nil && s.Policy.Change == spec.ChangeEmergency:
		s.find("approval", s.emergency(), "an emergency change: acted first (the requester signed that: %t). %s", s.emergency(), s.Policy.Review)
	default:
		s.lookAtApprovers(people, terms, same)
	}
}

func (s *Story) lookAtApprovers(people []string, terms *decision.Terms, same bool) {
	quorum, fourEyes := 1, s.Policy == nil
	if same {
		quorum, fourEyes = max(terms.Quorum, 1), terms.FourEyes
	}
	others := slices.DeleteFunc(slices.Clone(people), func(p string) bool { return fourEyes && strings.EqualFold(p, s.Requester) })
	if len(others) < quorum {
		s.find("approval", false, "it was done, but of the %d approvals that it needs by somebody else there are %d", quorum, len(others))
		return
	}
	s.find("approval", true, "approved by %s", strings.Join(people, ", "))
}

// approvers are the people whose approval of the plan counted and is found as it is recorded.
func (s *Story) approvers() []string {
	var people []string
	for _, d := range s.Decisions {
		counts := d.Accepted && d.Command == decision.Approve && (d.Check.Result == Good || d.Check.Result == Since || d.Check.Result == Unchecked)
		if counts && !slices.ContainsFunc(people, func(p string) bool { return strings.EqualFold(p, d.Person) }) {
			people = append(people, d.Person)
		}
	}
	return people
}

// terms are what the policy file says of the recorded rule, if it is still the file that is recorded.
func (s *Story) terms(j Judge) (*decision.Terms, bool) {
	if s.Policy == nil || j.Err != nil || j.Rules.Hash() != s.Policy.Policy {
		return nil, false
	}
	return j.Rules.Named(s.Policy.Rule, decision.Facts{Kind: s.Kind, Requester: s.Requester, Emergency: s.emergency()})
}
