package starter

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

func TestAHeldStepSaysWhatToType(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	began := now.Add(-90 * time.Second)
	p := wire.Progress{
		Kind: wire.ProvisionServer, Owner: "server/web-01", WorkflowID: "server/web-01", Phase: wire.Held, Started: began,
		Gates: []wire.Gate{{ID: "hold/application", Step: "application", Commands: []decision.Command{decision.Retry, decision.Skip}}},
		Steps: []wire.Step{
			{ID: "deploy", Title: "deploy the machine", State: wire.StepRunning, Started: &began, Attempt: 3, Doing: "cloning: 40 %"},
			{ID: "application", Title: "install the application", State: wire.StepHeld, Started: &began, Ended: &now, Reason: &fault.Reason{Kind: fault.Invalid, Text: "no such\x1b[2J version"}},
		},
	}
	text := strings.Join(screen{}.lines(p, now), "\n")
	require.Contains(t, text, "1m30s")
	require.Contains(t, text, "attempt 3")
	require.Contains(t, text, "cloning: 40 %")
	require.Contains(t, text, "fermata retry server/web-01 application")
	require.Contains(t, text, "fermata skip server/web-01 application")
	require.NotContains(t, text, "\x1b", "what comes from elsewhere steers no terminal")
}

func TestTheLedgerIsShown(t *testing.T) {
	t.Parallel()
	text := strings.Join(screen{}.lines(wire.Progress{Phase: wire.Ended, Outcome: wire.Undone, LeftBehind: []string{"open the firewall: refused"}}, time.Now()), "\n")
	require.Contains(t, text, "left behind")
	require.Contains(t, text, "open the firewall: refused")
}

func TestFlagsMayStandBehindArguments(t *testing.T) {
	t.Parallel()
	app := New()
	for in, want := range map[string]string{
		"fermata approve web-01 --yes --reason x": "fermata approve --yes --reason x -- web-01",
		"fermata show web-01 -o json":             "fermata -o json show -- web-01",
		"fermata --key k retry a b":               "fermata --key k retry -- a b",
		"fermata":                                 "fermata",
	} {
		require.Equal(t, want, strings.Join(Arrange(app, strings.Fields(in)), " "))
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{usage("x"), 2},
		{refused("x"), 3},
		{fault.New(fault.NotFound, "x"), 5},
		{fault.New(fault.Conflict, "x"), 6},
		{fault.New(fault.Unavailable, "x"), 7},
		{fault.New(fault.Unauthorized, "x"), 8},
		{outcome(wire.Progress{Outcome: wire.Undone}), 4},
		{outcome(wire.Progress{Outcome: wire.Denied}), 3},
	} {
		require.Equal(t, x.want, ExitCode(&strings.Builder{}, x.err), "%v", x.err)
	}
}

func TestATableFitsItsTerminal(t *testing.T) {
	t.Parallel()
	head := []string{"TARGET", "STATE", "WAITS FOR", "STARTED", "RUN"}
	rows := [][]string{{"server/web-01", "done", "", "2026-01-02 03:04:05", "01J"}, {"server/db", "held", "", "2026-01-02 03:04:05", "01K"}}
	for width, want := range map[int]string{
		0:  "TARGET         STATE  STARTED              RUN\nserver/web-01  done   2026-01-02 03:04:05  01J\nserver/db      held   2026-01-02 03:04:05  01K\n",
		46: "TARGET         STATE  STARTED              RUN\nserver/web-01  done   2026-01-02 03:04:05  01J\nserver/db      held   2026-01-02 03:04:05  01K\n",
		45: "TARGET         STATE  RUN\nserver/web-01  done   01J\nserver/db      held   01K\n",
		9:  "TARGET         RUN\nserver/web-01  01J\nserver/db      01K\n",
	} {
		var out strings.Builder
		s := screen{out: &out}
		if width > 0 {
			s.size = func() (int, int) { return width, 24 }
		}
		require.NoError(t, s.table(head, rows, "STARTED", "STATE"))
		require.Equal(t, want, out.String(), "%d columns", width)
	}
}

func TestAPlanFitsItsTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 80, 120} {
		var out strings.Builder
		screen{out: &out, colour: true, size: func() (int, int) { return width, 24 }}.plan(previewOf())
		for text := range strings.SplitSeq(out.String(), "\n") {
			require.LessOrEqual(t, visible(text), width, text)
		}
		require.Contains(t, out.String(), "IRREVERSIBLE")
	}
	var out strings.Builder
	screen{out: &out, size: func() (int, int) { return 60, 24 }}.plan(previewOf())
	require.Contains(t, out.String(), "http://10.20.0.11/\n      [nothing to take back]\n", "what undo does with it stands whole")
}
