package canary

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// Temporal looks into everything that Temporal tells: search attributes, memos and whole histories of all workflows,
// sealed as they are and opened with the installation's keys.
func (s *Search) Temporal(t testing.TB, prefix string, c sdk.Client, keys converter.PayloadCodec) {
	t.Helper()
	runs, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	require.NoError(t, err)
	require.NotEmpty(t, runs.GetExecutions())
	for _, e := range runs.GetExecutions() {
		id, run := e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId()
		described, err := c.DescribeWorkflowExecution(t.Context(), id, run)
		require.NoError(t, err)
		all := bytes.NewBuffer(opened(t, described, keys))
		history := c.GetWorkflowHistory(t.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			require.NoError(t, err)
			all.Write(opened(t, event, keys))
		}
		s.Look(prefix+"Temporal: "+id+" "+run, all.Bytes())
	}
}

// opened is a message as it is, and all that is sealed in it.
func opened(t testing.TB, m proto.Message, keys converter.PayloadCodec) []byte {
	t.Helper()
	sealed, err := proto.Marshal(m)
	require.NoError(t, err)
	all := bytes.NewBuffer(sealed)
	require.NoError(t, proxy.VisitPayloads(t.Context(), m, proxy.VisitPayloadsOptions{
		Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			clear, err := keys.Decode(payloads)
			for _, one := range clear {
				all.WriteByte('\n')
				all.Write(one.GetData())
			}
			return payloads, err
		},
	}))
	return all.Bytes()
}
