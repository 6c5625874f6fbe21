package trust

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/operation"
	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/testsuite/stage"
)

// forged is a workflow that somebody wrote who holds a worker's certificate and the payload keys: as bad as it can be. It asks
// for a machine's end.
func forged(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: operation.Queue(compute.Capability, ""), StartToCloseTimeout: time.Minute, ScheduleToCloseTimeout: time.Minute})
	in := compute.DestroyVMInput{Op: operation.Op{Owner: "server/web-01", Key: operation.Key{Run: "01J", Step: "destroy", Target: "web-01"}}, MachineID: "vm-1"}
	return workflow.ExecuteActivity(ctx, "compute.DestroyVM", in).Get(ctx, nil)
}

// connected is Temporal's client with a description's certificate and keys.
func connected(t *testing.T, file string) temporal.Client {
	t.Helper()
	cfg, err := config.Load(file)
	require.NoError(t, err)
	o, err := client.FromConfig(t.Context(), cfg, providers.Keys, nil)
	require.NoError(t, err)
	options, err := o.TemporalOptions()
	require.NoError(t, err)
	c, err := temporal.DialContext(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// The lock is the workflow's id: a workflow of another id changes nothing of a server, whoever runs it. And who runs workflows
// starts none, while who starts them does so on the queue of Fermata's own workers.
func TestAForgedWorkflowChangesNothing(t *testing.T) {
	t.Parallel()
	s := stage.Setup(t)
	worker := connected(t, s.WorkerConfig)
	w := sdk.New(worker, "fermata.forged", sdk.Options{})
	w.RegisterWorkflow(forged)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	ask := func(c temporal.Client, id string) (temporal.WorkflowRun, error) {
		return c.ExecuteWorkflow(t.Context(), temporal.StartWorkflowOptions{ID: id, TaskQueue: "fermata.forged"}, forged)
	}
	_, err := ask(worker, "forged")
	require.ErrorContains(t, err, "unauthorized")
	_, err = ask(connected(t, s.Config), "forged")
	require.ErrorContains(t, err, "unauthorized")

	admin := s.Admin(t).Temporal()
	run, err := ask(admin, "forged")
	require.NoError(t, err)
	require.ErrorContains(t, run.Get(t.Context(), nil), `acts for "server/web-01" in a workflow whose id is "forged"`)
}
