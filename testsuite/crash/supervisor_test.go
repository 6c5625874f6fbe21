package crash

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// supervisor starts processes and starts them again as soon as they die.
type supervisor struct {
	points points
	logs   string // Folder.
	stop   chan struct{}
	once   sync.Once
	done   sync.WaitGroup
	mu     sync.Mutex
	kills  map[string]int // Deaths by SIGKILL, by name.
	ends   map[string]int // Ends of their own, by name: a worker gives up that finds no Temporal.
}

func supervise(t *testing.T, p points, logs string) *supervisor {
	t.Helper()
	require.NoError(t, os.MkdirAll(logs, 0o700))
	s := &supervisor{points: p, logs: logs, stop: make(chan struct{}), kills: map[string]int{}, ends: map[string]int{}}
	t.Cleanup(s.end)
	return s
}

// end kills all processes and starts none again.
func (s *supervisor) end() {
	s.once.Do(func() { close(s.stop) })
	s.done.Wait()
}

// keep keeps one process running until the test ends.
func (s *supervisor) keep(t *testing.T, name string, environment []string, args ...string) {
	t.Helper()
	out, err := os.OpenFile(filepath.Join(s.logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		defer func() { _ = out.Close() }()
		for s.live(name, environment, args, out) {
		}
	}()
}

// live is one life of a process. It reports whether another shall follow.
func (s *supervisor) live(name string, environment, args []string, out *os.File) bool {
	select {
	case <-s.stop:
		return false
	default:
	}
	child := exec.Command(os.Args[0], args...) //nolint:noctx // It outlives no test: stop ends it.
	child.Env = append(os.Environ(), environment...)
	child.Stdout, child.Stderr = out, out
	stdin, err := child.StdinPipe() // Its end tells the child that nobody is left to supervise it.
	if err != nil || child.Start() != nil {
		return s.pause()
	}
	pidFile := filepath.Join(s.points.folder, pids, name)
	_ = os.WriteFile(pidFile, []byte(strconv.Itoa(child.Process.Pid)), 0o600)
	died := make(chan struct{})
	go func() {
		select {
		case <-s.stop:
			_ = child.Process.Kill()
		case <-died:
		}
	}()
	_ = child.Wait()
	close(died)
	_ = os.Remove(pidFile)
	_ = stdin.Close()
	status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		s.count(s.kills, name)
		return true
	}
	s.count(s.ends, name)
	return s.pause()
}

func (s *supervisor) count(deaths map[string]int, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	deaths[name]++
}

// pause keeps a process that cannot start from being started in a tight loop.
func (s *supervisor) pause() bool {
	select {
	case <-s.stop:
		return false
	case <-time.After(200 * time.Millisecond):
		return true
	}
}

// killed returns how many processes died by SIGKILL, those that the end of the test kills left out.
func (s *supervisor) killed(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for name, k := range s.kills {
		if strings.HasPrefix(name, prefix) {
			n += k
		}
	}
	return n
}
