package observe

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
)

// marked writes run, step and target on the spans that the tracing made.
type marked struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity marks the span of an activity.
func (*marked) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &markedActivity{}
	i.Next = next
	return i
}

type markedActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity marks, then acts.
func (m *markedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	trace.SpanFromContext(ctx).SetAttributes(of(ctx).marks()...)
	return m.Next.ExecuteActivity(ctx, in)
}

// InterceptWorkflow marks the span of a run.
func (*marked) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &markedRun{info: workflow.GetInfo(ctx)}
	i.Next = next
	return i
}

type markedRun struct {
	interceptor.WorkflowInboundInterceptorBase
	info *workflow.Info
}

// ExecuteWorkflow marks, then goes on.
func (m *markedRun) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	if span, traced := opentelemetry.SpanFromWorkflowContext(ctx); traced {
		span.SetAttributes(ofWorkflow(m.info, in.Args).marks()...)
	}
	return m.Next.ExecuteWorkflow(ctx, in)
}

func (f fields) marks() []attribute.KeyValue {
	var all []attribute.KeyValue
	for _, a := range f.attributes() {
		all = append(all, attribute.String("fermata."+a.Key, a.Value.String()))
	}
	return all
}
