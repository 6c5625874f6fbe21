package replay

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/record"
	"fermata/wire"
)

// A later build may word a plan otherwise. What goes on with it after the approval still records the plan that was
// signed, and under its hash.
func TestTheRecordHoldsThePlanThatWasSigned(t *testing.T) {
	t.Parallel()
	h, k := load(t, "provision-done"), keys(t)
	was, is := &writing{}, &writing{reword: func(document string) string { return strings.Replace(document, `"cpus":2`, `"cpus":3`, 1) }}
	require.NoError(t, replay(h, k, was))
	require.NoError(t, replay(h, k, is))
	require.NotEqual(t, string(was.record.Spec), string(is.record.Spec), "the plan came out otherwise")
	require.Contains(t, string(was.record.Plan), "2 CPUs")
	require.JSONEq(t, string(was.record.Plan), string(is.record.Plan))
	require.Equal(t, was.record.PlanHash, is.record.PlanHash)
	require.Contains(t, string(is.record.Decisions), is.record.PlanHash, "somebody signed it")
}

// writing changes what a run is asked for, and keeps the record that it would write.
type writing struct {
	interceptor.WorkerInterceptorBase
	reword func(document string) string
	record record.Record
}

func (w *writing) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	in := &writingInbound{w: w}
	in.Next = next
	return in
}

type writingInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	w *writing
}

func (i *writingInbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	out := &writingOutbound{w: i.w}
	out.Next = next
	return i.Next.Init(out)
}

func (i *writingInbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	if start, ok := in.Args[0].(wire.StartInput); ok && i.w.reword != nil {
		start.Document = json.RawMessage(i.w.reword(string(start.Document)))
		in.Args[0] = start
	}
	return i.Next.ExecuteWorkflow(ctx, in)
}

type writingOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	w *writing
}

func (o *writingOutbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	if in, ok := args[0].(record.AppendInput); ok {
		o.w.record = in.Record
	}
	return o.Next.ExecuteActivity(ctx, name, args...)
}
