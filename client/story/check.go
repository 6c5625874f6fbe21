package story

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"fermata/decision"
	"fermata/wire"
)

// Result is what came of looking at a decision again.
type Result string

// The results. All but Good and Nothing make a story not verified.
const (
	Good      Result = "good"
	Since     Result = "not-any-more" // It was good; its key was revoked since.
	Bad       Result = "not-good"     // The record says something that does not hold.
	Unchecked Result = "unchecked"    // What it is judged by cannot be read.
	Nothing   Result = "nothing"      // A refusal of which nothing was kept that could be looked at.
)

// Check is what came of looking at a decision again, in words too.
type Check struct {
	Result Result `json:"result"`
	Text   string `json:"text"`
}

// OK reports whether nothing speaks against what is recorded.
func (c Check) OK() bool { return c.Result == Good || c.Result == Nothing }

// Judge is by what is judged again: the files of the installation, as whoever looks has them now.
type Judge struct {
	Cluster   string
	Namespace string // Empty: any.
	Signers   *decision.AllowedSigners
	Revoked   *decision.Revoked
	Rules     *decision.Rules
	Err       error // Why they cannot be read: nothing is verified then.
}

// always is longer than any decision is valid: how long one may be valid at most is no question of today's configuration.
const always = 100 * 365 * 24 * time.Hour

func (j Judge) policy(e decision.Envelope) *decision.Policy {
	p := &decision.Policy{Cluster: j.Cluster, Namespace: j.Namespace, Signers: j.Signers, Revoked: j.Revoked, Lifetime: always}
	if p.Namespace == "" {
		p.Namespace = e.Namespace
	}
	return p
}

// decide looks at every decision again.
func (s *Story) decide(j Judge) {
	document := s.documentHash()
	s.Decisions = []Decision{}
	for i, d := range s.judged {
		v, e := d.Verdict, d.Verdict.Envelope
		s.Decisions = append(s.Decisions, Decision{
			Number: i + 1, At: v.At, Person: e.Person, Command: e.Command, Gate: e.Gate, Step: e.Step, Change: e.Change,
			Reason: e.Reason, Hash: e.Hash, Via: d.Via, Accepted: v.Accepted, Code: v.ReasonCode, Because: v.Reason,
			Fingerprint: v.Fingerprint, Policy: v.Policy, Rule: v.Rule, Check: s.check(j, d, document),
			Envelope: d.Signed.Envelope, Signature: d.Signed.Signature,
		})
	}
}

func bad(format string, args ...any) Check { return Check{Bad, fmt.Sprintf(format, args...)} }

func (s *Story) check(j Judge, d wire.Judged, document string) Check {
	if len(d.Signed.Envelope) == 0 {
		if d.Verdict.Accepted {
			return bad("recorded as accepted, but there is no envelope that anybody signed")
		}
		return Check{Nothing, "it was too large to be kept"}
	}
	e, err := decision.Parse(d.Signed.Envelope)
	if err != nil {
		if !d.Verdict.Accepted && d.Verdict.ReasonCode == decision.CodeMalformed {
			return Check{Nothing, "it is no envelope, as recorded"}
		}
		return bad("recorded as %s, but its envelope cannot be read: %v", worth(d.Verdict), err)
	}
	if text := differs(d, e); text != "" {
		return bad("recorded as %s, but %s", worth(d.Verdict), text)
	}
	if j.Err != nil {
		return Check{Unchecked, j.Err.Error()}
	}
	if !d.Verdict.Accepted {
		return j.refused(d, e)
	}
	if d.Via == wire.ViaFleet && s.partOf != "" {
		return j.ofFleet(d, e, s)
	}
	return j.accepted(d, e, s, document)
}

func worth(v decision.Verdict) string {
	if v.Accepted {
		return "accepted"
	}
	return "refused"
}

// differs says in what the verdict speaks of something else than was signed. A verdict that was given before the envelope
// was read names none.
func differs(d wire.Judged, e decision.Envelope) string {
	v := d.Verdict
	if !v.Accepted && v.ID == "" {
		return ""
	}
	claimed, err := v.Envelope.Canonical()
	switch {
	case err != nil || !bytes.Equal(claimed, d.Signed.Envelope):
		return fmt.Sprintf("what was signed says otherwise than the verdict: %s by %s", e.Command, e.Person)
	case v.ID != e.ID():
		return "the verdict names another envelope"
	case v.Accepted && v.ReasonCode != decision.CodeAccepted:
		return fmt.Sprintf("the verdict's code is %q", v.ReasonCode)
	}
	return ""
}

// asked is what the decision must have been for, as far as it can be known later: the gate's nonce cannot.
func (s *Story) asked(e decision.Envelope, document string) decision.Expectation {
	want := decision.Expectation{
		WorkflowID: s.WorkflowID, Run: s.Run, Gate: e.Gate, Nonce: e.Nonce, Hash: s.PlanHash,
		Commands: []decision.Command{e.Command},
	}
	switch {
	case e.Command == decision.Start:
		want.Gate, want.Hash = decision.StartGate, document
	case want.Hash == "" || (e.Command != decision.Approve && e.Command != decision.Reject && e.Hash == document):
		want.Hash = document // Before there is a plan, the document is what a run can be stopped by.
	}
	if want.Hash == "" {
		want.Hash = e.Hash // A run that has not planned yet does not tell its document.
	}
	return want
}

func (j Judge) accepted(d wire.Judged, e decision.Envelope, s *Story, document string) Check {
	v := j.policy(e).JudgeSigned(d.Signed, s.asked(e, document), d.Verdict.At)
	switch {
	case v.ReasonCode == decision.CodeRevoked:
		return Check{Since, "key revoked since: " + v.Reason}
	case v.ReasonCode == decision.CodeSigner:
		return bad("recorded as accepted, but %s. If the key was taken out of the file since: keep its line, and end it with valid-before", v.Reason)
	case !v.Accepted:
		return bad("recorded as accepted, but %s", v.Reason)
	case v.Fingerprint != d.Verdict.Fingerprint:
		return bad("recorded as signed with %s, but it is %s", d.Verdict.Fingerprint, v.Fingerprint)
	case d.Verdict.Policy == "" && e.Change != "":
		return bad("recorded as accepted, but an emergency change needs a policy file, and none is recorded")
	case d.Verdict.Policy == "":
		return Check{Good, "good"}
	case j.Rules.Hash() != d.Verdict.Policy:
		return Check{Good, "good; the policy file is another now, so its rules were not asked again"}
	}
	return j.allowed(d.Verdict, e, s)
}

// allowed asks the rule again that is recorded, in the policy file that is recorded.
func (j Judge) allowed(v decision.Verdict, e decision.Envelope, s *Story) Check {
	facts := decision.Facts{Kind: s.Kind, Requester: s.Requester, Emergency: s.emergency()}
	terms, known := j.Rules.Named(v.Rule, facts)
	if !known {
		// Before a decommission knows its server's environment and site, any rule for its kind may let somebody start or cancel it.
		facts.Partial = true
		early := (&decision.Policy{Rules: j.Rules}).Terms(facts)
		if v.Rule == early.Rule || (v.Rule == "" && e.Command == decision.Start) {
			terms, known = early, true
		}
	}
	if !known {
		return bad("recorded as accepted by rule %q, which the policy file does not have", v.Rule)
	}
	if code, reason := terms.Refuses(e.Person, e.Command, true); code != "" {
		return bad("recorded as accepted, but %s", reason)
	}
	return Check{Good, fmt.Sprintf("good, and the policy file allows it (rule %q)", v.Rule)}
}

// emergency reports whether the requester signed that the change could not wait.
func (s *Story) emergency() bool {
	return slices.ContainsFunc(s.judged, func(d wire.Judged) bool {
		e, err := decision.Parse(d.Signed.Envelope)
		return err == nil && d.Verdict.Accepted && e.Command == decision.Start && e.Change == decision.ChangeEmergency
	})
}

// refused looks at a refusal: most of them are about what a gate knew then, but whether a signature is good stays.
func (j Judge) refused(d wire.Judged, e decision.Envelope) Check {
	policy := j.policy(e)
	policy.Cluster, policy.Namespace, policy.Skew = e.Cluster, e.Namespace, always
	v := policy.JudgeSigned(d.Signed, decision.Expectation{
		WorkflowID: e.WorkflowID, Run: e.Run, Gate: e.Gate, Nonce: e.Nonce, Hash: e.Hash, Commands: []decision.Command{e.Command},
	}, d.Verdict.At)
	recorded := d.Verdict.ReasonCode == decision.CodeSignature
	switch {
	case v.ReasonCode == decision.CodeSignature && recorded:
		return Check{Good, "the signature is not good, as recorded"}
	case recorded:
		return bad("recorded as refused for its signature, but that is good: by %s", v.Fingerprint)
	case v.ReasonCode == decision.CodeSignature:
		return Check{Good, "refused as recorded; its signature is not good either"}
	case v.ReasonCode == decision.CodeSigner:
		return Check{Good, "refused as recorded; its key is not the person's"}
	case v.ReasonCode == decision.CodeRevoked:
		return Check{Good, "refused as recorded; its key is revoked"}
	}
	return Check{Good, "refused as recorded; its signature is good"}
}
