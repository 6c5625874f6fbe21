package story_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client/story"
	"fermata/decision"
	"fermata/wire"
)

const urgentRules = `apiVersion: fermata/v1
kind: Policy
metadata: {name: lab}
spec:
  groups:
    people: {members: [alice@estate.test, bob@estate.test]}
  rules:
    - {name: all, may: {start: [people], approve: [people]}, emergency: {by: [people], review: [people], within: 24h}}
`

// urgent is a run that acted first and was reviewed.
func urgent(t *testing.T) *world {
	t.Helper()
	w := lived(t)
	var err error
	w.judge.Rules, err = decision.ParseRules("policy.yaml", []byte(urgentRules))
	require.NoError(t, err)
	w.kept = story.Kept{Policy: &wire.Governed{Policy: w.judge.Rules.Hash(), Rule: "all", Change: "emergency", Permit: 3, Review: "accepted by " + bob}}
	w.decide(t, alice, decision.Envelope{
		Gate: decision.StartGate, Command: decision.Start, Hash: w.plan.Document, Change: decision.ChangeEmergency, Reason: "the shop is down",
	}, 0, "", "")
	w.decide(t, bob, decision.Envelope{Gate: "review", Command: decision.Approve, Hash: w.hash(t)}, 10*time.Minute, "", "")
	require.Zero(t, w.kept.Refused)
	return w
}

// The start of a decommission is judged before its environment is known: by any rule for its kind.
func TestAStartThatIsJudgedBeforeItsRuleIsKnown(t *testing.T) {
	t.Parallel()
	early := func() *world {
		w := lived(t)
		w.kept.Decisions[0].Verdict.Rule = (&decision.Policy{Rules: w.judge.Rules}).Terms(decision.Facts{Kind: wire.ProvisionServer, Partial: true}).Rule
		return w
	}
	told := early().tell(t)
	require.Empty(t, wrong(told))
	require.Equal(t, `good, and the policy file allows it (rule "any for ProvisionServer")`, told.Decisions[0].Check.Text)

	w := early()
	w.kept.Decisions[0].Verdict.Rule = "any for DecommissionServer"
	require.Equal(t, []string{"decisions"}, wrong(w.tell(t)), "that is another kind's")
}

// What a person signed as an emergency is found as it is recorded: by the file of then, by another, and not without one.
func TestAnEmergencyIsFoundAgain(t *testing.T) {
	t.Parallel()
	told := urgent(t).tell(t)
	require.Empty(t, wrong(told))
	require.Equal(t, []story.Result{story.Good, story.Good}, results(told))
	require.Equal(t, `good, and the policy file allows it (rule "all")`, told.Decisions[0].Check.Text)

	w := urgent(t)
	var err error
	w.judge.Rules, err = decision.ParseRules("policy.yaml", []byte(rules))
	require.NoError(t, err)
	require.Empty(t, wrong(w.tell(t)), "another file is not asked")

	w = urgent(t)
	w.kept.Decisions[0].Verdict.Policy, w.kept.Decisions[0].Verdict.Rule = "", ""
	require.Equal(t, []string{"decisions"}, wrong(w.tell(t)), "nobody's rules let it")

	w = urgent(t)
	w.kept.Decisions[0].Signed = w.sign(t, eve, decision.Envelope{
		Person: alice, Gate: decision.StartGate, Command: decision.Start, Hash: w.plan.Document, Change: decision.ChangeEmergency, Reason: "the shop is down",
	}, 0)
	require.Contains(t, wrong(w.tell(t)), "decisions", "the key is not the person's")
}
