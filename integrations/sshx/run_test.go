package sshx_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
)

func TestRunGivesOutputAndStatus(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r, err := b.run(t, sshx.Command{Script: `printf '%s' "$1"; cat; echo "no luck" >&2; exit 3`, Args: []string{"a b"}, Stdin: strings.NewReader("<in>")})
	require.NoError(t, err)
	require.Equal(t, "a b<in>", string(r.Stdout))
	require.Equal(t, "no luck\n", string(r.Stderr))
	require.Equal(t, "no luck", r.Text())
	require.Equal(t, 3, r.Exit)
	require.Equal(t, 127, mustRun(t, b, sshx.Command{Argv: []string{"nonesuch"}}).Exit)
}

func mustRun(t *testing.T, b bundle, cmd sshx.Command) sshx.Result {
	t.Helper()
	r, err := b.run(t, cmd)
	require.NoError(t, err)
	return r
}

func TestRunQuotesEveryArgument(t *testing.T) {
	t.Parallel()
	b := setup(t)
	words := []string{"plain", "", "a b", "$HOME", "`id`", "it's", "--", "a\nb", `\`, "*", "~", "A=b", "é"}
	r := mustRun(t, b, sshx.Command{Argv: append([]string{"args"}, words...)})
	var want strings.Builder
	for _, w := range words {
		_, _ = fmt.Fprintf(&want, "%q\n", w)
	}
	require.Equal(t, want.String(), string(r.Stdout))
}

func TestSudoAndLockWrapTheCommand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := mustRun(t, b, sshx.Command{Argv: []string{"true"}, Sudo: true, Lock: "/run/lock/x.lock", LockWait: 5 * time.Second})
	require.Equal(t, "sudo -n -- flock -w 5 -E 75 /run/lock/x.lock true\n", string(r.Stdout))
	r = mustRun(t, b, sshx.Command{Argv: []string{"true"}, Lock: "/run/lock/x.lock"})
	require.Equal(t, "flock -w 60 -E 75 /run/lock/x.lock true\n", string(r.Stdout))
}

func TestRootNeedsNoSudo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := b.pool.Client(t.Context(), sshx.Target{User: "root"})
	require.NoError(t, err)
	_, err = conn.Run(t.Context(), sshx.Command{Argv: []string{"args", "x"}, Sudo: true})
	require.NoError(t, err)
	require.Equal(t, []string{"args x"}, b.server.heard())
}

func TestRunRefusesWhatItCannotWriteDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, cmd := range map[string]sshx.Command{
		"nothing":   {},
		"both":      {Argv: []string{"a"}, Script: "b"},
		"argv+args": {Argv: []string{"a"}, Args: []string{"b"}},
		"nul":       {Argv: []string{"a", "b\x00c"}},
		"long":      {Argv: []string{"a", strings.Repeat("x", 130<<10)}},
	} {
		_, err := b.run(t, cmd)
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
	}
	require.Empty(t, b.server.heard())
}

func TestRefusalsOfTheHost(t *testing.T) {
	t.Parallel()
	says := func(text string, status uint32) func(*server) {
		return func(s *server) {
			s.exec = func(_ *server, _ string, c ssh.Channel) uint32 {
				_, _ = io.WriteString(c.Stderr(), text)
				return status
			}
		}
	}
	sudo, locked := sshx.Command{Argv: []string{"true"}, Sudo: true}, sshx.Command{Argv: []string{"true"}, Lock: "/l"}
	for name, c := range map[string]struct {
		says   string
		status uint32
		cmd    sshx.Command
		kind   fault.Kind
	}{
		"password":         {"sudo: a password is required\n", 1, sudo, fault.Unauthorized},
		"not in sudoers":   {"deploy is not in the sudoers file.\n", 1, sudo, fault.Unauthorized},
		"no sudo":          {"sh: 1: sudo: not found\n", 127, sudo, fault.Unauthorized},
		"a warning only":   {"sudo: unable to resolve host web-01\nother trouble\n", 1, sudo, ""},
		"lock stays taken": {"", 75, locked, fault.Unavailable},
		"75 of a command":  {"", 75, sudo, ""},
	} {
		b := setup(t, says(c.says, c.status))
		r, err := b.run(t, c.cmd)
		require.Equal(t, c.kind, fault.KindOf(err), "%s: %v", name, err)
		if c.kind == "" {
			require.Equal(t, int(c.status), r.Exit, name)
		}
	}
}

func TestOutputIsLimited(t *testing.T) {
	t.Parallel()
	b := setup(t, func(s *server) {
		s.exec = func(_ *server, _ string, c ssh.Channel) uint32 {
			_, _ = io.WriteString(c, strings.Repeat("x", sshx.OutputLimit+5000))
			return 0
		}
	})
	r := mustRun(t, b, sshx.Command{Argv: []string{"flood"}})
	require.Equal(t, sshx.OutputLimit, len(r.Stdout)) //nolint:testifylint // Len would print all of it.
	require.True(t, r.Truncated)
}

func TestConnectionLostWhileACommandRunsIsAmbiguous(t *testing.T) {
	t.Parallel()
	b := setup(t, func(s *server) {
		s.exec = func(s *server, _ string, _ ssh.Channel) uint32 { s.cut(); return 0 }
	})
	_, err := b.run(t, sshx.Command{Argv: []string{"work"}})
	require.True(t, fault.Is(err, fault.Ambiguous), "%v", err)

	b.server.exec = nil
	require.Equal(t, "\"again\"\n", string(mustRun(t, b, sshx.Command{Argv: []string{"args", "again"}}).Stdout))
	require.EqualValues(t, 2, b.server.logins.Load(), "the dead connection is replaced")
}

func TestContextEndsACommand(t *testing.T) {
	t.Parallel()
	started, over := make(chan struct{}), make(chan struct{})
	b := setup(t, func(s *server) {
		s.exec = func(*server, string, ssh.Channel) uint32 { close(started); <-over; return 0 }
	})
	t.Cleanup(func() { close(over) })
	conn, err := b.pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	_, err = conn.Run(ctx, sshx.Command{Argv: []string{"sleep"}})
	require.True(t, fault.Is(err, fault.Ambiguous), "%v", err)
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool {
		b.server.mu.Lock()
		defer b.server.mu.Unlock()
		return len(b.server.signals) == 1 && b.server.signals[0] == "TERM"
	}, 5*time.Second, 5*time.Millisecond)
}

func TestEndedContextStartsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := b.pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = conn.Run(ctx, sshx.Command{Argv: []string{"args"}})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.Empty(t, b.server.heard())
}
