package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func setup(t *testing.T) (ctx context.Context, folder string) {
	t.Helper()
	Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx, Folder(t)
}

func shell(folder, script string) Daemon {
	return Daemon{Name: "a shell", Args: []string{"sh", "-c", script}, Log: filepath.Join(folder, "log"), Grace: 500 * time.Millisecond}
}

// saying is a check of readiness: the log holds a word.
func saying(d Daemon, word string) Daemon {
	d.Ready = func(context.Context) error {
		if data, _ := os.ReadFile(d.Log); !strings.Contains(string(data), word) {
			return errors.New("it has not said " + word)
		}
		return nil
	}
	return d
}

func TestDaemonRunsUntilStopped(t *testing.T) {
	t.Parallel()
	ctx, folder := setup(t)
	p, err := Start(ctx, saying(shell(folder, "id -un; echo $HOME; echo ready; exec sleep 1000"), "ready"))
	require.NoError(t, err)
	require.Equal(t, "root\n/root\nready", p.Tail(5))
	require.NoError(t, p.Stop())
	<-p.Done()
	require.NoError(t, p.Stop(), "what has ended is no error")
}

func TestDaemonGivesUpRoot(t *testing.T) {
	t.Parallel()
	ctx, folder := setup(t)
	d := saying(shell(folder, "id -un; echo ready; exec sleep 1000"), "ready")
	d.User = "nobody"
	p, err := Start(ctx, d)
	require.NoError(t, err)
	require.Contains(t, p.Tail(5), "nobody")
	require.NoError(t, p.Stop())
}

func TestStopKillsWhatDoesNotListenAndItsChildren(t *testing.T) {
	t.Parallel()
	ctx, folder := setup(t)
	p, err := Start(ctx, saying(shell(folder, "trap '' TERM; sleep 1001 & echo ready; while :; do wait; done"), "ready"))
	require.NoError(t, err)
	require.ErrorContains(t, p.Stop(), "was killed")
}

func TestDaemonThatDiesShowsItsLastWords(t *testing.T) {
	t.Parallel()
	ctx, folder := setup(t)
	_, err := Start(ctx, saying(shell(folder, "echo no such port; exit 3"), "ready"))
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "no such port")
}

func TestDaemonThatIsNeverReadyIsStopped(t *testing.T) {
	t.Parallel()
	_, folder := setup(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Start(ctx, saying(shell(folder, "exec sleep 1002"), "ready"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestUnknownProgramNamespaceAndUserAreRefused(t *testing.T) {
	t.Parallel()
	ctx, folder := setup(t)
	_, err := Start(ctx, Daemon{Name: "x", Args: []string{"no-such-daemon"}})
	require.ErrorContains(t, err, "no-such-daemon")
	d := shell(folder, "exit 0")
	d.Namespace = "no-such-namespace"
	_, err = Start(ctx, d)
	require.ErrorContains(t, err, "no-such-namespace")
	d = shell(folder, "exit 0")
	d.User = "no-such-user"
	_, err = Start(ctx, d)
	require.ErrorContains(t, err, "no-such-user")
}

// The check of leaks looks at all of this process, so these tests run alone.
func TestLeaksAreFound(t *testing.T) { //nolint:paralleltest // See above.
	ctx, folder := setup(t)
	p, err := Start(ctx, shell(folder, "setsid sleep 1003 & exec sleep 1003"))
	require.NoError(t, err)
	left := strings.Join(leaks(200*time.Millisecond), "\n")
	require.Contains(t, left, "sleep 1003")
	require.Contains(t, left, "folder "+folder)
	require.NoError(t, p.Stop())
	left = strings.Join(leaks(200*time.Millisecond), "\n")
	require.Contains(t, left, "sleep 1003", "a child in a session of its own outlives its parent")
	KillLeft()
	require.NotContains(t, strings.Join(Leaks(), "\n"), "process")
}

func TestInstallForbidsStartsAndPutsThePolicyBack(t *testing.T) { //nolint:paralleltest // There is one policy.
	ctx, _ := setup(t)
	lock := flock.New(installLock) // Other beds may be installing.
	require.NoError(t, lock.Lock())
	before, errBefore := os.ReadFile(policyFile)
	require.NoError(t, forbidStarts())
	now, err := os.ReadFile(policyFile)
	require.NoError(t, err)
	require.Equal(t, policy, string(now))
	require.NoError(t, forbidStarts(), "as after a killed run")
	require.NoError(t, putBackPolicy())
	require.NoError(t, putBackPolicy(), "twice is no harm")
	after, errAfter := os.ReadFile(policyFile)
	require.Equal(t, errBefore == nil, errAfter == nil)
	require.Equal(t, string(before), string(after))
	require.NoError(t, lock.Unlock())

	require.NoError(t, Install(ctx, "coreutils"), "what is there is not installed again")
	require.ErrorContains(t, Install(ctx, "no-such-package-of-fermata"), "no-such-package-of-fermata")
}
