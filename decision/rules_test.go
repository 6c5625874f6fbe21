package decision_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/decision"
	"fermata/spec"
)

const company = `
  groups:
    operators: {members: ["*@ops.example", "!intern@ops.example"], notify: [{system: mail, to: ops@ops.example}]}
    security: {members: [eve@sec.example]}
    managers: {members: [max@example], notify: [{system: hooks}]}
  machines: ["*@machines.example"]
  automation: {stop: [operators, security], resume: [managers]}
  rules:
    - name: nightly
      match: {kinds: [ProvisionServer], environments: [lab]}
      may: {start: [night, operators], operate: [operators]}
      change: standard
    - name: production
      match: {environments: [production], sites: [berlin, "ham*"]}
      may: {start: [operators], approve: [operators, security], operate: [operators], purge: [managers]}
      approval: {quorum: 2, deadline: 8h, escalate: {after: 4h, to: [managers]}}
      emergency: {by: [security], review: [managers], within: 24h}
    - name: servers
      match: {kinds: ["*Server"]}
      may: {start: [operators], approve: [security]}
      approval: {fourEyes: false}
  limits:
    - {name: hourly, match: {environments: [production]}, changesPerHour: 5}
    - {name: width, targetsPerRun: 3}
`

func companyRules(t *testing.T) *decision.Rules {
	t.Helper()
	return rules(t, company[:len("\n  groups:\n")]+"    night: {members: [night@machines.example]}\n"+company[len("\n  groups:\n"):])
}

var production = decision.Facts{Kind: "ProvisionServer", Environment: "production", Site: "hamburg"}

func TestTheFirstRuleThatMatchesCounts(t *testing.T) {
	t.Parallel()
	r := companyRules(t)
	for _, x := range []struct {
		facts decision.Facts
		rule  string
	}{
		{decision.Facts{Kind: "ProvisionServer", Environment: "lab"}, "nightly"},
		{decision.Facts{Kind: "DecommissionServer", Environment: "lab"}, "servers"},
		{production, "production"},
		{decision.Facts{Kind: "ProvisionServer", Environment: "production", Site: "munich"}, "servers"},
		{decision.Facts{Kind: "RespondToIncident", Environment: "production"}, ""},
		{decision.Facts{}, ""},
	} {
		require.Equal(t, x.rule, r.Terms(x.facts).Rule, "%+v", x.facts)
	}
}

func TestWhatARuleSays(t *testing.T) {
	t.Parallel()
	r := companyRules(t)
	terms := r.Terms(production)
	require.Equal(t, 2, terms.Quorum)
	require.True(t, terms.FourEyes)
	require.Equal(t, 8*time.Hour, terms.Deadline)
	require.Equal(t, spec.ChangeNormal, terms.Change)
	require.Equal(t, []decision.Limit{{Name: "hourly", ChangesPerHour: 5}, {Name: "width", TargetsPerRun: 3}}, terms.Limits)
	require.Equal(t, []decision.Address{{Group: "operators", System: "mail", To: "ops@ops.example"}}, terms.Audience(decision.Approve))
	require.False(t, r.Terms(decision.Facts{Kind: "DecommissionServer"}).FourEyes)
	require.Equal(t, spec.ChangeStandard, r.Terms(decision.Facts{Kind: "ProvisionServer", Environment: "lab"}).Change)
	require.Nil(t, (*decision.Rules)(nil).Terms(production))
}

// What an approval asks for is not asked of a review: one person reviews, and has the time that the rule gives for it.
func TestWhatARuleSaysOfAnEmergency(t *testing.T) {
	t.Parallel()
	emergency := production
	emergency.Emergency = true
	terms := companyRules(t).Terms(emergency)
	require.Equal(t, spec.ChangeEmergency, terms.Change)
	require.Equal(t, 24*time.Hour, terms.Review.Within)
	require.Equal(t, 1, terms.Quorum)
	require.Zero(t, terms.Deadline)
	require.Nil(t, terms.Escalate)
	standard := decision.Facts{Kind: "ProvisionServer", Environment: "lab", Emergency: true}
	code, _ := companyRules(t).Terms(standard).Refuses("ann@ops.example", decision.Start, false)
	require.Equal(t, decision.CodeNotAllowed, code, "what is approved beforehand needs no emergency, and gets none")
}

func TestWhoMay(t *testing.T) {
	t.Parallel()
	r := companyRules(t)
	emergency := production
	emergency.Emergency = true
	nobody := decision.Facts{Kind: "RespondToIncident"}
	lab := decision.Facts{Kind: "ProvisionServer", Environment: "lab"}
	for name, x := range map[string]struct {
		facts     decision.Facts
		person    string
		command   decision.Command
		escalated bool
		code      string // "" if they may.
	}{
		"a member":                           {production, "ann@ops.example", decision.Approve, false, ""},
		"one of two groups":                  {production, "eve@sec.example", decision.Approve, false, ""},
		"reject is as approve":               {production, "eve@sec.example", decision.Reject, false, ""},
		"operate stands for retry":           {production, "ann@ops.example", decision.Retry, false, ""},
		"listed itself":                      {production, "max@example", decision.Purge, false, ""},
		"escalated":                          {production, "max@example", decision.Approve, true, ""},
		"who was asked first may still":      {production, "ann@ops.example", decision.Approve, true, ""},
		"emergency":                          {emergency, "eve@sec.example", decision.Start, false, ""},
		"its review":                         {emergency, "max@example", decision.Approve, false, ""},
		"a machine starts":                   {lab, "night@machines.example", decision.Start, false, ""},
		"left out of the group":              {production, "intern@ops.example", decision.Approve, false, decision.CodeNotAllowed},
		"another group":                      {production, "eve@sec.example", decision.Retry, false, decision.CodeNotAllowed},
		"what is listed, operate does not":   {production, "ann@ops.example", decision.Purge, false, decision.CodeNotAllowed},
		"before the escalation":              {production, "max@example", decision.Approve, false, decision.CodeNotAllowed},
		"an escalation is for approvals":     {production, "max@example", decision.Retry, true, decision.CodeNotAllowed},
		"emergency by others":                {emergency, "ann@ops.example", decision.Start, false, decision.CodeNotAllowed},
		"no review by others":                {emergency, "ann@ops.example", decision.Approve, false, decision.CodeNotAllowed},
		"a command that no list has":         {decision.Facts{Kind: "DecommissionServer"}, "ann@ops.example", decision.Retry, false, decision.CodeNotAllowed},
		"no rule":                            {nobody, "max@example", decision.Start, false, decision.CodeNotAllowed},
		"a machine does not approve":         {lab, "night@machines.example", decision.Approve, false, decision.CodeMachine},
		"nor retry, whatever group it is in": {lab, "night@machines.example", decision.Retry, false, decision.CodeMachine},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, reason := r.Terms(x.facts).Refuses(x.person, x.command, x.escalated)
			require.Equal(t, x.code, code, reason)
			require.Equal(t, code == "", reason == "")
		})
	}
}

// Environment and site of a decommission are known only from its plan.
func TestWhoMayStartIsJudgedByTheKindAtFirst(t *testing.T) {
	t.Parallel()
	p := decision.Policy{Rules: companyRules(t)}
	terms := p.Terms(decision.Facts{Kind: "DecommissionServer", Partial: true})
	for person, want := range map[string]string{"ann@ops.example": "", "eve@sec.example": decision.CodeNotAllowed} {
		code, _ := terms.Refuses(person, decision.Start, false)
		require.Equal(t, want, code, person)
	}
	code, _ := terms.Refuses("ann@ops.example", decision.Cancel, false)
	require.Empty(t, code, "it can be cancelled while it plans")
	code, _ = p.Terms(decision.Facts{Kind: "DecommissionServer", Partial: true, Emergency: true}).Refuses("eve@sec.example", decision.Start, false)
	require.Empty(t, code)
}

func TestWhoMayStopAutomation(t *testing.T) {
	t.Parallel()
	terms := companyRules(t).Automation()
	for person, codes := range map[string][2]string{
		"ann@ops.example":        {"", decision.CodeNotAllowed},
		"max@example":            {decision.CodeNotAllowed, ""},
		"night@machines.example": {decision.CodeMachine, decision.CodeMachine},
	} {
		stop, _ := terms.Refuses(person, decision.StopAutomation, false)
		resume, _ := terms.Refuses(person, decision.ResumeAutomation, false)
		given := [2]string{stop, resume}
		require.Equal(t, codes, given, person)
	}
}

func TestEscalationCountsFromTheOpening(t *testing.T) {
	t.Parallel()
	terms := companyRules(t).Terms(production)
	require.False(t, terms.Escalated(at, at.Add(4*time.Hour-time.Second)))
	require.True(t, terms.Escalated(at, at.Add(4*time.Hour)))
	require.False(t, terms.Escalated(time.Time{}, at), "a gate that says no time is not escalated")
}

func TestAnEmergencyNeedsAPolicyAndAReason(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	c.policy.Rules = nil
	c.gate.Gate, c.gate.Nonce, c.gate.Commands = decision.StartGate, "", []decision.Command{decision.Start}
	urgent := func(e *decision.Envelope) {
		e.Command, e.Gate, e.Change, e.Reason = decision.Start, decision.StartGate, decision.ChangeEmergency, "the site is down"
	}
	require.Equal(t, decision.CodeNotAllowed, c.policy.Judge(c.sign(t, c.alice, urgent), c.gate, at).ReasonCode)
	for _, bad := range []func(*decision.Envelope){
		func(e *decision.Envelope) { e.Reason = " " },
		func(e *decision.Envelope) { e.Change = "standard" },
		func(e *decision.Envelope) { e.Command = decision.Approve },
	} {
		require.Error(t, envelope(urgent, bad).Validate())
	}
}

// A policy can list exactly the commands that there are.
func TestPoliciesKnowTheCommands(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"operate": true}
	for _, c := range decision.Commands() {
		known[string(c)] = c != decision.StopAutomation && c != decision.ResumeAutomation
	}
	for _, name := range spec.PolicyCommands() {
		require.True(t, known[name], name)
		delete(known, name)
	}
	require.Equal(t, map[string]bool{"stop-automation": false, "resume-automation": false}, known)
}
