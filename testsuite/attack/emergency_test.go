package attack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/decision"
	"fermata/testsuite/people"
	"fermata/wire"
	"fermata/workflows/approval"
)

// reviewed attacks the review of an emergency change, which acts first.
func reviewed(t *testing.T, s *siege) {
	a := s.application(t, "web-25", "10.20.0.125")
	a.envelope.Change, a.envelope.Reason = decision.ChangeEmergency, "the shop is down"
	x := a.start(t, s.cast.sign(t, asker, a.envelope))
	p := s.Until(t, x.Started, "a review", func(p wire.Progress) bool {
		_, open := p.Gate(decision.Approve, "")
		return open || people.Ended(p)
	})
	require.NotEqual(t, wire.Ended, p.Phase, p.Reason)
	f := x.forge(t, decision.Approve)
	expected := []string{decision.CodeAccepted}
	for _, c := range []struct {
		signed decision.Signed
		code   string
	}{
		{f.signed(asker), approval.CodeFourEyes},
		{f.with(asker, f.canonical(f.envelope(shouter))), approval.CodeFourEyes},
		{f.signed(dave), decision.CodeNotAllowed},
		{f.signed(robot), decision.CodeMachine},
		{f.signed(bob, func(e *decision.Envelope) { e.Gate = "approval" }), decision.CodeGate},
		{f.with(dave, f.canonical(f.envelope(bob))), decision.CodeSigner},
	} {
		result, err := x.update(t, c.signed)
		require.NoError(t, err)
		require.Equal(t, c.code, result.Code, result.Reason)
		require.NoError(t, x.signal(t, c.signed))
		expected = append(expected, c.code, c.code)
		x.recorded(t, len(expected))
	}
	got := x.typed(t, "approve", "--yes", x.name, "--key", x.cast.file(asker), "--as", asker)
	require.Equal(t, 3, got.code)
	require.Contains(t, got.err, "(four_eyes)")
	expected = append(expected, approval.CodeFourEyes)
	p = x.recorded(t, len(expected))
	gate, open := p.Gate(decision.Approve, "")
	require.True(t, open)
	require.Empty(t, gate.Approvers)
	for _, who := range []string{bob, erin} {
		result, err := x.update(t, f.signed(who))
		require.NoError(t, err)
		require.True(t, result.Accepted, result.Reason)
		expected = append(expected, decision.CodeAccepted)
	}
	done := s.Done(t, x.Started)
	require.Contains(t, done.Reason, "reviewed and accepted by "+bob)
	x.evidence(t, expected)
}
