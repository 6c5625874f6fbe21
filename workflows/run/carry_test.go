package run

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/record"
	"fermata/decision"
	"fermata/wire"
)

// unlimited is more than any test sends.
var unlimited = DefaultLimits()

// evidence is what a record says of decisions.
type evidence struct {
	Decisions []wire.Judged `json:"decisions"`
	Refused   int           `json:"refused"`
}

func (h *house) evidence(t *testing.T) evidence {
	t.Helper()
	var e evidence
	require.NoError(t, json.Unmarshal(h.records[0].Decisions, &e))
	return e
}

func (e evidence) refusals() int {
	n := 0
	for _, d := range e.Decisions {
		if !d.Verdict.Accepted {
			n++
		}
	}
	return n
}

func TestThousandsOfForgedDecisionsDoNotStopTheGoodOne(t *testing.T) {
	t.Parallel()
	const flood = 3000
	h := build(t)
	var good wire.Decide
	var nonce string
	refused := 0
	out, executions := h.carry(t, unlimited, []string{"one"}, func(n int, x *execution) {
		x.RegisterDelayedCallback(func() {
			gate, open := x.progress(t).Gate(decision.Approve, "")
			require.True(t, open)
			if n == 1 {
				nonce, good = gate.Nonce, x.decision(t, bob, bob, decision.Approve, "")
			}
			require.Equal(t, nonce, gate.Nonce, "the gate is the same one")
			require.Equal(t, max(refused-keptRefusals, 0), x.progress(t).Refused)
		}, time.Minute)
		for portion := range 12 { // The environment takes less than 1,000 at once.
			x.RegisterDelayedCallback(func() {
				forged := x.decision(t, alice, bob, decision.Approve, "")
				for range min(100, flood-refused) {
					refused++
					x.update(t, forged, func(err error) {
						require.ErrorContains(t, err, "send the decision again")
						refused--
					})
				}
			}, time.Minute+time.Duration(portion+1)*time.Second)
		}
		x.RegisterDelayedCallback(func() {
			require.Equal(t, flood, refused)
			x.update(t, good, nil) // Signed before the run continued as new.
		}, 2*time.Minute)
	})
	require.Equal(t, wire.Done, out.Outcome)
	require.Greater(t, executions, 1)
	require.Equal(t, []string{"one"}, h.done)
	e := h.evidence(t)
	require.Equal(t, flood, e.Refused)
	require.Equal(t, keptRefusals, e.refusals(), "the first are kept whole, the others counted")
}

func TestAFloodOfSignalsIsCarriedAlong(t *testing.T) {
	t.Parallel()
	const flood = 40
	h := build(t)
	out, executions := h.carry(t, Limits{Events: 100_000, Updates: 100, Signals: 7}, []string{"one"}, func(n int, x *execution) {
		if n > 1 {
			return
		}
		x.RegisterDelayedCallback(func() {
			forged, good := x.decision(t, alice, bob, decision.Approve, ""), x.decision(t, bob, bob, decision.Approve, "")
			for range flood {
				x.SignalWorkflow(wire.SignalDecide, forged)
			}
			x.SignalWorkflow(wire.SignalDecide, good)
		}, time.Minute)
	})
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, 2, executions)
	require.Equal(t, flood, h.evidence(t).Refused)
}

// An update fills the execution while a signal is still being judged: the signal must not be lost.
func TestADecisionThatIsBeingJudgedIsNotLost(t *testing.T) {
	t.Parallel()
	h := build(t)
	out, executions := h.carry(t, Limits{Events: 100_000, Updates: 1, Signals: 100}, []string{"one"}, func(n int, x *execution) {
		if n > 1 {
			return
		}
		x.RegisterDelayedCallback(func() {
			forged, good := x.decision(t, alice, bob, decision.Approve, ""), x.decision(t, bob, bob, decision.Approve, "")
			x.update(t, forged, nil)
			x.SignalWorkflow(wire.SignalDecide, good)
		}, time.Minute)
	})
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, 1, h.evidence(t).Refused)
	require.LessOrEqual(t, executions, 2)
}

func TestADecisionThatCountedIsKnownAfterTheRunContinuedAsNew(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.failing["do two"] = fault.Invalid
	var approval wire.Decide
	var repeated []wire.DecideResult
	out, executions := h.carry(t, Limits{Events: 100_000, Updates: 2, Signals: 100}, []string{"one", "two"}, func(n int, x *execution) {
		switch n {
		case 1:
			x.RegisterDelayedCallback(func() {
				approval = x.decision(t, bob, bob, decision.Approve, "")
				x.update(t, approval, nil)
			}, time.Minute)
			x.RegisterDelayedCallback(func() { x.update(t, approval, nil) }, 5*time.Minute)
		case 2:
			x.RegisterDelayedCallback(func() {
				require.Equal(t, wire.Held, x.progress(t).Phase)
				delete(h.failing, "do two")
				x.update(t, x.decision(t, alice, alice, decision.Retry, "two"), nil)
			}, time.Minute)
		}
		x.RegisterDelayedCallback(func() { repeated = append(repeated, x.verdicts...) }, 6*time.Minute)
	})
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, 2, executions)
	require.Equal(t, []string{"one", "two"}, h.done, "the first step was not done again")
	require.Equal(t, []string{"do one", "do two", "do two", "record"}, h.calls)
	require.Len(t, h.evidence(t).Decisions, 3, "the start, the approval once, the retry")
}

// The decision that fills the execution is the one to stop: all that was done is undone in the next one.
func TestACancelThatFillsTheExecutionUndoesAll(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.failing["do two"] = fault.Invalid
	out, executions := h.carry(t, Limits{Events: 100_000, Updates: 2, Signals: 100}, []string{"one", "two"}, func(n int, x *execution) {
		if n > 1 {
			return
		}
		x.RegisterDelayedCallback(func() { x.update(t, x.decision(t, bob, bob, decision.Approve, ""), nil) }, time.Minute)
		x.RegisterDelayedCallback(func() {
			require.Equal(t, []string{"one"}, h.done)
			x.update(t, x.decision(t, bob, bob, decision.Cancel, ""), nil)
		}, 5*time.Minute)
	})
	require.Equal(t, wire.Cancelled, out.Outcome)
	require.Equal(t, 2, executions)
	require.Empty(t, h.done)
	require.Equal(t, []string{"do one", "do two", "undo two", "undo one", "record"}, h.calls)
}

// A step fails in an execution that is full already: its gate must be there in the next one.
func TestAStepThatFailsInAFullExecutionCanBeAnswered(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.failing["do one"] = fault.Unavailable // Tried for a minute.
	out, _ := h.carry(t, Limits{Events: 100_000, Updates: 2, Signals: 100}, []string{"one"}, func(n int, x *execution) {
		if n > 1 {
			x.RegisterDelayedCallback(func() {
				delete(h.failing, "do one")
				x.update(t, x.decision(t, alice, alice, decision.Retry, "one"), nil)
			}, time.Minute)
			return
		}
		x.RegisterDelayedCallback(func() { x.update(t, x.decision(t, bob, bob, decision.Approve, ""), nil) }, time.Minute)
		x.RegisterDelayedCallback(func() { x.update(t, x.decision(t, alice, bob, decision.Cancel, ""), nil) }, 90*time.Second)
	})
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, []string{"one"}, h.done)
}

// A run that only lacks its record cannot continue as new, so it takes decisions beyond its limits.
func TestTheRecordCanBeRetriedInAFullExecution(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"update", "signal"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			h.failing["record"] = fault.Unauthorized
			out, _ := h.carry(t, Limits{Events: 100_000, Updates: 2, Signals: 1}, []string{"one"}, func(_ int, x *execution) {
				x.RegisterDelayedCallback(func() { x.update(t, x.decision(t, bob, bob, decision.Approve, ""), nil) }, time.Minute)
				x.RegisterDelayedCallback(func() {
					forged := x.decision(t, alice, bob, decision.Retry, "record")
					x.SignalWorkflow(wire.SignalDecide, forged)
					x.update(t, forged, nil)
				}, 5*time.Minute)
				x.RegisterDelayedCallback(func() {
					delete(h.failing, "record")
					good := x.decision(t, alice, alice, decision.Retry, "record")
					if how == "signal" {
						x.SignalWorkflow(wire.SignalDecide, good)
						return
					}
					x.update(t, good, nil)
				}, 6*time.Minute)
			})
			require.Equal(t, wire.Done, out.Outcome)
		})
	}
}

// A run that Temporal was restored into ends a second time: its record is there. Only then may it end without another.
func TestOnlyARunThatHasItsRecordEndsWithoutAnother(t *testing.T) {
	t.Parallel()
	for kind, open := range map[fault.Kind]bool{fault.Conflict: true, fault.Unauthorized: false} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := build(t)
			h.failing["record"] = kind
			if open {
				h.records = append(h.records, record.Record{Run: runULID, Outcome: string(wire.Done)})
			}
			out, _ := h.carry(t, unlimited, []string{"one"}, func(_ int, x *execution) {
				x.say(t, time.Minute, bob, decision.Approve, "")
				x.RegisterDelayedCallback(func() {
					_, skippable := x.progress(t).Gate(decision.Skip, "record")
					require.Equal(t, open, skippable)
					if !open {
						delete(h.failing, "record")
					}
				}, 5*time.Minute)
				command := decision.Retry
				if open {
					command = decision.Skip
				}
				x.say(t, 6*time.Minute, alice, command, "record")
			})
			require.Equal(t, wire.Done, out.Outcome)
			require.Equal(t, open, out.Record == "")
		})
	}
}

// Who has the envelope of what counted has not its signature: a copy is known, a forgery of it is refused and recorded.
func TestAForgedCopyOfWhatCountedIsRefused(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.failing["do one"] = fault.Invalid
	var answers []wire.DecideResult
	h.carry(t, unlimited, []string{"one"}, func(_ int, x *execution) {
		var good wire.Decide
		x.RegisterDelayedCallback(func() {
			good = x.decision(t, bob, bob, decision.Approve, "")
			x.update(t, good, nil)
		}, time.Minute)
		x.RegisterDelayedCallback(func() {
			forged := wire.Decide{Signed: decision.Signed{Envelope: good.Signed.Envelope, Signature: "forged"}}
			x.update(t, forged, nil)
			x.update(t, good, nil)
		}, 5*time.Minute)
		x.RegisterDelayedCallback(func() {
			answers = x.verdicts
			delete(h.failing, "do one")
			x.update(t, x.decision(t, alice, alice, decision.Retry, "one"), nil)
		}, 6*time.Minute)
	})
	require.Equal(t, []string{decision.CodeAccepted, decision.CodeRepeated, ""}, codesOf(answers))
	require.Equal(t, wire.DecideResult{Accepted: true, Reason: wire.CountedAlready}, answers[2])
	require.Equal(t, 1, h.evidence(t).Refused)
}
