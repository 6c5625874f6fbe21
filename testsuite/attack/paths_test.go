package attack

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	temporal "go.temporal.io/sdk/client"

	"fermata/decision"
	"fermata/wire"
)

// Paths on which a decision can come.
const (
	viaCLI    = "cli"
	viaUpdate = "update"
	viaSignal = "signal"
)

// update sends a decision as anybody can who reaches Temporal. The error is the validator's.
func (x *target) update(t *testing.T, s decision.Signed) (result wire.DecideResult, err error) {
	t.Helper()
	handle, err := x.Client.Temporal().UpdateWorkflow(t.Context(), temporal.UpdateWorkflowOptions{
		WorkflowID: x.WorkflowID, UpdateID: rand.Text(), UpdateName: wire.UpdateDecide, Args: []any{wire.Decide{Signed: s}},
		WaitForStage: temporal.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return result, err
	}
	return result, handle.Get(t.Context(), &result)
}

func (x *target) signal(t *testing.T, s decision.Signed) error {
	t.Helper()
	return x.Client.Temporal().SignalWorkflow(t.Context(), x.WorkflowID, "", wire.SignalDecide, wire.Decide{Signed: s})
}

// events counts the messages in the history. Its length says less: Temporal adds tasks of its own on a busy machine.
func (x *target) events(t *testing.T) int {
	t.Helper()
	n := 0
	history := x.Client.Temporal().GetWorkflowHistory(t.Context(), x.WorkflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		require.NoError(t, err)
		switch e.GetEventType() { //nolint:exhaustive // Those that carry what somebody sent.
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
			enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED:
			n++
		}
	}
	return n
}

// recorded waits until the run has looked at so many decisions, and returns it.
func (x *target) recorded(t *testing.T, n int) wire.Progress {
	t.Helper()
	var p wire.Progress
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var err error
		p, err = x.Client.Progress(t.Context(), x.WorkflowID, "")
		require.NoError(c, err)
		require.GreaterOrEqual(c, looked(p), n)
	}, soon, 10*time.Millisecond)
	require.Equal(t, n, looked(p))
	return p
}

// command turns what a case says into what a person types at this target.
func (x *target) command(typed *typed, other string) []string {
	args := make([]string, len(typed.args))
	for i, a := range typed.args {
		switch {
		case a == "TARGET":
			a = x.name
		case a == "OTHER":
			a = other
		case i > 0 && typed.args[i-1] == "--key":
			a = x.cast.file(a)
		}
		args[i] = a
	}
	if typed.foreign {
		args = append([]string{"--config", x.foreign}, args...)
	}
	return args
}
