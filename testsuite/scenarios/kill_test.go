package scenarios

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/record"
	"fermata/sandbox"
	"fermata/starter"
	"fermata/testsuite/stage"
)

// roleVariable makes the test binary be the sandbox: a process of its own that can be killed.
const roleVariable = "FERMATA_SCENARIO_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "sandbox" {
		os.Exit(starter.ExitCode(os.Stderr, sandbox.Command().RunContext(context.Background(), append([]string{"fermata-sandbox"}, os.Args[1:]...))))
	}
	os.Exit(m.Run())
}

// carryUntil runs the sandbox's demonstration in a process of its own and kills it when a line tells of the moment; an
// empty moment lets it end by itself. It returns what was printed.
func carryUntil(t *testing.T, folder, moment string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "--data", folder, "--temporal-port", "0", "--ui-port", "0", "--vcenter-port", "0",
		"--bastion-port", "0", "--tickets-port", "0", "--service-port", "0", "--mail-port", "0", "--hooks-port", "0", "run", "../../examples/web-server.yaml")
	child.Env = append(os.Environ(), roleVariable+"=sandbox")
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	child.Stderr = os.Stderr
	require.NoError(t, child.Start())
	var printed strings.Builder
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		printed.WriteString(lines.Text() + "\n")
		if !killed && moment != "" && strings.Contains(lines.Text(), moment) {
			killed = true
			require.NoError(t, child.Process.Kill()) // SIGKILL: nothing is closed, flushed or told.
		}
	}
	err = child.Wait()
	if moment == "" {
		require.NoError(t, err, printed.String())
	} else {
		require.True(t, killed, "the moment %q never came:\n%s", moment, printed.String())
	}
	return printed.String()
}

// The whole sandbox, Temporal and worker included, is killed three times in one run. Nothing is lost and nothing is there
// twice: the estate is as after a run that nobody disturbed.
func TestKilledThreeTimesARunEndsAsUndisturbed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	carryUntil(t, folder, "start the machine")
	carryUntil(t, folder, "install the application")
	carryUntil(t, folder, "let traffic in")
	printed := carryUntil(t, folder, "")
	require.Contains(t, printed, "ProvisionServer server/web-01: done")

	undisturbed := setup(t)
	undisturbed.provision(t)
	want := undisturbed.snapshot(t)
	killed := start(t, sandbox.Options{Folder: folder, WithoutUI: true, Log: stage.Logger(t)})
	require.Eventually(t, func() bool { return len(killed.servers(t)) == 1 && strings.HasSuffix(killed.servers(t)[0], "UP") }, time.Minute, 100*time.Millisecond)
	got := killed.snapshot(t)
	require.Equal(t, want.Machines, got.Machines)
	require.Equal(t, want.Runtime, got.Runtime)
	require.Equal(t, strings.Count(want.Rules, "accept"), strings.Count(got.Rules, "accept"))
	require.Equal(t, strings.Count(want.Saved, "accept"), strings.Count(got.Saved, "accept"))
	require.Equal(t, strings.Count(want.Pool, "server web-01"), strings.Count(got.Pool, "server web-01"))
	resolved := 0
	for _, ticket := range killed.Estate.Tickets.Tickets() {
		if ticket.Status == "resolved" {
			resolved++
		}
	}
	require.Equal(t, 1, resolved)
	out, err := killed.Client.Records(t.Context(), record.FindInput{Owner: "server/web-01"}, true)
	require.NoError(t, err)
	require.Len(t, out.Entries, 1)
}
