package crash

import (
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

func (k *killer) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	h := &hasty{killer: k}
	h.Next = next
	return h
}

// hasty lets Temporal give a step to another worker after a short silence, and retry soon.
type hasty struct {
	interceptor.WorkflowInboundInterceptorBase
	*killer
}

func (h *hasty) Init(out interceptor.WorkflowOutboundInterceptor) error {
	o := &hastyCalls{killer: h.killer}
	o.Next = out
	return h.Next.Init(o)
}

type hastyCalls struct {
	interceptor.WorkflowOutboundInterceptorBase
	*killer
}

func (h *hastyCalls) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	ctx = workflow.WithHeartbeatTimeout(ctx, h.silence)
	ctx = workflow.WithRetryPolicy(ctx, temporal.RetryPolicy{
		InitialInterval: 300 * time.Millisecond, BackoffCoefficient: 1.5, MaximumInterval: 2 * time.Second,
	})
	return h.Next.ExecuteActivity(ctx, name, args...)
}
