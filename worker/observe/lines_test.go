package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/wire"
)

const ulidOfRun = "01JNFA0000000000000000TEST"

// input is an activity's that changes something.
type input struct {
	Op     operation.Op `json:"op"`
	Answer string       `json:"answer"`
}

// process plans, does a step and takes it back.
func process(ctx workflow.Context, _ wire.StartInput) error {
	workflow.GetLogger(ctx).Info("a word of the run's")
	call := func(route operation.Route, activity string, in any) error {
		_, err := operation.Call[string](operation.WithRoute(ctx, route), "compute", activity, time.Minute, in)
		return err
	}
	if err := call(operation.Route{Summary: "plan"}, "compute.Plan", ""); err != nil {
		return err
	}
	op := operation.Op{Key: operation.Key{Run: ulidOfRun, Step: "disk/data", Target: "disk-1"}}
	failed := call(operation.Route{Step: "disk/data"}, "compute.AddDisk", input{Op: op, Answer: "no"})
	_ = call(operation.Route{Step: operation.Undoing("disk/data")}, "compute.RemoveDisk", input{Op: op, Answer: "yes"})
	return failed
}

func add(l *slog.Logger) func(context.Context, input) (string, error) {
	return func(ctx context.Context, in input) (string, error) {
		l.InfoContext(ctx, "a word of the driver's", "vcenter", "vc-1")
		if in.Answer == "no" {
			return "", fault.ForTemporal(fault.New(fault.Conflict, "the disk is another's"))
		}
		return "", nil
	}
}

// environment carries process with a worker's interceptors.
func environment(t *testing.T, l *slog.Logger, more ...interceptor.WorkerInterceptor) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(l))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: append([]interceptor.WorkerInterceptor{Lines(l)}, more...)})
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "server/web-01", TaskQueue: wire.Queue})
	env.RegisterWorkflowWithOptions(process, workflow.RegisterOptions{Name: wire.ProvisionServer})
	env.RegisterActivityWithOptions(func(context.Context, string) (string, error) { return "", nil }, activity.RegisterOptions{Name: "compute.Plan"})
	for _, name := range []string{"compute.AddDisk", "compute.RemoveDisk"} {
		env.RegisterActivityWithOptions(add(l), activity.RegisterOptions{Name: name})
	}
	return env
}

type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }

// lines reads a JSON log.
func (l *locked) lines(t *testing.T) (all []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		var one map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &one), line)
		all = append(all, one)
	}
	return all
}

func find(lines []map[string]any, message string, with ...string) (found []map[string]any) {
	for _, l := range lines {
		matches := l["msg"] == message
		for i := 0; i < len(with); i += 2 {
			matches = matches && l[with[i]] == with[i+1]
		}
		if matches {
			found = append(found, l)
		}
	}
	return found
}

// Every line about an activity says for which run, step and target: the worker's own, and what a driver says with its
// context. One that reads has no key in its input and learns the run from the workflow.
func TestLinesNameRunStepAndTarget(t *testing.T) {
	t.Parallel()
	out := &locked{}
	l := slog.New(Handler(slog.NewJSONHandler(out, nil)))
	env := environment(t, l)
	env.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: ulidOfRun})
	require.ErrorContains(t, env.GetWorkflowError(), "another's")
	all := out.lines(t)

	plan := find(all, "activity done", "activity", "compute.Plan")
	require.Len(t, plan, 1, "%v", all)
	require.Equal(t, ulidOfRun, plan[0]["run"])
	require.Equal(t, "plan", plan[0]["step"])
	require.Equal(t, "web-01", plan[0]["target"])
	require.Equal(t, wire.ProvisionServer, plan[0]["kind"])
	require.EqualValues(t, 1, plan[0]["attempt"])
	require.NotEmpty(t, plan[0]["queue"])

	failed := find(all, "activity failed", "run", ulidOfRun, "step", "disk/data", "target", "disk-1", "fault", string(fault.Conflict))
	require.Len(t, failed, 1, "%v", all)
	require.Equal(t, "the disk is another's", failed[0]["reason"])
	require.Equal(t, "WARN", failed[0]["level"])
	undo := find(all, "activity done", "run", ulidOfRun, "step", "disk/data", "target", "disk-1", "activity", "compute.RemoveDisk")
	require.Len(t, undo, 1, "%v", all)
	require.Equal(t, true, undo[0]["undo"])

	require.Len(t, find(all, "a word of the driver's", "run", ulidOfRun, "step", "disk/data", "target", "disk-1", "vcenter", "vc-1"), 2)
	require.Len(t, find(all, "a word of the run's", "run", ulidOfRun, "target", "web-01", "kind", wire.ProvisionServer), 1)
}

// A workflow of an older build tells its activities nothing; what they know by themselves is logged.
func TestLinesDoWithoutTheHeader(t *testing.T) {
	t.Parallel()
	out := &locked{}
	l := slog.New(slog.NewJSONHandler(out, nil))
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{Lines(l)}})
	env.RegisterActivityWithOptions(add(slog.New(slog.DiscardHandler)), activity.RegisterOptions{Name: "compute.AddDisk"})
	_, err := env.ExecuteActivity("compute.AddDisk", input{Op: operation.Op{Key: operation.Key{Run: ulidOfRun, Step: "deploy", Target: "web-01"}}})
	require.NoError(t, err)
	require.Len(t, find(out.lines(t), "activity done", "run", ulidOfRun, "step", "deploy", "target", "web-01"), 1)
}

func TestAHandlerIsNotPutIntoAnother(t *testing.T) {
	t.Parallel()
	out := &locked{}
	twice := slog.New(Handler(Handler(slog.NewJSONHandler(out, nil)))).With("a", 1).WithGroup("g")
	twice.InfoContext(with(t.Context(), fields{Run: "r"}), "hello")
	twice.Info("without")
	lines := out.lines(t)
	require.Equal(t, map[string]any{"run": "r"}, lines[0]["g"])
	require.NotContains(t, lines[1], "g")
}
