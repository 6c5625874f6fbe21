// Package upgrade is the gate that a build must pass before it may take over the runs of the one before it: runs are begun
// and parked by the previous build of the worker, and carried to their ends by this one. The other half of the gate are the
// recorded histories in testsuite/replay.
package upgrade

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"fermata/client"
	"fermata/decision"
	"fermata/encryption"
	"fermata/sandbox"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// Builds of the worker, by their ids.
const (
	older   = "upgrade-previous"
	newer   = "upgrade-this"
	another = "upgrade-another-way"
)

// builds are the programs.
type builds struct {
	older, newer, another string
	commit                string // What the older one is made of.
}

// compile builds the previous worker, this one, and one that reserves after the approval instead of before.
func compile(t *testing.T) builds {
	t.Helper()
	text, err := os.ReadFile("PREVIOUS")
	require.NoError(t, err)
	commit, meaning, err := previous(string(text))
	require.NoError(t, err)
	t.Log(meaning)
	root, folder, begin := stage.Root(t), t.TempDir(), time.Now()
	require.NoError(t, available(t, root, commit))
	b := builds{filepath.Join(folder, older), filepath.Join(folder, newer), filepath.Join(folder, another), commit}
	overlay := mutate(t, root, "workflows/run/frame.go", "f.reserve, f.ask,", "f.ask, f.reserve,")
	var group sync.WaitGroup
	errs := make([]error, 3)
	group.Go(func() { errs[0] = buildCommit(t, root, commit, b.older, older) })
	group.Go(func() {
		errs[1] = buildWorker(t, root, b.newer, newer)
		errs[2] = buildWorker(t, root, b.another, another, "-overlay", overlay)
	})
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	t.Logf("the three builds took %s", time.Since(begin).Round(time.Second))
	return b
}

func TestParkedRunsOutliveAnUpgrade(t *testing.T) {
	t.Parallel()
	b := compile(t)
	g := setup(t)
	worker := launch(t, b.older, understood(t, stage.Root(t), b.commit, g.WorkerConfig))
	g.park(t)
	worker.stop(t)

	// A build that would take another way is found, does no harm, and leaves the runs to one that does not.
	worker = launch(t, b.another, g.WorkerConfig)
	for _, started := range g.parked() {
		require.ErrorContains(t, g.ask(t, started), nondeterministic, started.WorkflowID)
	}
	g.approveBySignal(t)
	require.Eventually(t, func() bool { return g.refusedToGoOn(t, g.approval) }, time.Minute, 100*time.Millisecond)
	worker.stop(t)
	for _, started := range g.parked() {
		require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, g.status(t, started), "%s waits", started.WorkflowID)
	}

	worker = launch(t, b.newer, g.WorkerConfig)
	// The third has an answer already. Temporal offers it again after a while; until then nobody can ask it.
	for _, started := range []client.Started{g.held, g.grace} {
		require.NoError(t, g.ask(t, started), "this build cannot go on with a run of the previous one: use workflow.GetVersion\n%s", worker.complaints(t))
	}
	g.faults.SetDown(false)
	g.Decide(t, client.Decision{WorkflowID: g.held.WorkflowID, Command: decision.Retry, Step: "reach"}, g.Requester)
	g.Decide(t, client.Decision{WorkflowID: g.grace.WorkflowID, Command: decision.Purge}, g.Approver)
	for _, started := range g.parked() {
		p := g.Until(t, started, "an end", people.Ended)
		require.Equal(t, wire.Done, p.Outcome, "%s: %s %v", started.WorkflowID, p.Reason, p.LeftBehind)
		seen := g.carriers(t, started)
		require.Equal(t, newer, seen[len(seen)-1], "%s: %v", started.WorkflowID, seen)
		require.NotEqual(t, newer, seen[0], "%s: %v", started.WorkflowID, seen)
	}
	g.judgeOnce(t)
	worker.stop(t)
}

// oldKey gives the sandbox a payload key in the form that earlier builds know, as an installation has it that was made by one.
func oldKey(t *testing.T, folder string) {
	t.Helper()
	key, err := encryption.GenerateKey(sandbox.KeyID)
	require.NoError(t, err)
	key.Bound = false
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "secrets"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "secrets", "payload-key"), []byte(key.Encode()), 0o600))
}

func setup(t *testing.T) *gate {
	t.Helper()
	g := &gate{}
	g.Stage = stage.Setup(t, func(o *sandbox.Options) {
		o.WithoutWorker = true
		o.Faults = g.guests()
		oldKey(t, o.Folder)
	})
	return g
}
