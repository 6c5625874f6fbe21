package recorder

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/spec"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// fleets are many servers after one approval, and the runs that a fleet begins.
func fleets() []story {
	return []story{
		{"fleet-done", func(t *testing.T, s *set) []execution {
			r, err := client.Fleet(fleetOfTwo(t))
			started := s.Begin(t, r, err)
			s.Approve(t, started)
			x := s.ends(t, started, wire.Done)
			own, err := s.Client.Temporal().DescribeWorkflowExecution(t.Context(), "server/web-22", "")
			require.NoError(t, err)
			return append(x, execution{"server/web-22", own.GetWorkflowExecutionInfo().GetExecution().GetRunId()})
		}},
		{"plan-fleet", func(t *testing.T, s *set) []execution {
			r, err := client.Fleet(fleetOfTwo(t))
			require.NoError(t, err)
			preview, err := s.Client.Plan(t.Context(), r)
			require.NoError(t, err)
			require.Empty(t, preview.Problems())
			return slices.Concat(s.latest(t, wire.PlanFleet), s.latest(t, wire.PlanMember))
		}},
	}
}

func fleetOfTwo(t *testing.T) *spec.Fleet {
	t.Helper()
	file := filepath.Join(stage.Root(t), "examples", "fleet.yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	f, err := spec.ParseFleet(file, []byte(strings.Replace(string(data), "count: 6", "count: 2", 1)))
	require.NoError(t, err)
	f.Spec.Rollout.Waves = nil // Side by side: a story does not last.
	return f
}
