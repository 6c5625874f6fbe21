package crash

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/sandbox"
	"fermata/testsuite/judge"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// The sandbox and the worker are two processes here. Both die at the same moment, at several steps of each run: Temporal,
// the emulated systems and the worker have only what they had written down. What is there in the end is what runs leave
// that nobody disturbed: of a server, and of an instance with its accounts and its database.
func TestSandboxAndWorkerDieTogether(t *testing.T) {
	t.Parallel()
	subjects := map[process]subject{wire.ProvisionServer: numbered(t, 1), wire.ProvisionInstance: numberedInstance(t, 1)}
	steps := map[process][]string{
		wire.ProvisionServer:   {"deploy", "application", "ready"},
		wire.ProvisionInstance: {"public", "role", "account/anna", "directory/NAME-operator"},
	}
	folder := t.TempDir()
	ports := freePorts(t, 8)
	b, as := lay(t, folder, ports[0])
	b.supervisor.keep(t, roleTemporal, as(roleSandbox), sandboxArguments(folder, ports)...)
	b.Stage = stage.Connect(t, folder)
	b.supervisor.keep(t, workerName(0), as(roleWorker))
	deaths := 0
	for p, s := range subjects {
		for _, step := range steps[p] {
			deaths++
			require.NoError(t, b.points.arm(standing(p, s, step), everything))
		}
	}
	b.eachDone(t, subjects)
	require.Equal(t, deaths, b.supervisor.killed(roleTemporal))
	require.Equal(t, deaths, b.supervisor.killed(roleWorker))
	require.NoError(t, b.Close())
	b.supervisor.end()

	calm := &bench{Stage: stage.Setup(t)}
	calm.eachDone(t, subjects)
	want := calm.healthy(t, subjects)
	require.NoError(t, calm.Close())

	killed := &bench{Stage: stage.Start(t, sandbox.Options{Folder: folder, WithoutUI: true, WithoutWorker: true, Log: stage.Logger(t)})}
	for p, got := range killed.healthy(t, subjects) {
		verdict := judge.Compare(want[p], got)
		require.True(t, verdict.Good(), "%s: %s", p, verdict)
	}
	_, err := killed.judge.Chain()
	require.NoError(t, err)
}

// eachDone carries one process after the other: two that die at once would be counted as one.
func (b *bench) eachDone(t *testing.T, subjects map[process]subject) {
	t.Helper()
	for _, p := range processes() {
		if s, ok := subjects[p]; ok {
			require.NoError(t, b.done(t.Context(), p, s))
		}
	}
}

// healthy are the facts of each once the systems have found out that it is in service.
func (b *bench) healthy(t *testing.T, subjects map[process]subject) map[process][]string {
	t.Helper()
	b.judge = &judge.Judge{Estate: b.Estate, Folder: b.Folder, Temporal: b.Client.Temporal()}
	facts := map[process][]string{}
	for p, s := range subjects {
		require.Eventually(t, func() bool {
			var err error
			facts[p], err = s.facts(t.Context(), b.judge)
			return err == nil && s.served(facts[p])
		}, time.Minute, 200*time.Millisecond, "%s is in service", s.name())
	}
	return facts
}

// sandboxArguments let the sandbox listen on ports that it finds again when it is started again.
func sandboxArguments(folder string, ports []int) []string {
	args := []string{"--data", folder}
	for i, flag := range []string{"temporal", "ui", "vcenter", "bastion", "tickets", "service", "mail", "hooks"} {
		args = append(args, "--"+flag+"-port", strconv.Itoa(ports[i]))
	}
	return append(args, "--no-worker", "--verbose", "up")
}
