package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/spec"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// BenchmarkChain compares the wall time of the examples, provisioned on the sandbox, with the longest chain of their steps as they
// depend on each other: what they take longer was spent between steps. It also compares the events of a step with the floor's.
func BenchmarkChain(b *testing.B) {
	b.Run("server", func(b *testing.B) {
		chained(b, func(n int) (client.Request, error) {
			return client.Provision(stage.Server(b, fmt.Sprintf("web-%02d", n+1), fmt.Sprintf("10.20.0.%d", n+11)))
		})
	})
	b.Run("instance", func(b *testing.B) {
		chained(b, func(n int) (client.Request, error) {
			data, err := os.ReadFile(filepath.Join(stage.Root(b), "examples", "instance.yaml"))
			require.NoError(b, err)
			another := strings.NewReplacer("app-01", fmt.Sprintf("app-%02d", n+1), ": shop", fmt.Sprintf(": shop_%d", n+1)).Replace(string(data))
			i, err := spec.ParseInstance("instance.yaml", []byte(another))
			require.NoError(b, err)
			return client.ProvisionInstance(i)
		})
	})
}

func chained(b *testing.B, ask func(n int) (client.Request, error)) {
	b.Helper()
	x := setup(b, standard)
	for n := range b.N {
		f := x.bare(b, floorQueue)
		require.NoError(b, f.Get(b.Context(), nil))
		floor := x.look(b, x.floor, f.GetID(), f.GetRunID())
		r, err := ask(n)
		started := x.Begin(b, r, err)
		p := x.Done(b, started)
		own := x.look(b, x.Client.Temporal(), started.WorkflowID, started.RunID)
		chain, took := longest(p.Steps)
		wall := p.Ended.Sub(*p.Planned)
		say("wall time after the plan %s, the floor's latency %s, longest chain %s:\n  %s", wall, floor.wall, took, strings.Join(chain, "\n  "))
		b.ReportMetric(ms(wall), "run-ms")
		b.ReportMetric(ms(took), "chain-ms")
		b.ReportMetric(float64(own.bytes)/1024, "run-KiB")
		verdict(b, "wall time after the plan / (1.05 x longest chain + the floor's latency)", float64(wall)/(1.05*float64(took)+float64(floor.wall)), 1, true)
		verdict(b, "own share (wall time - chain) / floor", float64(wall-took)/float64(floor.wall), 0.7, true)
		verdict(b, "history events of a step / of the floor's", float64(own.events)/float64(len(p.Steps))/(float64(floor.events)/steps), 0.75, true)
		verdict(b, "history of the run, KiB", float64(own.bytes)/1024, 96, true)
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
