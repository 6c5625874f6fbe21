package run

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/notify"
	"fermata/decision"
	"fermata/wire"
)

// rules sets the policy file that is in force from now on.
func (h *house) rules(t *testing.T, spec string) {
	t.Helper()
	r, err := decision.ParseRules("policy.yaml", []byte("apiVersion: fermata/v1\nkind: Policy\nmetadata: {name: test}\nspec:\n"+
		"  groups:\n    people: {members: ["+alice+", "+bob+", "+carol+"], notify: [{system: mail, to: people@example}]}\n"+
		"    alice: {members: ["+alice+"]}\n    bob: {members: ["+bob+"]}\n    carol: {members: ["+carol+"], notify: [{system: hooks}]}\n"+spec))
	require.NoError(t, err)
	h.policy.Rules = r
}

const oneRule = "  rules:\n    - {name: all, may: {start: [people], approve: [people], operate: [people]}}\n"

// ruled prepares a run of two steps under a policy file. told is filled with the notices that it sends.
func ruled(t *testing.T, rules string) (x *execution, told *[]notify.SendInput) {
	t.Helper()
	h := build(t)
	h.rules(t, rules)
	x, told = h.execution(unlimited, []string{"one", "two"}), &[]notify.SendInput{}
	x.RegisterWorkflowWithOptions(func(_ workflow.Context, n notify.SendInput) error {
		*told = append(*told, n)
		return nil
	}, workflow.RegisterOptions{Name: wire.SendNotice})
	x.guarded(func(a wire.GuardAsk) *wire.GuardAnswer {
		return &wire.GuardAnswer{Permit: map[string]int{wire.AskAct: 7}[a.What]}
	})
	return x, told
}

// guarded lets a guard answer what the run asks; nil: it hears and does not answer.
func (x *execution) guarded(answer func(wire.GuardAsk) *wire.GuardAnswer) {
	x.OnSignalExternalWorkflow(mock.Anything, wire.GuardWorkflowID(), "", wire.SignalAsk, mock.Anything).
		Return(func(_, _, _, _ string, arg any) error {
			a := arg.(wire.GuardAsk)
			x.asked = append(x.asked, a)
			if said := answer(a); said != nil && a.What != wire.AskEnd {
				x.SignalWorkflow(wire.SignalAnswer, *said)
			}
			return nil
		})
}

// begin executes a run that alice asks for.
func (x *execution) begin(t *testing.T, change func(*decision.Envelope)) wire.StartOutput {
	t.Helper()
	hash, err := decision.Hash(json.RawMessage(document))
	require.NoError(t, err)
	e := decision.Envelope{Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash}
	if change != nil {
		change(&e)
	}
	x.ExecuteWorkflow(cmp.Or(x.kind, plain), wire.StartInput{Run: runULID, Document: json.RawMessage(document), Start: x.sign(t, alice, alice, e)})
	require.True(t, x.IsWorkflowCompleted())
	require.NoError(t, x.GetWorkflowError())
	var out wire.StartOutput
	require.NoError(t, x.GetWorkflowResult(&out))
	return out
}

func emergency(e *decision.Envelope) {
	e.Change, e.Reason = decision.ChangeEmergency, "the site is down"
}

func TestAQuorumOfTwo(t *testing.T) {
	t.Parallel()
	x, told := ruled(t, "  rules:\n    - {name: all, may: {start: [alice], approve: [people]}, approval: {quorum: 2}}\n")
	x.say(t, time.Minute, alice, decision.Approve, "") // Four eyes.
	x.say(t, 2*time.Minute, bob, decision.Approve, "")
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, wire.Waiting, p.Phase)
		gate, open := p.Gate(decision.Approve, "")
		require.True(t, open)
		require.Equal(t, []string{bob}, gate.Approvers)
		require.Equal(t, "2 people of people must approve the plan, other than "+alice+"; so far "+bob, gate.Why)
	}, 3*time.Minute)
	x.say(t, 4*time.Minute, bob, decision.Approve, "")
	x.say(t, 5*time.Minute, carol, decision.Approve, "")
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Equal(t, []string{"four_eyes", "accepted", "accepted", "accepted"}, codesOf(x.verdicts))
	require.Len(t, *told, 1, "nobody is told of an end whom no rule lets steer the run")
	require.Equal(t, "people@example", (*told)[0].To)
	var kept struct {
		Policy wire.Governed `json:"policy"`
	}
	require.NoError(t, json.Unmarshal(x.house.records[0].Decisions, &kept))
	require.NotZero(t, kept.Policy.Permitted)
	kept.Policy.Permitted = time.Time{}
	require.Equal(t, wire.Governed{Policy: x.house.policy.Rules.Hash(), Rule: "all", Change: "normal", Approved: bob + ", " + carol, Permit: 7}, kept.Policy)
}

func codesOf(results []wire.DecideResult) []string {
	codes := make([]string, len(results))
	for i, v := range results {
		codes[i] = v.Code
	}
	return codes
}

func TestWhoMayNotStartDoesNothing(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{
		"another group": "  rules:\n    - {name: all, may: {start: [bob]}}\n",
		"no rule":       "  rules:\n    - {name: other, match: {environments: [production]}, may: {start: [people]}}\n",
		"no emergency":  "  rules:\n    - {name: all, may: {start: [people]}, emergency: {by: [bob], review: [carol], within: 1h}}\n",
	} {
		x, _ := ruled(t, rules)
		change := map[string]func(*decision.Envelope){"no emergency": emergency}[name]
		require.Equal(t, wire.Refused, x.begin(t, change).Outcome, name)
		require.Equal(t, []string{"record"}, x.house.calls, name)
	}
}

func TestAStandardChangeWaitsForNobody(t *testing.T) {
	t.Parallel()
	x, told := ruled(t, "  rules:\n    - {name: routine, change: standard, may: {start: [people], operate: [carol]}}\n")
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Equal(t, []string{"do one", "do two", "record"}, x.house.calls)
	require.Contains(t, string(x.house.records[0].Decisions), `a standard change: approved beforehand by rule \"routine\" of policy `+x.house.policy.Rules.Hash())
	require.Len(t, *told, 1)
	require.Equal(t, notify.Ended, (*told)[0].Notice.Event)
	require.Equal(t, string(wire.Done), (*told)[0].Notice.Outcome)
}

const urgent = "  rules:\n    - {name: all, may: {start: [bob], approve: [bob], operate: [people]}, emergency: {by: [alice], review: [people], within: 8h}}\n"

func TestAnEmergencyActsFirstAndIsReviewed(t *testing.T) {
	t.Parallel()
	x, _ := ruled(t, urgent)
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, wire.Waiting, p.Phase)
		require.Equal(t, []string{"one", "two"}, x.house.done, "it has acted")
		require.Equal(t, "an emergency change, not reviewed yet", p.Policy.Review)
	}, time.Minute)
	x.say(t, 2*time.Minute, alice, decision.Approve, "") // Not her own.
	x.say(t, 3*time.Minute, carol, decision.Approve, "")
	out := x.begin(t, emergency)
	require.Equal(t, wire.Done, out.Outcome)
	require.Equal(t, "an emergency change, reviewed and accepted by "+carol, out.Reason)
	require.Equal(t, []string{"four_eyes", "accepted"}, codesOf(x.verdicts))
}

// Nobody waits for a second person at a review, whatever approvals need.
func TestOnePersonReviewsAnEmergency(t *testing.T) {
	t.Parallel()
	x, told := ruled(t, "  rules:\n    - {name: all, may: {start: [bob]}, approval: {quorum: 2, deadline: 30m, escalate: {after: 10m, to: [bob]}}, "+
		"emergency: {by: [alice], review: [carol], within: 8h}}\n")
	x.say(t, time.Hour, bob, decision.Approve, "")
	x.say(t, 2*time.Hour, carol, decision.Approve, "")
	out := x.begin(t, emergency)
	require.Equal(t, "an emergency change, reviewed and accepted by "+carol, out.Reason)
	require.Equal(t, []string{decision.CodeNotAllowed, "accepted"}, codesOf(x.verdicts))
	require.Equal(t, []notify.Event{notify.Waiting}, events(*told), "nothing is escalated")
}

func TestAnEmergencyThatNobodyReviewsSaysSo(t *testing.T) {
	t.Parallel()
	x, _ := ruled(t, urgent)
	out := x.begin(t, emergency)
	require.Equal(t, wire.Done, out.Outcome)
	require.Contains(t, out.Reason, "an emergency change that nobody reviewed by ")
	require.Equal(t, 8*time.Hour, x.house.records[0].Ended.Sub(x.house.records[0].Started).Round(time.Hour))
}

func TestAReviewThatIsNotAcceptedCanUndo(t *testing.T) {
	t.Parallel()
	x, _ := ruled(t, urgent)
	x.say(t, time.Minute, bob, decision.Undo, "")
	require.Equal(t, wire.Undone, x.begin(t, emergency).Outcome)
	require.Empty(t, x.house.done)
}

func TestEscalation(t *testing.T) {
	t.Parallel()
	x, told := ruled(t, "  rules:\n    - {name: all, may: {start: [alice], approve: [bob]}, approval: {deadline: 50m, escalate: {after: 20m, to: [carol]}}}\n")
	x.say(t, 10*time.Minute, carol, decision.Approve, "")
	x.RegisterDelayedCallback(func() {
		gate, _ := x.progress(t).Gate(decision.Approve, "")
		require.Equal(t, []string{"bob", "carol"}, gate.Groups)
	}, 25*time.Minute)
	x.say(t, 30*time.Minute, carol, decision.Approve, "")
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Equal(t, []string{decision.CodeNotAllowed, "accepted"}, codesOf(x.verdicts))
	require.Equal(t, []notify.Event{notify.Escalated}, events(*told))
	require.Equal(t, "hooks", (*told)[0].System)
}

func events(told []notify.SendInput) []notify.Event {
	out := make([]notify.Event, len(told))
	for i, n := range told {
		out[i] = n.Notice.Event
	}
	return out
}

func TestNobodyDecidesInTimeIsNoApproval(t *testing.T) {
	t.Parallel()
	x, _ := ruled(t, "  rules:\n    - {name: all, may: {start: [alice], approve: [bob]}, approval: {deadline: 30m, escalate: {after: 10m, to: [carol]}}}\n")
	out := x.begin(t, nil)
	require.Equal(t, wire.Lapsed, out.Outcome)
	require.Empty(t, x.house.done)
	require.Equal(t, 30*time.Minute, x.house.records[0].Ended.Sub(x.house.records[0].Started).Round(time.Minute), "sooner than the process says")
}

// A policy that changes while a run waits makes it stricter, and never laxer.
func TestTheStricterPolicyHolds(t *testing.T) {
	t.Parallel()
	two := "  rules:\n    - {name: all, may: {start: [people], approve: [people], operate: [people]}, approval: {quorum: 2}}\n"
	for name, c := range map[string]struct {
		before, after string
		codes         []string // Of bob, carol, bob, carol.
		outcome       wire.Outcome
	}{
		"a quorum that grew":          {oneRule, two, []string{"accepted", "accepted"}, wire.Done},
		"a quorum that shrank":        {two, oneRule, []string{"accepted", "accepted"}, wire.Done},
		"a group that was taken away": {oneRule, "  rules:\n    - {name: all, may: {start: [people], approve: [carol]}}\n", []string{"not_allowed", "accepted"}, wire.Done},
		"a group that was added":      {"  rules:\n    - {name: all, may: {start: [people], approve: [carol]}}\n", oneRule, []string{"not_allowed", "accepted"}, wire.Done},
		"nobody may any more":         {oneRule, "  rules:\n    - {name: all, may: {start: [people]}}\n", []string{"not_allowed", "not_allowed"}, wire.Lapsed},
		"standard now":                {oneRule, "  rules:\n    - {name: all, change: standard, may: {start: [people], approve: [bob]}}\n", []string{"accepted"}, wire.Done},
		"a deadline that came nearer": {oneRule, "  rules:\n    - {name: all, may: {start: [people], approve: [people]}, approval: {quorum: 3, deadline: 90m}}\n", []string{"accepted", "accepted"}, wire.Lapsed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, _ := ruled(t, c.before)
			x.RegisterDelayedCallback(func() { x.house.rules(t, c.after) }, time.Minute)
			for i, who := range []string{bob, carol}[:len(c.codes)] {
				x.say(t, time.Duration(i+2)*time.Minute, who, decision.Approve, "")
			}
			require.Equal(t, c.outcome, x.begin(t, nil).Outcome)
			require.Equal(t, c.codes, codesOf(x.verdicts))
			if c.outcome == wire.Done {
				require.Contains(t, string(x.house.records[0].Decisions), "the policy changed while this waited")
			}
		})
	}
}

// An approval that counted stops counting when the policy takes it away before the others are there.
func TestAnApprovalIsTakenAwayWithTheGroup(t *testing.T) {
	t.Parallel()
	x, _ := ruled(t, "  rules:\n    - {name: all, may: {start: [people], approve: [people]}, approval: {quorum: 2}}\n")
	x.say(t, time.Minute, bob, decision.Approve, "")
	x.RegisterDelayedCallback(func() {
		x.house.rules(t, "  rules:\n    - {name: all, may: {start: [people], approve: [carol]}, approval: {quorum: 2}}\n")
	}, 2*time.Minute)
	x.say(t, 3*time.Minute, carol, decision.Approve, "")
	x.RegisterDelayedCallback(func() {
		gate, _ := x.progress(t).Gate(decision.Approve, "")
		require.Equal(t, []string{carol}, gate.Approvers)
		require.Contains(t, gate.Notes[1], "the approval of "+bob+" does not count any more")
	}, 4*time.Minute)
	require.Equal(t, wire.Lapsed, x.begin(t, nil).Outcome)
}

func TestHeldAndEndedAreTold(t *testing.T) {
	t.Parallel()
	x, told := ruled(t, oneRule)
	x.house.failing["do two"] = "Conflict"
	x.say(t, time.Minute, bob, decision.Approve, "")
	x.RegisterDelayedCallback(func() { delete(x.house.failing, "do two") }, 2*time.Minute)
	x.say(t, 3*time.Minute, alice, decision.Retry, "two")
	require.Equal(t, wire.Done, x.begin(t, nil).Outcome)
	require.Equal(t, []notify.Event{notify.Waiting, notify.Held, notify.Ended}, events(*told))
	require.Contains(t, strings.Join((*told)[1].Notice.Text, "\n"), "do two fails on purpose")
	ids := map[string]bool{}
	for _, n := range *told {
		ids[n.Notice.ID] = true
		require.Equal(t, "people", n.Notice.Group)
	}
	require.Len(t, ids, 3)
	require.Contains(t, string(x.house.records[0].Decisions), `"sent"`)
}

// The time of an escalation and of the deadline counts from the opening of the gate, in whichever execution the run is.
func TestAnEscalationIsCarriedAlong(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.rules(t, "  rules:\n    - {name: all, may: {start: [alice], approve: [bob]}, approval: {deadline: 50m, escalate: {after: 20m, to: [carol]}}}\n")
	var told []notify.SendInput
	var all []*execution
	start := time.Now()
	out, executions := h.carry(t, Limits{Events: 100_000, Updates: 2, Signals: 100}, []string{"one"}, func(n int, x *execution) {
		x.RegisterWorkflowWithOptions(func(_ workflow.Context, in notify.SendInput) error {
			told = append(told, in)
			return nil
		}, workflow.RegisterOptions{Name: wire.SendNotice})
		x.guarded(func(wire.GuardAsk) *wire.GuardAnswer { return &wire.GuardAnswer{Permit: 1} })
		x.SetStartTime(start.Add(time.Duration(n-1) * 11 * time.Minute))
		for _, after := range []time.Duration{10 * time.Minute, 10*time.Minute + time.Second} { // An execution takes two updates.
			x.say(t, after, carol, decision.Approve, "")
		}
		all = append(all, x)
	})
	var verdicts []wire.DecideResult
	for _, x := range all {
		verdicts = append(verdicts, x.verdicts...)
	}
	require.Equal(t, wire.Done, out.Outcome)
	require.Equal(t, 2, executions)
	require.Equal(t, []notify.Event{notify.Escalated}, events(told), "once")
	require.Equal(t, []string{decision.CodeNotAllowed, decision.CodeNotAllowed, "accepted"}, codesOf(verdicts)[:3])
}
