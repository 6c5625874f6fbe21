// Package bench measures what Fermata itself costs, beside what Temporal alone costs in the same process at the same time. See
// `make bench`. Figures are printed, and nothing fails by them: a busy machine is no fault of a change.
package bench

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	temporal "go.temporal.io/sdk/client"

	"fermata/client"
	"fermata/sandbox"
	"fermata/spec"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// standard approves errands beforehand, so that no time of a person is measured.
const standard = `apiVersion: fermata/v1
kind: Policy
metadata: {name: bench}
spec:
  groups: {people: {members: ["*@sandbox"]}}
  automation: {stop: [people]}
  rules:
    - {name: errands, match: {kinds: [BenchErrand, ProvisionServer, ProvisionInstance]}, change: standard, may: {start: [people], operate: [people]}}
`

// bench is a sandbox with the errand, and the floor beside it.
type bench struct {
	*stage.Stage
	floor temporal.Client
	made  int
}

func setup(b *testing.B, policy string) *bench {
	b.Helper()
	s := stage.Setup(b, func(o *sandbox.Options) { o.WorkerOptions, o.Policy = options(), policy })
	return &bench{Stage: s, floor: floor(b, s)}
}

// execution is one that has ended.
type execution struct {
	wall   time.Duration // As Temporal has it, from start to end.
	events int64
	bytes  int64
}

// look asks how an execution went.
func (x *bench) look(b *testing.B, c temporal.Client, id, run string) execution {
	b.Helper()
	d, err := c.WorkflowService().DescribeWorkflowExecution(b.Context(), &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: sandbox.Namespace, Execution: executionOf(id, run),
	})
	require.NoError(b, err)
	info := d.GetWorkflowExecutionInfo()
	require.NotNil(b, info.GetCloseTime(), "it has ended")
	return execution{
		wall: info.GetCloseTime().AsTime().Sub(info.GetStartTime().AsTime()), events: info.GetHistoryLength(), bytes: info.GetHistorySizeBytes(),
	}
}

// bare begins one of the floor's workflows, with its activities on that queue.
func (x *bench) bare(b *testing.B, queue string) (run temporal.WorkflowRun) {
	b.Helper()
	run, err := x.floor.ExecuteWorkflow(b.Context(), temporal.StartWorkflowOptions{TaskQueue: floorQueue, EnableEagerStart: true}, bare, steps, queue)
	require.NoError(b, err)
	return run
}

// errand begins a run of the errand, as a person starts a process of one's own.
func (x *bench) errand(b *testing.B, name string) client.Started {
	b.Helper()
	document, err := spec.ParseOwn("errand.yaml", []byte("{apiVersion: bench.test/v1, kind: Errand, metadata: {name: "+name+"}}"))
	require.NoError(b, err)
	r, err := client.Own(kind, "", document)
	return x.Begin(b, r, err)
}

func (x *bench) name() string {
	x.made++
	return fmt.Sprintf("e%05d", x.made)
}

// done waits for a run of the frame, which must have done what was asked.
func (x *bench) done(b *testing.B, s client.Started) {
	b.Helper()
	var out wire.StartOutput
	require.NoError(b, x.Client.Temporal().GetWorkflow(b.Context(), s.WorkflowID, s.RunID).Get(b.Context(), &out))
	require.Equal(b, wire.Done, out.Outcome, out.Reason)
}

func median[T int64 | time.Duration | float64](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// verdict prints a figure beside its bound.
func verdict(b *testing.B, what string, is, bound float64, atMost bool) {
	b.Helper()
	word, within := "at most", is <= bound
	if !atMost {
		word, within = "at least", is >= bound
	}
	state := "ok"
	if !within {
		state = "OVER"
	}
	say("%-4s %-48s %8.2f (%s %.2f) on %d cores", state, what, is, word, bound, runtime.NumCPU())
}

// say prints at once: what a benchmark logs is cut after ten lines.
func say(format string, args ...any) { fmt.Printf("\n"+format, args...) }
