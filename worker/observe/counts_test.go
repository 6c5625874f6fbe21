package observe

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"fermata/client"
)

// source is a Temporal with these runs.
type source struct {
	runs   []client.Summary
	queues map[string]bool
	err    error
	asked  int
}

func (s *source) Open(_ context.Context, limit int) ([]client.Summary, error) {
	s.asked++
	if limit != maxRuns {
		return nil, errors.New("no limit")
	}
	return s.runs, s.err
}

func (s *source) Queues(context.Context) (map[string]bool, error) { return s.queues, nil }

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func run(state string, age time.Duration, held ...string) client.Summary {
	return client.Summary{
		Kind: "ProvisionServer", State: state, Held: held, Started: noon, // When it was last continued as new.
		Run: ulid.MustNewDefault(noon.Add(-age)).String(),
	}
}

func counting(s *source) (*counts, *time.Time) {
	now := noon
	c := newCounts(s, slog.New(slog.DiscardHandler))
	c.now = func() time.Time { return now }
	return c, &now
}

func TestRunsAreCounted(t *testing.T) {
	t.Parallel()
	c, _ := counting(&source{
		runs: []client.Summary{
			run("held", time.Hour, "deploy", "firewall"), run("held", 3*time.Hour, "record"), run("running", 100*time.Hour),
			run("waiting", 30*time.Hour), run("waiting", time.Minute),
			{Kind: "DecommissionServer", State: "grace", Run: "no ULID", Started: noon},
		},
		queues: map[string]bool{"fermata": true, "fermata.compute.berlin": false},
	})
	want := `
# HELP fermata_held_steps Steps that wait for a person after they failed.
# TYPE fermata_held_steps gauge
fermata_held_steps 3
# HELP fermata_oldest_waiting_seconds Age of the oldest run in a state in which a person must act; 0: there is none.
# TYPE fermata_oldest_waiting_seconds gauge
fermata_oldest_waiting_seconds{state="held"} 10800
fermata_oldest_waiting_seconds{state="waiting"} 108000
# HELP fermata_queue_polled 1 if a worker polled the queue in the last minute. The queues are those of this worker's configuration.
# TYPE fermata_queue_polled gauge
fermata_queue_polled{queue="fermata"} 1
fermata_queue_polled{queue="fermata.compute.berlin"} 0
# HELP fermata_visibility_up 1 if Temporal answered how runs and queues are; else their metrics are absent.
# TYPE fermata_visibility_up gauge
fermata_visibility_up 1
`
	all := exposed(t, c)
	for family := range strings.SplitSeq(want[1:], "# HELP") {
		require.Contains(t, all, family)
	}
	for _, line := range []string{
		`fermata_runs{kind="ProvisionServer",state="held"} 2`,
		`fermata_runs{kind="DecommissionServer",state="grace"} 1`,
		`fermata_runs{kind="ProvisionServer",state="undoing"} 0`,
	} {
		require.Contains(t, all, line)
	}
}

// Scrapes within a quarter of a minute ask Temporal once; what it does not answer is absent rather than old.
func TestCountsAreKeptForAWhileAndNeverInvented(t *testing.T) {
	t.Parallel()
	s := &source{runs: []client.Summary{run("held", time.Hour, "deploy")}}
	c, now := counting(s)
	for range 5 {
		require.Contains(t, exposed(t, c), "fermata_held_steps 1")
	}
	require.Equal(t, 1, s.asked)
	*now = now.Add(countEvery)
	s.err = errors.New("Temporal is away")
	got := exposed(t, c)
	require.Contains(t, got, "fermata_visibility_up 0\n")
	require.NotContains(t, got, "fermata_held_steps")
	require.NotContains(t, got, "fermata_runs")
	require.Equal(t, 2, s.asked)
	*now = now.Add(countEvery)
	s.err = nil
	require.Contains(t, exposed(t, c), "fermata_held_steps 1")
}
