package starter

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/decision"
	"fermata/wire"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if this is what people should see: go test ./starter -update")
}

var (
	noon   = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	before = func(d time.Duration) *time.Time { t := noon.Add(-d); return &t }
)

func progressOf(phase wire.Phase, steps ...wire.Step) wire.Progress {
	return wire.Progress{
		Run: "01JNFA0000000000000000TEST", Kind: wire.ProvisionServer, Owner: "server/web-01", WorkflowID: "server/web-01",
		Requester: "alice@estate.test", Phase: phase, Started: noon.Add(-3 * time.Minute), Steps: steps,
		Ticket: "https://tickets.estate.test/Ticket/Display.html?id=7",
		Gates:  []wire.Gate{{ID: "run", Commands: []decision.Command{decision.Undo, decision.Cancel}}},
	}
}

func trees() map[string]wire.Progress {
	ticket := wire.Step{ID: "ticket", Title: "open the ticket", State: wire.StepDone, Started: before(3 * time.Minute), Ended: before(178 * time.Second)}
	deadline := noon.Add(71*time.Hour + 30*time.Minute)
	waiting := progressOf(wire.Waiting, ticket, wire.Step{ID: "deploy", Title: "deploy the machine", State: wire.StepWaiting})
	waiting.Gates = append(waiting.Gates, wire.Gate{
		ID: "approval", Commands: []decision.Command{decision.Approve, decision.Reject}, Deadline: &deadline,
		Why: "somebody other than alice@estate.test must approve the plan",
	})

	held := progressOf(wire.Held, ticket,
		wire.Step{
			ID: "volume/data", Title: "mount volume data", State: wire.StepHeld, Started: before(time.Minute), Ended: before(50 * time.Second), Tries: 2,
			Reason: &fault.Reason{Kind: fault.Conflict, Text: "disk data of web-01 holds a file system that this run did not make"},
		},
		wire.Step{ID: "firewall", Title: "open the firewall", State: wire.StepSkipped},
		wire.Step{ID: "application", Title: "install the application", State: wire.StepWaiting})
	held.Gates = append(held.Gates, wire.Gate{ID: "hold/volume/data", Step: "volume/data", Commands: []decision.Command{decision.Retry, decision.Skip}})

	running := progressOf(wire.Running, ticket,
		wire.Step{
			ID: "deploy", Title: "deploy the machine", State: wire.StepRunning, Started: before(95 * time.Second), Attempt: 4, Doing: "cloning: 40 %",
			Reason: &fault.Reason{Kind: fault.Unavailable, Text: "vcenter: connection refused"},
		})
	unserved := progressOf(wire.Running, ticket,
		wire.Step{
			ID: "deploy", Title: "deploy the machine", State: wire.StepRunning, Started: before(95 * time.Second), Attempt: 2,
			Doing: "cloning: 40 %", NoWorker: "compute@berlin", Reason: &fault.Reason{Kind: fault.Unavailable, Text: "the worker fell silent"},
		})

	undone := progressOf(wire.Ended, ticket,
		wire.Step{ID: "deploy", Title: "deploy the machine", State: wire.StepUndone, Started: before(2 * time.Minute), Ended: before(time.Minute)},
		wire.Step{ID: "firewall", Title: "open the firewall", State: wire.StepUndoFailed, Started: before(time.Minute), Ended: before(30 * time.Second), Reason: &fault.Reason{Kind: fault.Conflict, Text: "changed by others"}},
		wire.Step{ID: "application", Title: "install the application", State: wire.StepHeld, Started: before(time.Minute), Ended: before(40 * time.Second), Reason: &fault.Reason{Kind: fault.Invalid, Text: "no such version"}})
	undone.Gates, undone.Ended, undone.Outcome = nil, before(10*time.Second), wire.Undone
	undone.Reason, undone.Refused = "asked for by alice@estate.test: wrong version", 3
	undone.LeftBehind = []string{"open the firewall: changed by others"}
	undone.Record = "sha256:" + strings.Repeat("ab", 32)
	return map[string]wire.Progress{"waiting": waiting, "held": held, "running": running, "no-worker": unserved, "undone": undone}
}

func TestTrees(t *testing.T) {
	t.Parallel()
	for name, p := range trees() {
		golden(t, "tree-"+name, strings.Join(screen{}.lines(p, noon), "\n")+"\n")
	}
}

func TestATreeInColour(t *testing.T) {
	t.Parallel()
	golden(t, "tree-colour", strings.ReplaceAll(strings.Join(screen{colour: true}.lines(trees()["held"], noon), "\n"), "\x1b", "ESC")+"\n")
}

func previewOf() wire.Preview {
	return wire.Preview{
		Plan: wire.Plan{
			Version: wire.PlanVersion, Kind: wire.ProvisionServer, Owner: "server/web-01", Document: "sha256:" + strings.Repeat("cd", 32),
			Resolved: []byte(`{}`),
			Secrets:  []secret.Pinned{{Ref: "secret://vault/kv/web-01/db#password", Version: "3"}, {Ref: "secret://file/web-01-session-key"}},
			Changes: []wire.PlannedChange{
				{Step: "deploy", Title: "deploy the machine", Action: wire.Create, Object: "machine web-01", Detail: []string{"2 CPUs, 4GiB memory"}, Reversal: "taken back"},
				{Step: "format", Title: "format the disk", Action: wire.Change, Object: "disk data", Reversal: wire.Irreversible},
				{Step: "rules", Title: "close the firewall", Action: wire.Remove, Object: "1 rule", Reversal: "taken back"},
				{Step: "template", Title: "use the template", Action: wire.Use, Object: "debian-12", Reversal: "nothing to take back"},
				{Step: "health", Title: "ask for health", Action: wire.Observe, Object: "http://10.20.0.11/", Reversal: "nothing to take back"},
			},
		},
		Observations: []wire.Observation{
			{Name: "compute", Text: "reachable", OK: true},
			{Name: "address", Text: "10.20.0.11/24 is in use by machine \"\x1b]0;owned\x07db-01\""},
		},
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	p := previewOf()
	var err error
	p.Hash, err = p.Plan.Hash()
	require.NoError(t, err)
	var out bytes.Buffer
	screen{out: &out}.plan(p)
	golden(t, "plan", out.String())
}

func TestATreeFitsItsTerminal(t *testing.T) {
	t.Parallel()
	p := trees()["held"]
	for range 40 {
		p.Steps = append([]wire.Step{{ID: "x", Title: "done long ago", State: wire.StepDone}}, p.Steps...)
		p.Steps = append(p.Steps, wire.Step{ID: "y", Title: "still to come", State: wire.StepWaiting})
	}
	for _, size := range [][2]int{{80, 15}, {60, 18}, {200, 15}, {30, 6}} {
		lines := screen{colour: true}.fitting(p, noon, size[0], size[1])
		require.LessOrEqual(t, len(lines), size[1], "%v", size)
		for _, l := range lines {
			require.LessOrEqual(t, visible(l), size[0])
		}
	}
	text := strings.Join(screen{}.fitting(p, noon, 80, 15), "\n")
	require.Contains(t, text, "41 steps done")
	require.Contains(t, text, "41 steps waiting")
	require.Contains(t, text, "$ fermata retry server/web-01 volume/data", "what a person must read stays")
	require.Contains(t, strings.Join(screen{}.fitting(p, noon, 120, 500), "\n"), "done long ago", "where there is room nothing is hidden")
}

func TestLinesWrapAndLoseNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "short", "      the quick brown fox jumps over the lazy dog", strings.Repeat("x", 70), "  \x1b[33mthe quick\x1b[0m brown fox jumps over it"} {
		for _, width := range []int{5, 10, 21, 80} {
			var got string
			for _, l := range wrap(text, width) {
				require.LessOrEqual(t, visible(l), width, "%q at %d", text, width)
				got += l
			}
			squeeze := strings.NewReplacer(" ", "")
			require.Equal(t, squeeze.Replace(text), squeeze.Replace(got))
		}
	}
}

func TestARedrawReplacesWhatWasDrawn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	v := &view{screen: screen{out: &out, terminal: true}}
	v.redraw([]string{"one", strings.Repeat("x", 30)}, 40)
	require.Equal(t, "one\x1b[K\n"+strings.Repeat("x", 30)+"\x1b[K\n\x1b[J", out.String())
	out.Reset()
	v.redraw([]string{"two"}, 40)
	require.True(t, strings.HasPrefix(out.String(), "\x1b[2Ftwo"), "%q", out.String())
	v.redraw([]string{strings.Repeat("x", 30)}, 40)
	out.Reset()
	v.redraw([]string{"three"}, 20)
	require.True(t, strings.HasPrefix(out.String(), "\x1b[2F"), "the narrower terminal wrapped the line to two rows: %q", out.String())
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 1234 * time.Millisecond: "1.2s", 75 * time.Second: "1m15s",
		72 * time.Hour: "72h", 71*time.Hour + 59*time.Minute: "71h59m", 10*time.Hour + 10*time.Minute: "10h10m",
	} {
		require.Equal(t, want, duration(d))
	}
}
