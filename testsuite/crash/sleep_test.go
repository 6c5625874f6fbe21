package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// sleeper is the one process that is stopped now, and why.
type sleeper struct {
	PID   int       `json:"pid"`
	At    place     `json:"at"`
	Kind  kind      `json:"kind"`
	Since time.Time `json:"since"`
}

func (p points) sleeping() string { return filepath.Join(p.folder, "sleeping") }

// lull takes the right to stop a process: one at a time, or all workers could sleep and wait for each other.
func (p points) lull(pid int, at place, k kind) bool {
	data, err := json.Marshal(sleeper{PID: pid, At: at, Kind: k, Since: time.Now()})
	if err != nil {
		return false
	}
	file := p.sleeping() + "." + at.file()
	defer func() { _ = os.Remove(file) }()
	return os.WriteFile(file, data, 0o600) == nil && os.Link(file, p.sleeping()) == nil
}

func (p points) rouse() { _ = os.Remove(p.sleeping()) }

func (p points) sleeper() (s sleeper, ok bool) {
	data, err := os.ReadFile(p.sleeping())
	return s, err == nil && json.Unmarshal(data, &s) == nil
}

// Bounds of a sleep.
var (
	serverSleep = 2 * silence
	longSleep   = max(time.Minute, 10*silence)
)

// wake lets a process that sleeps go on when it is time: a worker when another has finished its step.
func (b *bench) wake(ctx context.Context) {
	_ = every(ctx, 50*time.Millisecond, func() bool {
		s, ok := b.points.sleeper()
		if !ok {
			return false
		}
		slept := time.Since(s.Since)
		_, done := b.points.marked(finished, s.At)
		if s.Kind == serverStopped {
			done = slept > serverSleep
		}
		if !done && slept > longSleep {
			b.dreams <- fmt.Sprintf("%s of %s: nobody finished the step while its worker slept", s.At.Step, s.At.Target)
			done = true
		}
		if done {
			_ = syscall.Kill(s.PID, syscall.SIGCONT)
			b.points.rouse()
		}
		return false
	})
}

// awake waits until the attempt that slept has come to its end: only then is it sure that it did not act again. Its worker
// may die of another point as soon as it wakes; then it acts no more.
func (b *bench) awake(ctx context.Context, at place, k kind) error {
	if k != stopped {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, longSleep+10*time.Second)
	defer cancel()
	err := every(ctx, 100*time.Millisecond, func() bool {
		_, ok := b.points.marked(woken, at)
		if f, slept := b.points.firedAt(at); !ok && slept && f.PID != 0 && errors.Is(syscall.Kill(f.PID, 0), syscall.ESRCH) {
			b.points.mark(woken, at, "killed as it woke")
			return true
		}
		return ok
	})
	if err != nil {
		return fmt.Errorf("the sleeper did not wake: %w", err)
	}
	return nil
}
