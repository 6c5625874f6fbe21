package reservation

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/executions"
	"fermata/activities/operation"
	"fermata/wire"
)

const id = "address/192.0.2.7"

// found is what is known of executions.
type found map[string]executions.Execution

func (f found) Find(_ context.Context, workflowID string) (executions.Execution, error) {
	return f[workflowID], nil
}

func setup(t *testing.T, known found) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(20 * time.Second)
	Register(func(name string, f any) { env.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name}) })
	executions.NewActivities(known).Register(func(name string, f any) { env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) })
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: id, TaskQueue: wire.Queue})
	return env
}

var held = wire.Reservation{Run: "01A", Owner: "server/web-01", Holder: "server/web-01"}

func TestAReservationEndsWhenItsRunFreesIt(t *testing.T) {
	t.Parallel()
	env := setup(t, found{"server/web-01": {Open: true, Run: "01A"}})
	began := env.Now()
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(wire.SignalFree, "01B") }, time.Hour) // Not its run.
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(wire.SignalFree, "01A") }, 2*time.Hour)
	env.ExecuteWorkflow(wire.HoldReservation, held)
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, 2*time.Hour, env.Now().Sub(began))
}

// A run that was terminated frees nothing.
func TestAReservationEndsWithItsRun(t *testing.T) {
	t.Parallel()
	for name, now := range map[string]executions.Execution{
		"closed":      {Open: false, Run: "01A"},
		"another run": {Open: true, Run: "01C"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			known := found{"server/web-01": {Open: true, Run: "01A"}}
			env := setup(t, known)
			began := env.Now()
			env.RegisterDelayedCallback(func() { known["server/web-01"] = now }, time.Hour+time.Minute)
			env.ExecuteWorkflow(wire.HoldReservation, held)
			require.NoError(t, env.GetWorkflowError())
			require.Equal(t, time.Hour+lookEvery, env.Now().Sub(began))
		})
	}
}

func TestALongReservationContinuesAsNew(t *testing.T) {
	t.Parallel()
	env := setup(t, found{"server/web-01": {Open: true, Run: "01A"}})
	env.ExecuteWorkflow(wire.HoldReservation, held)
	require.True(t, workflow.IsContinueAsNewError(env.GetWorkflowError()))
}

// taking takes the reservation for the first run, then for the second, and frees it.
func taking(first, second operation.Op) func(workflow.Context) error {
	return func(ctx workflow.Context) error {
		err := Take(ctx, id, first)
		if err == nil {
			err = Take(ctx, id, second)
		}
		return errors.Join(err, Free(ctx, id, first), Free(ctx, id, second))
	}
}

func op(run, owner string) operation.Op {
	return operation.Op{Owner: operation.Owner(owner), Key: operation.Key{Run: run, Step: "address", Target: "x"}}
}

func TestTake(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		second operation.Op
		holder executions.Execution
		wrong  string
	}{
		"again, for the same run": {op("01A", "server/web-01"), executions.Execution{Open: true, Target: "server/web-01", Run: "01A"}, ""},
		"of another owner":        {op("01B", "server/web-02"), executions.Execution{Open: true, Target: "server/web-01", Run: "01A"}, "is reserved for server/web-01 by run 01A"},
		"of a run that was terminated": {
			op("01B", "server/web-01"), executions.Execution{Open: true, Target: "server/web-01", Run: "01A"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := setup(t, found{id: x.holder, "taking": {Open: true, Run: "01A"}})
			env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "taking", TaskQueue: wire.Queue})
			env.RegisterWorkflowWithOptions(taking(op("01A", "server/web-01"), x.second), workflow.RegisterOptions{Name: "taking"})
			env.ExecuteWorkflow("taking")
			if x.wrong == "" {
				require.NoError(t, env.GetWorkflowError())
				return
			}
			require.ErrorContains(t, env.GetWorkflowError(), x.wrong)
		})
	}
}

// The worker that hears of the end may die with the news: what an earlier run of the owner left is waited for, a while.
func TestTakeWaitsForAReservationThatHearsLate(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		hears time.Duration
		wrong string
	}{"late": {40 * time.Second, ""}, "never": {time.Hour, "is being freed"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestWorkflowEnvironment()
			holder := executions.Execution{Open: true, Target: "server/web-01", Run: "01A"}
			executions.NewActivities(found{id: holder}).Register(func(name string, f any) {
				env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
			})
			env.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ wire.Reservation) error {
				return workflow.Sleep(ctx, x.hears)
			}, workflow.RegisterOptions{Name: wire.HoldReservation})
			env.RegisterWorkflowWithOptions(taking(op("01A", "server/web-01"), op("01B", "server/web-01")), workflow.RegisterOptions{Name: "taking"})
			env.ExecuteWorkflow("taking")
			if x.wrong == "" {
				require.NoError(t, env.GetWorkflowError())
				return
			}
			require.ErrorContains(t, env.GetWorkflowError(), x.wrong)
		})
	}
}
