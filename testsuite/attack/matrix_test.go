package attack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"

	"fermata/client"
	"fermata/decision"
	"fermata/wire"
)

// cell is what came of one case on one path.
type cell struct{ path, name, verdict, text string }

// attacked is what a path's attacks led to: the verdicts that the record must show, in their order.
type attacked struct {
	cells    []cell
	expected []string
}

// TestDecisionsUnderAttack sends every decision that must not count, on every path.
func TestDecisionsUnderAttack(t *testing.T) {
	t.Parallel()
	s := begin(t)
	results := map[string]*attacked{viaCLI: {}, viaUpdate: {}, viaSignal: {}}
	t.Run("paths", func(t *testing.T) {
		for i, path := range []string{viaCLI, viaUpdate, viaSignal} {
			t.Run(path, func(t *testing.T) {
				t.Parallel()
				s.matrix(t, path, fmt.Sprintf("web-2%d", i+1), fmt.Sprintf("10.20.0.12%d", i+1), results[path])
			})
		}
		for name, test := range map[string]func(*testing.T, *siege){
			"a policy made stricter": stricter,
			"an emergency's review":  reviewed,
			"starts":                 starts,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, s)
			})
		}
	})
	t.Run("3,000 forged decisions", func(t *testing.T) { flood(t, s) })
	t.Run("the guard", func(t *testing.T) { guard(t, s) })
	t.Log("\n" + table(results))
}

// matrix attacks a run on one path with all cases, then lets good decisions carry it to its end.
func (s *siege) matrix(t *testing.T, path, name, address string, out *attacked) {
	t.Helper()
	before := s.ask(t, name, address)
	earlier := before.forge(t, decision.Approve).signed(bob)
	s.Decide(t, client.Decision{WorkflowID: before.WorkflowID, Command: decision.Cancel}, s.Requester)
	before.gone(t)

	x := s.ask(t, name, address)
	held := x.facts(t)
	out.expected = []string{decision.CodeAccepted} // The start.
	for _, a := range attacks() {
		f := x.forge(t, decision.Approve)
		f.earlier = earlier
		c := cell{path: path, name: a.name}
		switch path {
		case viaCLI:
			c.verdict, c.text = x.typing(t, a, before.Run)
		case viaUpdate:
			c.verdict, c.text = x.updating(t, a, f)
		case viaSignal:
			c.verdict, c.text = x.signalling(t, a, f)
		}
		x.untouched(t, nil)
		require.Equal(t, held, x.facts(t), a.name)
		out.cells = append(out.cells, c)
		if c.verdict != "" {
			out.expected = append(out.expected, c.verdict)
		}
	}
	x.nonsense(t)
	x.quorum(t, path, out)
	done := s.Done(t, x.Started)
	require.Equal(t, len(out.expected), looked(done))
	x.evidence(t, out.expected)
}

// typing is a case at the command line. The verdict is the one that the run recorded; empty: nothing was sent.
func (x *target) typing(t *testing.T, a attack, other string) (verdict, text string) {
	t.Helper()
	if a.cli == nil {
		require.NotEmpty(t, a.why, "%s: the command line cannot be brought to it, and nobody says why", a.name)
		return "", "cannot be typed: " + a.why
	}
	n, events := looked(x.progress(t)), x.events(t)
	got := x.typed(t, x.command(a.cli, other)...)
	require.Equal(t, a.cli.exit, got.code, "%s: %s%s", a.name, got.out, got.err)
	require.Contains(t, got.err, a.cli.says, a.name)
	if a.cli.code == "" {
		require.Equal(t, n, looked(x.progress(t)), a.name)
		require.Equal(t, events, x.events(t), a.name)
		return "", fmt.Sprintf("exit %d, nothing sent: %s", got.code, a.cli.says)
	}
	x.kept(t, a, x.recorded(t, n+1), viaUpdate)
	return a.cli.code, fmt.Sprintf("exit %d", got.code)
}

// updating is a case by update: the caller is told, and the run recorded it.
func (x *target) updating(t *testing.T, a attack, f *forger) (verdict, text string) {
	t.Helper()
	n, events := looked(x.progress(t)), x.events(t)
	result, err := x.update(t, a.make(f))
	if a.code == decision.CodeMalformed {
		require.ErrorContains(t, err, "reading the envelope", a.name)
		require.Equal(t, n, looked(x.progress(t)), a.name)
		require.Equal(t, events, x.events(t), "%s: what is no decision leaves no trace", a.name)
		return "", "refused by the validator: " + decision.CodeMalformed
	}
	require.NoError(t, err, a.name)
	require.False(t, result.Accepted, a.name)
	require.Equal(t, a.code, result.Code, "%s: %s", a.name, result.Reason)
	require.NotEmpty(t, result.Reason)
	x.kept(t, a, x.recorded(t, n+1), viaUpdate)
	return result.Code, ""
}

// signalling is a case by signal, to which nobody waits for an answer: it is recorded.
func (x *target) signalling(t *testing.T, a attack, f *forger) (verdict, text string) {
	t.Helper()
	n := looked(x.progress(t))
	require.NoError(t, x.signal(t, a.make(f)))
	x.kept(t, a, x.recorded(t, n+1), viaSignal)
	return a.code, ""
}

// nonsense sends what cannot be read as a decision at all. An update is answered with an error; Temporal's SDK drops the signal.
func (x *target) nonsense(t *testing.T) {
	t.Helper()
	n := looked(x.progress(t))
	handle, err := x.Client.Temporal().UpdateWorkflow(t.Context(), temporal.UpdateWorkflowOptions{
		WorkflowID: x.WorkflowID, UpdateName: wire.UpdateDecide, Args: []any{"approve"}, WaitForStage: temporal.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	require.ErrorContains(t, handle.Get(t.Context(), nil), "unable to decode")
	require.NoError(t, x.Client.Temporal().SignalWorkflow(t.Context(), x.WorkflowID, "", wire.SignalDecide, "approve"))
	require.Equal(t, n, looked(x.untouched(t, nil)))
}

// kept requires that the latest decision of a run is the refused one.
func (x *target) kept(t *testing.T, a attack, p wire.Progress, via string) {
	t.Helper()
	last := p.Decisions[len(p.Decisions)-1]
	require.Equal(t, a.code, last.Verdict.ReasonCode, "%s: %s", a.name, last.Verdict.Reason)
	require.False(t, last.Verdict.Accepted, a.name)
	require.NotEmpty(t, last.Verdict.Reason, a.name)
	require.Equal(t, via, last.Via, a.name)
	if a.heavy {
		require.Empty(t, last.Signed, a.name)
	}
}

// quorum lets two people approve, and copies and repeats of the first not count for a second.
func (x *target) quorum(t *testing.T, path string, out *attacked) {
	t.Helper()
	f := x.forge(t, decision.Approve)
	good := f.signed(bob)
	x.poison(t, path, f, good, out)
	result, err := x.Client.Send(t.Context(), x.WorkflowID, good)
	require.NoError(t, err)
	require.True(t, result.Accepted, result.Reason)
	out.cells = append(out.cells, cell{path, "one of two", decision.CodeAccepted, "waits for the second person"})
	out.expected = append(out.expected, decision.CodeAccepted)
	n := looked(x.untouched(t, []string{bob}))

	// A copy is known: it is told so, and counts and is recorded no second time.
	result, err = x.update(t, good)
	require.NoError(t, err)
	require.Equal(t, wire.DecideResult{Accepted: true, Reason: "this decision has counted already"}, result)
	require.NoError(t, x.signal(t, good))
	x.copied(t, f, good, out)
	n++
	x.again(t, out)
	require.Equal(t, n+1, looked(x.untouched(t, []string{bob})), "the copies were not recorded a second time")
	out.cells = append(out.cells,
		cell{path, "a copy of what counted", "", "known: no effect, no second entry"},
		cell{path, "the same person once more", decision.CodeAccepted, "still one of two"})
	x.second(t, path, out)
}

// poison sends a forgery of the very decision that the person is about to send. Temporal answers updates of one name alike: the
// good one must not be answered as the forgery was.
func (x *target) poison(t *testing.T, path string, f *forger, good decision.Signed, out *attacked) {
	t.Helper()
	n := looked(x.progress(t))
	result, err := x.Client.Send(t.Context(), x.WorkflowID, f.with(dave, good.Envelope))
	require.NoError(t, err)
	require.Equal(t, decision.CodeSigner, result.Code)
	x.recorded(t, n+1)
	out.cells = append(out.cells, cell{path, "a forgery before the good one", decision.CodeSigner, "the good one counts all the same"})
	out.expected = append(out.expected, decision.CodeSigner)
}

// copied sends the envelope that counted under a signature of somebody else.
func (x *target) copied(t *testing.T, f *forger, good decision.Signed, out *attacked) {
	t.Helper()
	n := looked(x.progress(t))
	result, err := x.update(t, f.with(dave, good.Envelope))
	require.NoError(t, err)
	require.False(t, result.Accepted)
	require.Equal(t, decision.CodeRepeated, result.Code, result.Reason)
	x.recorded(t, n+1)
	out.expected = append(out.expected, decision.CodeRepeated)
}

// again lets the first person sign a second decision.
func (x *target) again(t *testing.T, out *attacked) {
	t.Helper()
	f := x.forge(t, decision.Approve)
	result, err := x.update(t, f.signed(bob, func(e *decision.Envelope) { e.Reason = "once more" }))
	require.NoError(t, err)
	require.True(t, result.Accepted)
	out.expected = append(out.expected, decision.CodeAccepted)
}

// second lets another person approve, on the path that was attacked.
func (x *target) second(t *testing.T, path string, out *attacked) {
	t.Helper()
	f := x.forge(t, decision.Approve)
	switch path {
	case viaCLI:
		got := x.typed(t, "approve", "--yes", x.name, "--key", x.cast.file(erin))
		require.Zero(t, got.code, got.err)
	case viaUpdate:
		result, err := x.update(t, f.signed(erin))
		require.NoError(t, err)
		require.True(t, result.Accepted, result.Reason)
	case viaSignal:
		require.NoError(t, x.signal(t, f.signed(erin)))
	}
	out.cells = append(out.cells, cell{path, "a good pair", decision.CodeAccepted, "the run ends well"})
	out.expected = append(out.expected, decision.CodeAccepted)
}

// table is the matrix, for people.
func table(results map[string]*attacked) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s %-16s %-24s %-14s %s\n", "case", "update", "signal", "command line", "")
	for i, u := range results[viaUpdate].cells {
		if i >= len(results[viaSignal].cells) || i >= len(results[viaCLI].cells) {
			break
		}
		g, c := results[viaSignal].cells[i], results[viaCLI].cells[i]
		fmt.Fprintf(&b, "%-34s %-16s %-24s %-14s %s\n", u.name, shown(u), shown(g), shown(c), c.text)
	}
	return b.String()
}

func shown(c cell) string {
	switch {
	case c.verdict != "":
		return c.verdict
	case strings.Contains(c.text, "validator"):
		return "(malformed)"
	}
	return "-"
}
