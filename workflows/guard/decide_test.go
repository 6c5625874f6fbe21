package guard

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/decision"
	"fermata/wire"
)

// A flood of heavy forgeries must neither outgrow what the guard can carry nor push out who stopped everything.
func TestAFloodLeavesTheGuardSmallAndKeepsWhatCounted(t *testing.T) {
	t.Parallel()
	g := &guard{}
	counted := wire.Judged{Verdict: decision.Verdict{Accepted: true, ID: "counted"}}
	g.keep(counted)
	for range 3 * keptDecisions {
		g.keep(wire.Judged{
			Signed:  decision.Signed{Envelope: []byte("{}"), Signature: strings.Repeat("x", 1<<20)},
			Verdict: decision.Verdict{Reason: strings.Repeat("é", 1<<20)},
		})
	}
	require.Len(t, g.state.Decisions, keptDecisions)
	require.Equal(t, counted, g.state.Decisions[0])
	require.Equal(t, 3*keptDecisions, g.state.Refused)
	for _, d := range g.state.Decisions[1:] {
		require.Empty(t, d.Signed)
		require.LessOrEqual(t, len(d.Verdict.Reason), wire.KeptReason+len("…"))
	}
	for range 2 * keptDecisions {
		g.keep(wire.Judged{Verdict: decision.Verdict{Accepted: true}})
	}
	require.Len(t, g.state.Decisions, keptDecisions, "the oldest goes where all counted")
}
