package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"fermata/client"
	"fermata/wire"
)

const (
	// countEvery is how long counts are good for: scrapes within it get the same ones, so that Temporal's visibility store is
	// asked four times a minute, whoever scrapes.
	countEvery = 15 * time.Second
	// countFor is how long Temporal may take; a scrape waits for it.
	countFor = 5 * time.Second
	// maxRuns is how many open runs are looked at, the newest first.
	maxRuns = 10_000
)

// Source knows the runs that go on, and who polls.
type Source interface {
	// Open returns the runs that go on, newest first, at most so many.
	Open(ctx context.Context, limit int) ([]client.Summary, error)
	// Queues returns, for each queue that should have a worker, whether one polls it.
	Queues(ctx context.Context) (map[string]bool, error)
}

// counts shows runs as Temporal's visibility store has them. Every worker that serves workflows shows the same, so a query
// takes the maximum, not the sum.
type counts struct {
	source Source
	log    *slog.Logger
	now    func() time.Time

	mu   sync.Mutex
	at   time.Time
	last []prometheus.Metric
}

func newCounts(s Source, log *slog.Logger) *counts {
	return &counts{source: s, log: log, now: time.Now}
}

var (
	runsDesc    = prometheus.NewDesc("fermata_runs", "Runs that go on, by kind and state.", []string{"kind", "state"}, nil)
	heldDesc    = prometheus.NewDesc("fermata_held_steps", "Steps that wait for a person after they failed.", nil, nil)
	oldestDesc  = prometheus.NewDesc("fermata_oldest_waiting_seconds", "Age of the oldest run in a state in which a person must act; 0: there is none.", []string{"state"}, nil)
	queueDesc   = prometheus.NewDesc("fermata_queue_polled", "1 if a worker polled the queue in the last minute. The queues are those of this worker's configuration.", []string{"queue"}, nil)
	visibleDesc = prometheus.NewDesc("fermata_visibility_up", "1 if Temporal answered how runs and queues are; else their metrics are absent.", nil, nil)
)

// Describe names the metrics.
func (c *counts) Describe(into chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runsDesc, heldDesc, oldestDesc, queueDesc, visibleDesc} {
		into <- d
	}
}

// Collect shows counts that are at most countEvery old.
func (c *counts) Collect(into chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || c.now().Sub(c.at) >= countEvery {
		c.last = c.count()
		c.at = c.now()
	}
	for _, m := range c.last {
		into <- m
	}
}

func (c *counts) count() []prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), countFor)
	defer cancel()
	runs, err := c.source.Open(ctx, maxRuns)
	var queues map[string]bool
	if err == nil {
		queues, err = c.source.Queues(ctx)
	}
	if err != nil {
		c.log.Warn("counting runs", "error", err)
		return []prometheus.Metric{value(visibleDesc, 0)}
	}
	out := append(ofRuns(runs, c.now()), value(visibleDesc, 1))
	for queue, polled := range queues {
		out = append(out, value(queueDesc, number(polled), queue))
	}
	return out
}

// states are those of a run that goes on; all are shown, so that one that nothing is in is 0 and not absent.
var states = []wire.Phase{wire.Planning, wire.Waiting, wire.Running, wire.Held, wire.Grace, wire.Undoing, wire.Closing} //nolint:gochecknoglobals // Never changed.

func ofRuns(runs []client.Summary, now time.Time) []prometheus.Metric {
	type group struct{ kind, state string }
	number := map[group]int{}
	for _, kind := range client.Kinds() {
		for _, state := range states {
			number[group{kind, string(state)}] = 0
		}
	}
	held := 0
	oldest := map[string]time.Duration{string(wire.Waiting): 0, string(wire.Held): 0}
	for _, r := range runs {
		number[group{r.Kind, r.State}]++
		held += len(r.Held)
		if age, waits := oldest[r.State]; waits {
			oldest[r.State] = max(age, now.Sub(began(r)))
		}
	}
	out := []prometheus.Metric{value(heldDesc, float64(held))}
	for g, n := range number {
		out = append(out, value(runsDesc, float64(n), g.kind, g.state))
	}
	for state, age := range oldest {
		out = append(out, value(oldestDesc, age.Seconds(), state))
	}
	return out
}

// began is when a run was started. Temporal knows only when the execution was that carries it now; the ULID holds the time.
func began(r client.Summary) time.Time {
	if id, err := ulid.ParseStrict(r.Run); err == nil {
		return id.Timestamp()
	}
	return r.Started
}

func value(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}
