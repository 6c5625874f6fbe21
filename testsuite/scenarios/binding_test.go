package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	temporal "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"

	"fermata/client"
	"fermata/encryption"
	"fermata/sandbox/certificates"
	"fermata/sandbox/embedded"
	"fermata/testsuite/stage"
)

// flows is Temporal, and a worker and a client whose payloads are bound.
type flows struct {
	temporal.Client
	raw temporal.Client // Moves payloads and cannot open them: somebody who may write to the frontend.
}

func startFlows(t *testing.T) flows {
	t.Helper()
	server, err := embedded.Start(embedded.Options{Folder: t.TempDir(), Namespace: "flows", Retention: 24 * time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	key, err := encryption.GenerateKey("bound")
	require.NoError(t, err)
	keys, err := encryption.NewKeyring(key)
	require.NoError(t, err)
	dial := func(keys *encryption.Keyring, as certificates.Pair) temporal.Client {
		settings, err := as.Client("localhost")
		require.NoError(t, err)
		c, err := client.Dial(t.Context(), client.Options{Address: server.Address(), Namespace: "flows", TLS: settings, Keys: keys, Log: stage.Logger(t)})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		return c.Temporal()
	}
	files := server.Certificates()
	f := flows{Client: dial(keys, files.Admin), raw: dial(nil, files.Admin)}
	w := worker.New(dial(keys, files.Worker), flowQueue, worker.Options{DeadlockDetectionTimeout: time.Minute})
	for _, flow := range []any{flow, waitingChild, failingChild, caller} {
		w.RegisterWorkflow(flow)
	}
	for _, step := range []any{echo, failingStep, beating} {
		w.RegisterActivity(step)
	}
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return f
}

// start starts a flow and waits until it has continued as new: what it was told before would go with its first run.
func (f flows) start(t *testing.T, id string) temporal.WorkflowRun {
	t.Helper()
	r, err := f.ExecuteWorkflow(t.Context(), flowOptions(id), flow, word{Text: "canary"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(f.histories(t, id)) == 2 }, time.Minute, 20*time.Millisecond)
	return r
}

func flowOptions(id string) temporal.StartWorkflowOptions {
	return temporal.StartWorkflowOptions{ID: id, TaskQueue: flowQueue, StaticSummary: "canary flow", Memo: map[string]any{"note": "canary memo"}}
}

var heardInSteps = []string{
	"local:canary", "canary message/canary detail", "activity:canary beaten", "canary message/canary detail",
	"child:canary and to the child", "canary message/canary detail",
}

// Nothing that belongs together is refused, in any way that Temporal has of carrying it.
func TestBoundPayloadsPassEverywhere(t *testing.T) {
	t.Parallel()
	f := startFlows(t)
	one := f.start(t, "flow/1")
	answer, err := f.UpdateWorkflow(t.Context(), temporal.UpdateWorkflowOptions{
		WorkflowID: "flow/1", UpdateName: "ask", Args: []any{word{Text: "asked"}}, WaitForStage: temporal.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	var asked word
	require.NoError(t, answer.Get(t.Context(), &asked))
	require.Equal(t, "asked", asked.Text)
	answer, err = f.UpdateWorkflow(t.Context(), temporal.UpdateWorkflowOptions{
		WorkflowID: "flow/1", UpdateName: "ask", Args: []any{word{Text: "fail"}}, WaitForStage: temporal.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	require.Equal(t, "canary message/canary detail", detailOf(answer.Get(t.Context(), nil)), "a failure that an update ends with")
	value, err := f.QueryWorkflow(t.Context(), "flow/1", "", "tell", word{Text: "told"})
	require.NoError(t, err)
	var told []string
	require.NoError(t, value.Get(&told))
	require.Contains(t, told, "told")
	described, err := f.DescribeWorkflow(t.Context(), "flow/1", one.GetRunID()) // Continued as new, it has none.
	require.NoError(t, err)
	summary, err := described.GetStaticSummary()
	require.NoError(t, err)
	require.Equal(t, "canary flow", summary)

	_, err = f.ExecuteWorkflow(t.Context(), flowOptions("caller"), caller, "flow/1")
	require.NoError(t, err)
	var heard []string
	require.NoError(t, one.Get(t.Context(), &heard))
	require.Subset(t, heard, append([]string{"update:asked", "signal:from a workflow"}, heardInSteps...))

	two, err := f.SignalWithStartWorkflow(t.Context(), "flow/2", "word", word{Text: "fail"}, flowOptions("flow/2"), flow, word{Text: "canary", Turn: 1})
	require.NoError(t, err)
	require.Equal(t, "canary message/canary detail", detailOf(two.Get(t.Context(), nil)), "what a child failed with, asked of its parent")

	for _, r := range []temporal.WorkflowRun{one, two} {
		for _, h := range f.histories(t, r.GetID()) {
			require.False(t, strings.Contains(h.String(), "canary"), "a history of %s has clear text", r.GetID())
		}
	}
}

func TestAScheduledRunOpensItsInput(t *testing.T) {
	t.Parallel()
	f := startFlows(t)
	handle, err := f.ScheduleClient().Create(t.Context(), temporal.ScheduleOptions{
		ID: "daily", Action: &temporal.ScheduleWorkflowAction{ID: "flow/daily", Workflow: flow, Args: []any{word{Text: "canary", Turn: 1}}, TaskQueue: flowQueue},
		TriggerImmediately: true,
	})
	require.NoError(t, err)
	var id string
	require.Eventually(t, func() bool {
		d, err := handle.Describe(t.Context())
		if err != nil || len(d.Info.RecentActions) == 0 {
			return false
		}
		id = d.Info.RecentActions[0].StartWorkflowResult.WorkflowID
		return true
	}, time.Minute, 50*time.Millisecond)
	require.True(t, strings.HasPrefix(id, "flow/daily-2"), id)
	require.NoError(t, f.SignalWorkflow(t.Context(), id, "", "word", word{Text: "on time"}))
	var heard []string
	require.NoError(t, f.GetWorkflow(t.Context(), id, "").Get(t.Context(), &heard))
	require.Contains(t, heard, "signal:on time")
}

// Somebody who may write to the frontend and holds no key takes what one workflow was given and gives it to another,
// which shows what it is told.
func TestAMovedPayloadIsRefused(t *testing.T) {
	t.Parallel()
	f := startFlows(t)
	victim := f.start(t, "flow/victim")
	loot := converter.NewRawValue(f.histories(t, victim.GetID())[0].GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()[0])
	accomplice := f.start(t, "flow/accomplice")

	_, err := f.raw.QueryWorkflow(t.Context(), accomplice.GetID(), "", "tell", loot)
	require.ErrorContains(t, err, "somebody moved it")
	_, err = f.raw.QueryWorkflow(t.Context(), victim.GetID(), "", "tell", loot)
	require.NoError(t, err, "the same, where it belongs")
	answer, err := f.raw.UpdateWorkflow(t.Context(), temporal.UpdateWorkflowOptions{
		WorkflowID: accomplice.GetID(), UpdateName: "ask", Args: []any{loot}, WaitForStage: temporal.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = answer.Get(t.Context(), nil)
	}
	require.Error(t, err)
	require.NoError(t, f.raw.SignalWorkflow(t.Context(), accomplice.GetID(), "", "word", loot))
	require.NoError(t, f.SignalWorkflow(t.Context(), accomplice.GetID(), "", "word", word{Text: "an honest one"}))
	var heard []string
	require.NoError(t, accomplice.Get(t.Context(), &heard))
	require.Contains(t, heard, "signal:an honest one", "what could not be opened is passed over")
	require.NotContains(t, heard, "signal:canary")
	require.NotContains(t, heard, "update:canary")

	started, err := f.raw.ExecuteWorkflow(t.Context(), temporal.StartWorkflowOptions{ID: "flow/third", TaskQueue: flowQueue}, "flow", loot)
	require.NoError(t, err)
	err = f.GetWorkflow(t.Context(), started.GetID(), "").Get(t.Context(), nil)
	require.ErrorContains(t, err, `sealed it for "flow/victim"`)
}

// histories reads every run of a workflow, oldest first, as they are stored.
func (f flows) histories(t *testing.T, id string) (found []*historypb.History) {
	t.Helper()
	runID := ""
	for {
		h := &historypb.History{}
		events := f.raw.GetWorkflowHistory(t.Context(), id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			e, err := events.Next()
			require.NoError(t, err)
			h.Events = append(h.Events, e)
		}
		found = append([]*historypb.History{h}, found...)
		if runID = h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId(); runID == "" {
			return found
		}
	}
}
