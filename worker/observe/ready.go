package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"fermata/activities/fault"
)

// Check asks one thing that a worker needs: a system, or whether a queue is polled.
type Check struct {
	Name string                          // "compute vcenter", "queue fermata.compute".
	Ask  func(ctx context.Context) error // A fault: its text is shown.
}

const (
	// askFor is how long one answer may take.
	askFor = 20 * time.Second
	// askAgain is when it is asked again, at first; it doubles up to askAtMost.
	askAgain = 2 * time.Second
	// askAtMost is longer than the memory of a system that locks an account after some wrong passwords in a row is short:
	// it is asked once in so long.
	askAtMost = 2 * time.Minute
)

// readiness is what has answered since the worker began. Once something has, it stays so: one vCenter that is away later
// must not take every worker out of service.
type readiness struct {
	log    *slog.Logger
	first  time.Duration // askAgain, shorter in tests.
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu     sync.Mutex
	begun  bool
	checks []finding
}

// finding is one check and what came of it.
type finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"` // Why it is not.
	Tries  int    `json:"tries"`
}

// standing is the answer of /readyz.
type standing struct {
	Ready  bool      `json:"ready"`
	Checks []finding `json:"checks"`
}

func newReadiness(log *slog.Logger) *readiness {
	return &readiness{log: log, first: askAgain, cancel: func() {}}
}

func (r *readiness) ask(ctx context.Context, checks []Check) {
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx)) // It ends with stop.
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = true
	for i, c := range checks {
		r.checks = append(r.checks, finding{Name: c.Name, Reason: "not asked yet"})
		r.tasks.Go(func() { r.until(ctx, i, c) })
	}
}

func (r *readiness) stop() {
	r.cancel()
	r.tasks.Wait()
}

// until asks until there is an answer.
func (r *readiness) until(ctx context.Context, i int, c Check) {
	for pause := r.first; ; pause = min(2*pause, askAtMost) {
		asking, enough := context.WithTimeout(ctx, askFor)
		err := c.Ask(asking)
		enough()
		if ctx.Err() != nil {
			return
		}
		if r.note(i, err); err == nil {
			return
		}
		if fault.Is(err, fault.Unauthorized) {
			pause = askAtMost // Some systems lock an account that is wrong several times in a row.
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (r *readiness) note(i int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := &r.checks[i]
	f.Tries++
	if err == nil {
		f.OK, f.Reason = true, ""
		return
	}
	reason := err.Error()
	if f.Reason != reason {
		r.log.Warn("not ready", "check", f.Name, "reason", reason)
	}
	f.Reason = reason
}

func (r *readiness) state() standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := standing{Ready: r.begun, Checks: append([]finding{}, r.checks...)}
	for _, f := range s.Checks {
		s.Ready = s.Ready && f.OK
	}
	return s
}

var (
	readyDesc = prometheus.NewDesc("fermata_ready", "1 if every system and queue of this worker answered once since it began.", nil, nil)
	checkDesc = prometheus.NewDesc("fermata_check_answered", "1 if this answered once since the worker began.", []string{"check"}, nil)
)

// Describe names the metrics.
func (r *readiness) Describe(into chan<- *prometheus.Desc) { into <- readyDesc; into <- checkDesc }

// Collect shows the state.
func (r *readiness) Collect(into chan<- prometheus.Metric) {
	s := r.state()
	into <- prometheus.MustNewConstMetric(readyDesc, prometheus.GaugeValue, number(s.Ready))
	for _, f := range s.Checks {
		into <- prometheus.MustNewConstMetric(checkDesc, prometheus.GaugeValue, number(f.OK), f.Name)
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
