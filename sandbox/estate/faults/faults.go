// Package faults makes an emulated system misbehave on purpose: slow, failing, or losing answers after it acted.
package faults

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Faults is the misbehaviour of one system. The zero value and nil behave well.
type Faults struct {
	mu    sync.Mutex
	delay time.Duration
	fail  int // Every n-th request is refused; 0: none.
	lose  int // Every n-th answer is lost; 0: none.
	down  bool
	next  struct{ fail, lose int } // Requests to refuse, answers to lose, from now on.
	seen  struct{ fail, lose int }
}

// Parse reads the form of the flags: "slow=200ms,fail=5,lose=3" (every fifth request fails, every third answer is lost),
// or "down".
func Parse(text string) (*Faults, error) {
	f := &Faults{}
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if err := f.parse(name, value); err != nil {
			return nil, fmt.Errorf("reading fault %q: %w", part, err)
		}
	}
	return f, nil
}

func (f *Faults) parse(name, value string) (err error) {
	switch name {
	case "":
	case "down":
		f.down = true
	case "slow":
		f.delay, err = time.ParseDuration(value)
	case "fail":
		f.fail, err = every(value)
	case "lose":
		f.lose, err = every(value)
	default:
		return fmt.Errorf("expected slow=DURATION, fail=N, lose=N or down")
	}
	return err
}

func every(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("expected a number from 1, found %q", value)
	}
	return n, nil
}

// SetDown takes the system away, or brings it back.
func (f *Faults) SetDown(down bool) { f.mu.Lock(); defer f.mu.Unlock(); f.down = down }

// Slow delays every request from now on.
func (f *Faults) Slow(d time.Duration) { f.mu.Lock(); defer f.mu.Unlock(); f.delay = d }

// FailNext refuses the next n requests.
func (f *Faults) FailNext(n int) { f.mu.Lock(); defer f.mu.Unlock(); f.next.fail = n }

// LoseNext loses the answers of the next n requests that change something.
func (f *Faults) LoseNext(n int) { f.mu.Lock(); defer f.mu.Unlock(); f.next.lose = n }

// Down reports whether the system is away: refuse connections.
func (f *Faults) Down() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down
}

// Refuse waits as configured, then reports whether this request is to be refused before it acts.
func (f *Faults) Refuse(ctx context.Context) bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	delay, refuse := f.delay, f.down || count(&f.next.fail, &f.seen.fail, f.fail)
	f.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
	return refuse
}

// Lose reports whether the answer of this request, which changed something, is to be lost.
func (f *Faults) Lose() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return count(&f.next.lose, &f.seen.lose, f.lose)
}

func count(next, seen *int, every int) bool {
	if *next > 0 {
		*next--
		return true
	}
	if every == 0 {
		return false
	}
	*seen++
	return *seen%every == 0
}
