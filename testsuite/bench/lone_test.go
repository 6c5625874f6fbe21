package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
)

func executionOf(id, run string) *commonpb.WorkflowExecution {
	return &commonpb.WorkflowExecution{WorkflowId: id, RunId: run}
}

// pairs are how many runs are compared, one beside the other, after as many that warm up caches.
const pairs = 3

// BenchmarkLoneRun compares a run of 12 steps that do nothing with 12 activities that do nothing in a bare workflow.
func BenchmarkLoneRun(b *testing.B) {
	for _, c := range []struct{ name, policy string }{{"no policy", ""}, {"policy", standard}} {
		b.Run(c.name, func(b *testing.B) { lone(b, setup(b, c.policy), c.policy == "") })
	}
}

func lone(b *testing.B, x *bench, asks bool) {
	b.Helper()
	var floor, apart, own []execution
	for range b.N {
		floor, apart, own = nil, nil, nil
		for n := range 2 * pairs {
			f := x.bare(b, floorQueue)
			require.NoError(b, f.Get(b.Context(), nil))
			a := x.bare(b, apartQueue) // One after the other: none slows the other down.
			require.NoError(b, a.Get(b.Context(), nil))
			r := x.errand(b, x.name())
			if asks {
				x.Approve(b, r)
			}
			x.done(b, r)
			if n == 2*pairs-1 {
				say("the events of the last run:\n%s", spent(b, x.Client.Temporal(), r.WorkflowID, r.RunID))
			}
			if n >= pairs {
				floor = append(floor, x.look(b, x.floor, f.GetID(), f.GetRunID()))
				apart = append(apart, x.look(b, x.floor, a.GetID(), a.GetRunID()))
				own = append(own, x.look(b, x.Client.Temporal(), r.WorkflowID, r.RunID))
			}
		}
	}
	walls := func(all []execution) (d []time.Duration) {
		for _, e := range all {
			d = append(d, e.wall)
		}
		return d
	}
	f, a, o := median(walls(floor)), median(walls(apart)), median(walls(own))
	b.ReportMetric(ms(f), "floor-ms")
	b.ReportMetric(ms(a), "floor-apart-ms")
	b.ReportMetric(ms(o), "run-ms")
	b.ReportMetric(float64(floor[0].events), "floor-events")
	b.ReportMetric(float64(own[0].events), "run-events")
	b.ReportMetric(float64(own[0].bytes)/1024, "run-KiB")
	if !asks {
		say("     wall time of a lone run / floor with its activities on a queue apart %12.2f", float64(o)/float64(a))
		verdict(b, "wall time of a lone run / floor", float64(o)/float64(f), 0.7, true)
	}
	verdict(b, "history events of a run / floor", float64(own[0].events)/float64(floor[0].events), 0.75, true)
	verdict(b, "history of a run, KiB", float64(own[0].bytes)/1024, 96, true)
}
