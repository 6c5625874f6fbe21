package attack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"fermata/client"
	"fermata/decision"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/wire"
)

// stricter makes the policy stricter while a run waits: who may no longer decide, and what comes after the deadline, does not
// count.
func stricter(t *testing.T, s *siege) {
	x := s.ask(t, "web-24", "10.20.0.124", func(d *spec.Server) { d.Metadata.Environment = "hasty" })
	held := x.facts(t)
	f := x.forge(t, decision.Approve)

	s.rule(t, "few", "quorum: 2")
	expected := []string{decision.CodeAccepted}
	for _, send := range []func(decision.Signed){
		func(d decision.Signed) {
			result, err := x.update(t, d)
			require.NoError(t, err)
			require.Equal(t, decision.CodeNotAllowed, result.Code, result.Reason)
		},
		func(d decision.Signed) { require.NoError(t, x.signal(t, d)) },
	} {
		send(f.signed(bob))
		expected = append(expected, decision.CodeNotAllowed)
		x.recorded(t, len(expected))
	}
	got := x.typed(t, "approve", "--yes", x.name, "--key", x.cast.file(bob))
	require.Equal(t, 3, got.code)
	require.Contains(t, got.err, "("+decision.CodeNotAllowed+")")
	result, err := x.update(t, f.signed(carol))
	require.NoError(t, err)
	require.True(t, result.Accepted, result.Reason)
	expected = append(expected, decision.CodeNotAllowed, decision.CodeAccepted)
	x.untouched(t, []string{carol}) // One was enough when the gate opened.

	// The deadline of the policy of now has passed.
	s.rule(t, "few", "quorum: 2, deadline: 1s")
	require.Eventually(t, func() bool { return time.Since(f.gate.Opened) > 1500*time.Millisecond }, soon, 10*time.Millisecond)
	result, err = x.update(t, f.signed(erin))
	require.NoError(t, err)
	require.Equal(t, decision.CodeExpired, result.Code, result.Reason)
	expected = append(expected, decision.CodeExpired)
	p := s.Until(t, x.Started, "an end", people.Ended)
	require.Equal(t, wire.Lapsed, p.Outcome, p.Reason)
	x.late(t, f)
	require.Equal(t, held, x.facts(t), "nothing was done")
	x.evidence(t, expected)
	x.copiedStart(t)
}

// copiedStart starts a run once more with the start of one that has ended. It asks for approvals of its own, and cannot end
// without a person, because the run has its record.
func (x *target) copiedStart(t *testing.T) {
	t.Helper()
	x.gone(t)
	a := x.application(t, x.name, x.address, func(d *spec.Server) { d.Metadata.Environment = "hasty" })
	a.envelope.Run = x.Run
	x.rule(t, "approvers", "quorum: 1")
	again := a.start(t, x.startOf(t))
	x.Until(t, again.Started, "waiting again", people.In(wire.Waiting))
	again.untouched(t, nil)
	x.Decide(t, client.Decision{WorkflowID: x.WorkflowID, Command: decision.Cancel}, x.Requester)
	p := x.Until(t, again.Started, "held at its record", people.In(wire.Held))
	_, open := p.Gate(decision.Skip, "record")
	require.True(t, open, "%+v", p.Gates)
	x.Decide(t, client.Decision{WorkflowID: x.WorkflowID, Command: decision.Skip, Step: "record"}, x.Requester)
	again.gone(t)
}

func (x *target) startOf(t *testing.T) decision.Signed {
	t.Helper()
	first := x.progress(t).Decisions[0]
	require.Equal(t, "start", first.Via)
	return first.Signed
}

// late sends a good decision to a run that has ended: Temporal takes it no more, and says so.
func (x *target) late(t *testing.T, f *forger) {
	t.Helper()
	n := looked(x.progress(t))
	var gone *serviceerror.NotFound
	_, err := x.update(t, f.signed(erin))
	require.ErrorAs(t, err, &gone)
	require.ErrorAs(t, x.signal(t, f.signed(erin)), &gone)
	got := x.typed(t, "approve", "--yes", x.name, "--key", x.cast.file(erin))
	require.Equal(t, 6, got.code)
	require.Contains(t, got.err, "waits for no approval: it is lapsed")
	require.Equal(t, n, looked(x.progress(t)))
}
