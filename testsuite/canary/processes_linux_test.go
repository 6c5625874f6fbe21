package canary_test

import (
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/canary"
)

// A process of a process of ours shows one secret in its arguments and another in its environment.
func TestProcessesAreWatched(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"argument": canary.Secret("argument"), "environment": canary.Secret("environment"), "none": canary.Word("none")}
	s := canary.New(secrets)
	w := s.Watch("during the test: ")
	defer w.Stop()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `cat - "$1"; exit`, "sh", "/dev/null/"+secrets["argument"])
	cmd.Env = []string{"X=" + secrets["environment"]}
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		return s.Found("argument", "during the test: command lines in pid:") && s.Found("environment", "environments") && w.Saw("lines in pid:") > 0 && w.Saw(": cat - ") == 1
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, input.(io.Closer).Close())
	_ = cmd.Wait() // There is no such file.
	require.False(t, s.Found("none", ""))
}
