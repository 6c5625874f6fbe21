package trust

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/server/common/primitives"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"fermata/config"
	"fermata/config/providers"
	"fermata/sandbox"
	"fermata/sandbox/certificates"
	"fermata/sandbox/embedded"
	"fermata/testsuite/stage"
)

// standalone asks for an activity that belongs to no workflow.
func standalone(kind, on string) *workflowservice.StartActivityExecutionRequest {
	return &workflowservice.StartActivityExecutionRequest{
		Namespace: namespace, ActivityId: kind, RequestId: kind, ActivityType: &commonpb.ActivityType{Name: kind}, TaskQueue: queue(on),
		StartToCloseTimeout: durationpb.New(time.Minute), ScheduleToCloseTimeout: durationpb.New(time.Minute),
	}
}

// short is a context for a poll, which otherwise waits for a minute.
func short(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(limited(t), 1500*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// within is the frontend as Temporal's own parts find it: it asks nobody for a role. So it shows what stands behind the
// authorizer.
func within(t *testing.T, s *embedded.Server) workflowservice.WorkflowServiceClient {
	t.Helper()
	files := s.Certificates()
	c := believing(t, files.Internode.Authority, loaded(t, files.Internode), certificates.InternodeName)
	return workflowservice.NewWorkflowServiceClient(dial(t, s.Parts()[primitives.InternalFrontendService], c))
}

// Past the authorizer stands the setting.
func TestStandaloneActivitiesAreSwitchedOff(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	_, err := within(t, b.Server).StartActivityExecution(limited(t), standalone("compute.DestroyVM", "fermata.compute"))
	require.Equal(t, codes.Unimplemented, status.Code(err), err)
	require.ErrorContains(t, err, "disabled")
}

// Past the setting stands the worker: an installation that forgot both still refuses every activity that Fermata has.
func TestTheWorkerRefusesStandaloneActivities(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "temporal"), 0o700))
	server, err := embedded.Start(embedded.Options{
		Folder: filepath.Join(folder, "temporal"), Namespace: sandbox.Namespace, Retention: sandbox.Retention,
		Settings: map[string]any{"activity.enableStandalone": true},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	s := stage.Start(t, sandbox.Options{Folder: folder, Temporal: server.Address(), WithoutUI: true, Log: stage.Logger(t)})
	cfg, err := config.Load(s.WorkerConfig)
	require.NoError(t, err)
	keys, err := providers.Keys(t.Context(), cfg)
	require.NoError(t, err)
	frontend := within(t, server)
	tried := 0
	for on, kinds := range s.Activities() {
		for _, kind := range kinds {
			tried++
			started, err := frontend.StartActivityExecution(limited(t), standalone(kind, on))
			require.NoError(t, err, kind)
			failure := keys.FailureConverter().FailureToError(outcome(t, frontend, kind, started.GetRunId()))
			require.ErrorContains(t, failure, kind+" runs only as part of a workflow")
		}
	}
	require.Greater(t, tried, 30, "the worker's activities were found")
	require.NoError(t, s.Close())
}

// outcome waits for an activity's end, which must be a failure, and returns it.
func outcome(t *testing.T, frontend workflowservice.WorkflowServiceClient, id, run string) *failurepb.Failure {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		out, err := frontend.PollActivityExecution(ctx, &workflowservice.PollActivityExecutionRequest{Namespace: namespace, ActivityId: id, RunId: run})
		require.NoError(t, err, id)
		if out.GetOutcome() == nil {
			continue
		}
		failure := out.GetOutcome().GetFailure()
		require.NotNil(t, failure, id)
		require.True(t, failure.GetApplicationFailureInfo().GetNonRetryable(), id)
		return failure
	}
}
