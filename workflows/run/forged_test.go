package run

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/wire"
)

// Whoever may start a workflow could write into the carried state that everything was approved. Nothing of it is believed.
func TestACarriedStateOfNobodyIsRefused(t *testing.T) {
	t.Parallel()
	for why, carried := range map[string]string{
		"approved and confirmed": `{"confirmed": true, "phase": "running", "requester": "alice@example", "approved": "everybody"}`,
		"nothing":                `{}`,
		"no JSON":                `"?"`,
	} {
		h := build(t)
		x := h.execution(DefaultLimits(), []string{"one"})
		x.ExecuteWorkflow(plain, wire.StartInput{Run: runULID, Document: json.RawMessage(document), Carried: json.RawMessage(carried)})
		require.True(t, x.IsWorkflowCompleted(), why)
		require.ErrorContains(t, x.GetWorkflowError(), "nothing in it can be believed", why)
		require.Empty(t, h.records, why)
	}
}
