package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// BenchmarkChain compares the wall time of the example, provisioned on the sandbox, with the longest chain of its steps as they
// depend on each other: what it takes longer was spent between steps.
func BenchmarkChain(b *testing.B) {
	x := setup(b, standard)
	for n := range b.N {
		f := x.bare(b, floorQueue)
		require.NoError(b, f.Get(b.Context(), nil))
		latency := x.look(b, x.floor, f.GetID(), f.GetRunID()).wall
		server := stage.Server(b, fmt.Sprintf("web-%02d", n+1), fmt.Sprintf("10.20.0.%d", n+11))
		r, err := client.Provision(server)
		p := x.Done(b, x.Begin(b, r, err))
		chain, took := longest(p.Steps)
		wall := p.Ended.Sub(*p.Planned)
		say("wall time after the plan %s, the floor's latency %s, longest chain %s:\n  %s", wall, latency, took, strings.Join(chain, "\n  "))
		b.ReportMetric(ms(wall), "run-ms")
		b.ReportMetric(ms(took), "chain-ms")
		verdict(b, "wall time / (longest chain + the floor's latency)", float64(wall)/float64(took+latency), 1.05, true)
	}
}

// longest is the chain of steps, each of which depends on the one before, that took longest.
func longest(steps []wire.Step) (chain []string, took time.Duration) {
	type way struct {
		steps []string
		took  time.Duration
	}
	ways := map[string]way{}
	var best way
	for n, s := range steps {
		var before way
		if n == len(steps)-1 { // The record comes after all else, without saying so.
			before = best
		}
		for _, id := range s.After {
			if w := ways[id]; w.took > before.took {
				before = w
			}
		}
		if s.Started == nil || s.Ended == nil {
			continue
		}
		own := s.Ended.Sub(*s.Started)
		w := way{append(slices.Clone(before.steps), fmt.Sprintf("%-36s %s", s.Title, own.Round(time.Millisecond))), before.took + own}
		if ways[s.ID] = w; w.took > best.took {
			best = w
		}
	}
	return best.steps, best.took
}
