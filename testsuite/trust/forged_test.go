package trust

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	temporal "go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/testsuite/stage"
	"fermata/wire"
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

// Who may start runs starts one with a state that says it is approved and confirmed, as a run carries it along that continues
// as new; and lets Temporal start it again by a cron schedule, which nearly looks like that. Nothing is made.
func TestAForgedStateIsNotBelieved(t *testing.T) {
	t.Parallel()
	s := stage.Setup(t)
	server := stage.WebServer(t)
	document, err := json.Marshal(server)
	require.NoError(t, err)
	in := wire.StartInput{Run: client.NewRun(), Document: document, Carried: json.RawMessage(`{"confirmed": true, "phase": "running", "requester": "somebody"}`)}
	start := func(c temporal.Client, cron string) (temporal.WorkflowRun, error) {
		return c.ExecuteWorkflow(t.Context(), temporal.StartWorkflowOptions{ID: server.WorkflowID(), TaskQueue: wire.Queue, CronSchedule: cron}, wire.ProvisionServer, in)
	}
	people := connected(t, s.Config)
	run, err := start(people, "")
	require.NoError(t, err)
	require.ErrorContains(t, run.Get(t.Context(), nil), "nothing in it can be believed")
	_, err = start(people, "@every 1s")
	require.ErrorContains(t, err, "unauthorized")

	admin := s.Admin(t).Temporal()
	_, err = start(admin, "@every 1s")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		failed, err := admin.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: "ExecutionStatus = 'Failed' AND WorkflowId = '" + server.WorkflowID() + "'"})
		require.NoError(t, err)
		return failed.GetCount() >= 3 // The people's, the admin's, and what Temporal started again.
	}, time.Minute, 100*time.Millisecond, "Temporal starts it again, and it fails again")
	require.NoError(t, admin.TerminateWorkflow(t.Context(), server.WorkflowID(), "", "seen enough"))
	out, err := s.Client.Records(t.Context(), record.FindInput{}, false)
	require.NoError(t, err)
	require.Empty(t, out.Entries, "no run did anything")
}
