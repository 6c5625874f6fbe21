package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a process may take to do what it should.
const patience = time.Minute

// process is one of Fermata's programs, running.
type process struct {
	*exec.Cmd
	out *lockedBuffer // Both its outputs.
}

// child prepares a program in a process of its own.
func child(t *testing.T, role string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	p := &process{exec.CommandContext(ctx, os.Args[0], args...), &lockedBuffer{}}
	p.Env = append(os.Environ(), roleVariable+"="+role, "SSH_AUTH_SOCK=")
	p.Stdout, p.Stderr = p.out, p.out
	return p
}

// running starts a program that stays, and ends it with the test.
func running(t *testing.T, role string, args ...string) *process {
	t.Helper()
	p := child(t, role, args...)
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
	return p
}

// says waits until the program has printed the text.
func (p *process) says(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.out.String(), text) }, patience, 20*time.Millisecond,
		"it never said %q", text)
}

// ends sends a signal, waits for the end, and returns the exit code.
func (p *process) ends(t *testing.T, s syscall.Signal) int {
	t.Helper()
	require.NoError(t, p.Process.Signal(s))
	_ = p.Wait()
	return p.ProcessState.ExitCode()
}

// run runs a program to its end.
func (p *process) run() answer {
	_ = p.Run()
	return answer{p.out.String(), "", p.ProcessState.ExitCode()}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// agent signs with keys that only an ssh-agent holds.
func agent(t *testing.T, h *hall) {
	folder, err := os.MkdirTemp("", "agent") // A socket's path must be short.
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "s")
	keeper := exec.Command("ssh-agent", "-D", "-a", socket)
	require.NoError(t, keeper.Start())
	t.Cleanup(func() { _ = keeper.Process.Kill(); _ = keeper.Wait() })
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, patience, 10*time.Millisecond)
	with := func(p *process) answer {
		p.Env = append(p.Env, "SSH_AUTH_SOCK="+socket, "FERMATA_CONFIG="+h.Config)
		return p.run()
	}
	add := func(key string) {
		command := exec.Command("ssh-add", "-q", key)
		command.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	s := written(t, "web-17", "10.20.0.117")
	a := with(child(t, roleFermata, "run", s.file))
	require.Equal(t, 8, a.code, "an agent without keys: %s", a.out)
	add(h.People.RequesterKey)
	a = with(child(t, roleFermata, "run", s.file))
	require.Equal(t, 0, a.code, a.out)
	require.Contains(t, a.out, "as requester@sandbox", "whose key it is")
	add(h.People.ApproverKey)
	a = with(child(t, roleFermata, "approve", "--yes", s.name))
	require.Equal(t, 8, a.code, "which of the two? %s", a.out)
	require.Contains(t, a.out, "say which by its .pub file")
	a = with(child(t, roleFermata, "--key", h.People.ApproverKey+".pub", "approve", "--yes", s.name))
	require.Equal(t, 0, a.code, a.out)
	h.requester(t, 0, "watch", s.name)
	require.NotEmpty(t, h.facts(t, s))
}
