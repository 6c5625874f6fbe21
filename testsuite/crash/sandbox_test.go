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

// The sandbox and the worker are two processes here. Both die at the same moment, at three steps of one run: Temporal,
// the emulated systems and the worker have only what they had written down. What is there in the end is what a run leaves
// that nobody disturbed.
func TestSandboxAndWorkerDieThreeTimes(t *testing.T) {
	t.Parallel()
	s := numbered(t, 1)
	folder := t.TempDir()
	ports := freePorts(t, 8)
	b, as := lay(t, folder, ports[0])
	b.supervisor.keep(t, roleTemporal, as(roleSandbox), sandboxArguments(folder, ports)...)
	b.Stage = stage.Connect(t, folder)
	b.supervisor.keep(t, workerName(0), as(roleWorker))
	steps := []string{"deploy", "application", "ready"}
	for _, step := range steps {
		require.NoError(t, b.points.arm(place{Workflow: wire.ProvisionServer, Target: s.target(wire.ProvisionServer), Step: step}, everything))
	}
	require.NoError(t, b.done(t.Context(), wire.ProvisionServer, s))
	require.Equal(t, len(steps), b.supervisor.killed(roleTemporal))
	require.Equal(t, len(steps), b.supervisor.killed(roleWorker))
	require.NoError(t, b.Close())
	b.supervisor.end()

	calm := &bench{Stage: stage.Setup(t)}
	require.NoError(t, calm.done(t.Context(), wire.ProvisionServer, s))
	want := calm.healthy(t, s)
	require.NoError(t, calm.Close())

	killed := &bench{Stage: stage.Start(t, sandbox.Options{Folder: folder, WithoutUI: true, WithoutWorker: true, Log: stage.Logger(t)})}
	verdict := judge.Compare(want, killed.healthy(t, s))
	require.True(t, verdict.Good(), verdict.String())
	_, err := killed.judge.Chain()
	require.NoError(t, err)
}

// healthy are the facts once the balancer finds the server healthy.
func (b *bench) healthy(t *testing.T, s subject) []string {
	t.Helper()
	b.judge = &judge.Judge{Estate: b.Estate, Folder: b.Folder}
	var facts []string
	require.Eventually(t, func() bool {
		var err error
		facts, err = s.facts(t.Context(), b.judge)
		return err == nil && s.served(facts)
	}, time.Minute, 200*time.Millisecond, "the balancer finds it healthy")
	return facts
}

// sandboxArguments let the sandbox listen on ports that it finds again when it is started again.
func sandboxArguments(folder string, ports []int) []string {
	args := []string{"--data", folder}
	for i, flag := range []string{"temporal", "ui", "vcenter", "bastion", "tickets", "service", "mail", "hooks"} {
		args = append(args, "--"+flag+"-port", strconv.Itoa(ports[i]))
	}
	return append(args, "--no-worker", "up")
}
