package decision

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// DefaultSkew is how far the clocks of a signer and a judge may differ, unless the policy says otherwise.
	DefaultSkew = 2 * time.Minute
	// DefaultLifetime is the longest time from issued to expires, unless the policy says otherwise.
	DefaultLifetime = 24 * time.Hour
)

// Policy is who may give which command, in one installation. It is safe for concurrent use as long as nobody changes it.
type Policy struct {
	Cluster   string // every envelope must name it
	Namespace string // Temporal's; every envelope must name it
	Signers   *AllowedSigners
	Revoked   *Revoked      // optional
	Rules     *Rules        // who may give which command; nil: every allowed signer may give every command
	Skew      time.Duration // DefaultSkew if not positive
	Lifetime  time.Duration // DefaultLifetime if not positive
}

// Expectation is what a gate waits for. All fields but Step are mandatory, and an empty one refuses every decision,
// except the nonce of a start, which no gate has drawn.
type Expectation struct {
	WorkflowID string    `json:"workflow_id"`
	Run        string    `json:"run"`
	Gate       string    `json:"gate"`
	Nonce      string    `json:"nonce"`
	Hash       string    `json:"hash"`
	Commands   []Command `json:"commands"` // what the gate takes
	// Step is the one that retry and skip must name. If it is empty they may name any, and the caller acts on the
	// envelope's.
	Step string `json:"step,omitempty"`
	// Facts are what the rules look at.
	Facts Facts `json:"facts,omitzero"`
	// Opened is when the gate opened: an escalation counts from there.
	Opened time.Time `json:"opened,omitzero"`
}

// Verdict is what a decision was worth. It goes into the record.
type Verdict struct {
	Accepted   bool   `json:"accepted"`
	Reason     string `json:"reason"`      // for people; empty if accepted
	ReasonCode string `json:"reason_code"` // one of the Code constants
	ID         string `json:"id"`          // see Envelope.ID; empty if the envelope could not be read
	// Envelope is what was claimed: trust it only if Accepted.
	Envelope Envelope `json:"envelope"`
	// Fingerprint is of the key that made the signature; empty if the signature is not good or was not looked at.
	Fingerprint string    `json:"fingerprint"`
	At          time.Time `json:"at"`
	// Policy is the hash of the policy file that was asked, and Rule the rule in it; empty where there is no such file.
	Policy string `json:"policy,omitempty"`
	Rule   string `json:"rule,omitempty"`
}

// Why a decision was refused, in the order of the checks.
const (
	CodeAccepted   = "accepted"
	CodeNoPolicy   = "no_policy"     // the judge is not set up
	CodeNoGate     = "no_gate"       // the expectation lacks something
	CodeMalformed  = "malformed"     // size, JSON, fields
	CodeCluster    = "cluster"       // for another installation
	CodeNamespace  = "namespace"     // for another namespace
	CodeWorkflow   = "workflow"      // for another target
	CodeRun        = "run"           // for another run
	CodeGate       = "gate"          // for another gate
	CodeNonce      = "nonce"         // for an earlier opening of the gate
	CodeCommand    = "command"       // the gate does not take it
	CodeStep       = "step"          // for another step
	CodeHash       = "hash"          // the person was shown something else
	CodeEarly      = "not_yet_valid" // issued in the future
	CodeExpired    = "expired"       //
	CodeLifetime   = "lifetime"      // valid for longer than is allowed
	CodeSignature  = "signature"     // not good
	CodeRepeated   = "repeated"      // what was signed has counted already, under another signature
	CodeRevoked    = "revoked"       // the key is
	CodeSigner     = "signer"        // the key is not the person's
	CodeMachine    = "machine"       // the signer is a machine, and machines decide nothing
	CodeNotAllowed = "not_allowed"   // the person may not give the command
)

type refusal struct{ code, text string }

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// Judge decides whether a decision counts at that time. It reads neither clock nor file, never panics, and refuses
// whatever it does not understand. Four eyes, quorum and copies of a decision are the caller's to judge.
func (p *Policy) Judge(s Signed, want Expectation, at time.Time) Verdict {
	return p.verdict(s, want, at, p.judge)
}

// JudgeSigned is Judge without the rules: whether the decision is for this and signed by its person, not whether that person
// may give it.
func (p *Policy) JudgeSigned(s Signed, want Expectation, at time.Time) Verdict {
	return p.verdict(s, want, at, p.signed)
}

// JudgeKept judges a decision that has counted elsewhere, by the policy of now: it may have expired since. Everything else
// must still hold: the key, the person, the rules. Others whom an approval is escalated to count if they were asked when it
// was signed.
func (p *Policy) JudgeKept(s Signed, want Expectation, at time.Time) Verdict {
	return p.verdict(s, want, at, func(v *Verdict, s Signed, want Expectation, at time.Time) *refusal {
		e, r := p.meant(v, s, want)
		if r != nil {
			return r
		}
		if r := p.timely(e, at); r != nil && r.code != CodeExpired {
			return r
		}
		if r := p.keyed(v, s, e, at); r != nil {
			return r
		}
		return p.rule(v, e, want, e.Issued)
	})
}

func (p *Policy) verdict(s Signed, want Expectation, at time.Time, judge func(*Verdict, Signed, Expectation, time.Time) *refusal) (v Verdict) {
	v = Verdict{At: at.UTC(), ReasonCode: CodeAccepted}
	defer func() {
		if r := recover(); r != nil { // the parsers below are not ours: a fault in one must not stop a run
			v.Accepted, v.ReasonCode, v.Reason = false, CodeMalformed, fmt.Sprintf("reading it stopped the reader: %v", r)
		}
	}()
	if r := judge(&v, s, want, at); r != nil {
		v.ReasonCode, v.Reason = r.code, r.text
		return v
	}
	v.Accepted = true
	return v
}

func (p *Policy) judge(v *Verdict, s Signed, want Expectation, at time.Time) *refusal {
	if r := p.signed(v, s, want, at); r != nil {
		return r
	}
	return p.rule(v, v.Envelope, want, at)
}

func (p *Policy) signed(v *Verdict, s Signed, want Expectation, at time.Time) *refusal {
	e, r := p.meant(v, s, want)
	if r != nil {
		return r
	}
	if r := p.timely(e, at); r != nil {
		return r
	}
	return p.keyed(v, s, e, at)
}

// meant reads the envelope and looks whether it is for what is expected.
func (p *Policy) meant(v *Verdict, s Signed, want Expectation) (Envelope, *refusal) {
	if p == nil || p.Signers == nil || p.Cluster == "" || p.Namespace == "" {
		return Envelope{}, refuse(CodeNoPolicy, "nobody can decide here: the policy lacks its cluster, namespace or allowed signers")
	}
	if r := want.check(); r != nil {
		return Envelope{}, r
	}
	e, err := Parse(s.Envelope)
	if err != nil {
		return e, refuse(CodeMalformed, "%v", err)
	}
	v.Envelope, v.ID = e, identify(s.Envelope)
	if r := p.place(e, want); r != nil {
		return e, r
	}
	return e, want.fits(e)
}

// keyed looks at the signature, and whether the key is its person's at that time.
func (p *Policy) keyed(v *Verdict, s Signed, e Envelope, at time.Time) *refusal {
	key, err := checkSignature(s.Envelope, s.Signature, Namespace)
	if err != nil {
		return refuse(CodeSignature, "%v", err)
	}
	v.Fingerprint = Fingerprint(key)
	return p.permits(e, key, at)
}

func (p *Policy) permits(e Envelope, key ssh.PublicKey, at time.Time) *refusal {
	if err := p.Revoked.check(key); err != nil {
		return refuse(CodeRevoked, "%v", err)
	}
	if err := p.Signers.allows(key, e.Person, Namespace, at); err != nil {
		return refuse(CodeSigner, "%v", err)
	}
	return nil
}

// Terms returns what the rules say of a run; nil without a policy file.
func (p *Policy) Terms(f Facts, commands ...Command) *Terms {
	switch {
	case p.Rules == nil:
		return nil
	case slices.Contains(commands, StopAutomation), slices.Contains(commands, ResumeAutomation):
		return p.Rules.Automation()
	case f.Partial:
		return p.Rules.possible(f)
	}
	return p.Rules.Terms(f)
}

// rule asks the rules whether the person may give the command for such a run.
func (p *Policy) rule(v *Verdict, e Envelope, want Expectation, at time.Time) *refusal {
	facts := want.Facts
	if e.Command == Start { // The run has no requester yet.
		facts.Requester, facts.Emergency = e.Person, e.Change == ChangeEmergency
	}
	terms := p.Terms(facts, e.Command)
	if terms == nil {
		if e.Change != "" {
			return refuse(CodeNotAllowed, "an emergency change needs a policy file that says who may start and who reviews it")
		}
		return nil
	}
	v.Policy, v.Rule = terms.Policy, terms.Rule
	if code, reason := terms.Refuses(e.Person, e.Command, terms.Escalated(want.Opened, at)); code != "" {
		return refuse(code, "%s", reason)
	}
	return nil
}

func (p *Policy) place(e Envelope, want Expectation) *refusal {
	switch {
	case e.Cluster != p.Cluster:
		return refuse(CodeCluster, "the decision is for the cluster %q, this is %q", e.Cluster, p.Cluster)
	case e.Namespace != p.Namespace:
		return refuse(CodeNamespace, "the decision is for the namespace %q, this is %q", e.Namespace, p.Namespace)
	case e.WorkflowID != want.WorkflowID:
		return refuse(CodeWorkflow, "the decision is for %q, this is %q", e.WorkflowID, want.WorkflowID)
	case e.Run != want.Run:
		return refuse(CodeRun, "the decision is for the run %s, this is %s", e.Run, want.Run)
	case e.Gate != want.Gate:
		return refuse(CodeGate, "the decision is for the gate %q, open is %q", e.Gate, want.Gate)
	}
	return nil
}

func (p *Policy) timely(e Envelope, at time.Time) *refusal {
	skew, lifetime := positive(p.Skew, DefaultSkew), positive(p.Lifetime, DefaultLifetime)
	switch {
	case e.Expires.Sub(e.Issued) > lifetime:
		return refuse(CodeLifetime, "the decision is valid for %s, at most %s are allowed", e.Expires.Sub(e.Issued), lifetime)
	case e.Issued.After(at.Add(skew)):
		return refuse(CodeEarly, "the decision was issued at %s, which is still to come: check the signer's clock",
			e.Issued.Format(time.RFC3339))
	case at.After(e.Expires.Add(skew)):
		return refuse(CodeExpired, "the decision expired at %s: sign it again", e.Expires.Format(time.RFC3339))
	}
	return nil
}

// check refuses an expectation in which something forgotten would let everything pass.
func (w Expectation) check() *refusal {
	startOnly := len(w.Commands) == 1 && w.Commands[0] == Start
	switch {
	case w.WorkflowID == "" || w.Run == "" || w.Gate == "" || w.Hash == "":
		return refuse(CodeNoGate, "the gate is incomplete: it lacks its workflow, run, id or hash")
	case w.Nonce == "" && !startOnly:
		return refuse(CodeNoGate, "the gate %q has no nonce", w.Gate)
	case len(w.Commands) == 0:
		return refuse(CodeNoGate, "the gate %q takes no command", w.Gate)
	}
	return nil
}

func (w Expectation) fits(e Envelope) *refusal {
	switch {
	case w.Nonce != "" && e.Nonce != w.Nonce:
		return refuse(CodeNonce, "the decision is for an earlier opening of the gate %q: look at it again and sign anew", w.Gate)
	case !slices.Contains(w.Commands, e.Command):
		return refuse(CodeCommand, "the gate %q does not take %s: it takes %s", w.Gate, e.Command, joinCommands(w.Commands))
	case w.Step != "" && e.Step != "" && e.Step != w.Step:
		return refuse(CodeStep, "the decision is for the step %q, held is %q", e.Step, w.Step)
	case e.Hash != w.Hash:
		return refuse(CodeHash, "the decision is for %s, but this is %s: look at it again and sign anew", e.Hash, w.Hash)
	}
	return nil
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
