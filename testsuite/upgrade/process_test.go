package upgrade

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// process is a worker that runs.
type process struct {
	*exec.Cmd
	log string
}

// launch starts a worker of a build, and returns when it polls.
func launch(t *testing.T, program, config string) *process {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "worker-*.log")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	p := &process{Cmd: exec.Command(program, "--config", config), log: f.Name()} //nolint:noctx // It outlives no test: stop ends it.
	p.Stdout, p.Stderr = f, f
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.Contains(c, p.said(t), "  queue ", "the worker does not come up")
	}, 30*time.Second, 50*time.Millisecond)
	return p
}

func (p *process) said(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.log)
	require.NoError(t, err)
	return string(text)
}

// nondeterministic is the code of Temporal's SDK for a build that would take another way than the history.
const nondeterministic = "[TMPRL1100]"

// complaints are what the worker says of runs that it cannot go on with.
func (p *process) complaints(t *testing.T) string {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(p.said(t), "\n") {
		if strings.Contains(line, nondeterministic) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// stop ends the worker as an operator does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.Wait(), p.said(t))
}
