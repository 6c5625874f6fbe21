package replay

import (
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"

	"fermata/encryption"
	fermata "fermata/worker"
	"fermata/worker/observe"
)

// Recorded is how many histories there are at least. It only ever grows: a history is never removed.
const recorded = 50

const folder = "histories"

func files(t *testing.T) []string {
	t.Helper()
	found, err := Files(folder)
	require.NoError(t, err)
	return found
}

func keys(t *testing.T) *encryption.Keyring {
	t.Helper()
	k, err := Keys(folder)
	require.NoError(t, err)
	return k
}

func load(t *testing.T, name string) *historypb.History {
	t.Helper()
	h, err := Load(filepath.Join(folder, name+".json"))
	require.NoError(t, err)
	return h
}

func TestReplay(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		t.Run(strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), Packed), ".json"), func(t *testing.T) {
			t.Parallel()
			h, err := Load(file)
			require.NoError(t, err)
			require.NoError(t, Replay(h, keys(t)), "this build cannot go on with a run of an older one: use workflow.GetVersion; never record the history anew")
		})
	}
}

// Whoever watches a run sends headers along with its activities, and adds no command: a run goes on with a worker that is
// watched otherwise than the one that began it.
func TestReplayDoesNotDependOnWhoWatches(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	silent := slog.New(slog.DiscardHandler)
	traces, err := observe.NewTraces(t.Context(), "", silent)
	require.NoError(t, err)
	require.NotNil(t, traces)
	watching := append([]interceptor.WorkerInterceptor{observe.Lines(silent)}, traces.Interceptors()...)
	for _, file := range files(t) {
		h, err := Load(file)
		require.NoError(t, err)
		require.NoError(t, replay(h, keys(t), watching...), file)
		begun := h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
		begun.Header = &commonpb.Header{Fields: map[string]*commonpb.Payload{"_tracer-data": {Data: []byte("no span")}}}
		require.NoError(t, replay(h, keys(t), watching...), "%s with a header that cannot be read", file)
	}
	require.NoError(t, traces.Close(t.Context()))
}

func TestHistoriesAreComplete(t *testing.T) {
	t.Parallel()
	found := files(t)
	require.GreaterOrEqual(t, len(found), recorded, "histories are missing")
	types := map[string]bool{}
	for _, file := range found {
		h, err := Load(file)
		require.NoError(t, err)
		types[TypeOf(h)] = true
	}
	fermata.RegisterWorkflows(func(name string, _ any) {
		require.True(t, types[name], "no history of the workflow type %s: add one to the recorder", name)
	})
}

// A history of which one activity carries another name, id or place is not what this build would do.
func TestAnotherOrderIsFound(t *testing.T) {
	t.Parallel()
	h := load(t, "provision-done")
	require.NoError(t, Replay(h, keys(t)))
	scheduled := map[string]*historypb.ActivityTaskScheduledEventAttributes{}
	for _, e := range h.GetEvents() {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
			scheduled[a.GetActivityId()] = a
		}
	}
	deploy, start := scheduled["deploy"], scheduled["start"]
	require.NotNil(t, deploy)
	require.NotNil(t, start)
	deploy.ActivityId, start.ActivityId = start.GetActivityId(), deploy.GetActivityId()
	deploy.ActivityType, start.ActivityType = start.GetActivityType(), deploy.GetActivityType()
	require.ErrorContains(t, Replay(h, keys(t)), "nondeterministic")
}

// A run that would end otherwise is found, though Temporal's own replay looks only at commands.
func TestAnotherEndIsFound(t *testing.T) {
	t.Parallel()
	h, denied := load(t, "provision-done"), load(t, "provision-denied")
	last := h.GetEvents()[len(h.GetEvents())-1].GetWorkflowExecutionCompletedEventAttributes()
	last.Result = denied.GetEvents()[len(denied.GetEvents())-1].GetWorkflowExecutionCompletedEventAttributes().GetResult()
	require.ErrorContains(t, Replay(h, keys(t)), `the run ended as "denied"`)
}

// Without the key nothing is replayed, rather than everything passing.
func TestAnotherKeyOpensNothing(t *testing.T) {
	t.Parallel()
	key, err := encryption.GenerateKey("sandbox-1")
	require.NoError(t, err)
	other, err := encryption.NewKeyring(key)
	require.NoError(t, err)
	require.Error(t, Replay(load(t, "provision-done"), other))
}

// A history of a namespace, sealed with a key that binds, replays though the replayer knows no namespace.
func TestABoundHistoryReplays(t *testing.T) {
	t.Parallel()
	key, err := encryption.GenerateKey("bound")
	require.NoError(t, err)
	bound, err := encryption.NewKeyring(key)
	require.NoError(t, err)
	h := load(t, "provision-done")
	of := converter.WorkflowSerializationContext{Namespace: "fermata", WorkflowID: h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowId()}
	sealing := bound.Codec().(converter.PayloadCodecWithSerializationContext).WithSerializationContext(of)
	require.NoError(t, proxy.VisitPayloads(t.Context(), h, proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, was []*commonpb.Payload) ([]*commonpb.Payload, error) {
			opened, err := keys(t).Codec().Decode(was)
			if err != nil {
				return nil, err
			}
			return sealing.Encode(opened)
		},
	}))
	require.NoError(t, Replay(h, bound))
}

// The replay belongs to the quick tests: neither it nor what it tests links the Temporal server.
func TestReplayLinksNoServer(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-test", ".").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "fermata/worker")
	require.NotContains(t, string(out), "go.temporal.io/server")
}
