package observe

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// headerName is the header in which a workflow tells its activities which run and step they are for. Headers are not
// compared at a replay: a run may be carried by workers that send it and by others that do not.
const headerName = "fermata-for"

// Lines logs a line for each attempt of an activity, and lets everything that is logged for a run name it.
func Lines(l *slog.Logger) interceptor.WorkerInterceptor {
	return &lines{log: slog.New(Handler(l.Handler()))}
}

type lines struct {
	interceptor.WorkerInterceptorBase
	log *slog.Logger
}

// InterceptActivity puts the fields into the activity's context.
func (l *lines) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &activityLines{log: l.log}
	i.Next = next
	return i
}

type activityLines struct {
	interceptor.ActivityInboundInterceptorBase
	log *slog.Logger
}

// ExecuteActivity does one attempt.
func (a *activityLines) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	var sent fields
	if p := interceptor.Header(ctx)[headerName]; p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, &sent) // What cannot be read says nothing.
	}
	ctx = with(ctx, ofActivity(sent, info, in.Args))
	began := time.Now()
	a.log.DebugContext(ctx, "activity begins")
	out, err := a.Next.ExecuteActivity(ctx, in)
	a.ended(ctx, info, time.Since(began), err)
	return out, err
}

func (a *activityLines) ended(ctx context.Context, info activity.Info, took time.Duration, err error) {
	seconds := slog.Float64("seconds", took.Round(time.Millisecond).Seconds())
	level := slog.LevelInfo
	if info.IsLocalActivity { // A look from within a workflow: many, and short.
		level = slog.LevelDebug
	}
	switch {
	case err == nil:
		a.log.LogAttrs(ctx, level, "activity done", seconds)
	case temporal.IsCanceledError(err) || ctx.Err() != nil:
		a.log.LogAttrs(ctx, slog.LevelInfo, "activity stopped", seconds, slog.String("reason", err.Error()))
	default:
		reason := fault.FromTemporal(err)
		a.log.LogAttrs(ctx, slog.LevelWarn, "activity failed", seconds, slog.String("fault", string(reason.Kind)), slog.String("reason", reason.Text))
	}
}

// InterceptWorkflow lets a run name itself in its logs and to its activities.
func (l *lines) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &runLines{info: workflow.GetInfo(ctx), fields: &fields{}}
	i.Next = next
	return i
}

type runLines struct {
	interceptor.WorkflowInboundInterceptorBase
	info   *workflow.Info
	fields *fields
}

// Init puts itself between the workflow and what it calls.
func (r *runLines) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	o := &calls{fields: r.fields}
	o.Next = outbound
	return r.Next.Init(o)
}

// ExecuteWorkflow learns which run it is.
func (r *runLines) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	*r.fields = ofWorkflow(r.info, in.Args)
	return r.Next.ExecuteWorkflow(ctx, in)
}

type calls struct {
	interceptor.WorkflowOutboundInterceptorBase
	fields *fields
}

// ExecuteActivity sends the fields along.
func (c *calls) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	c.send(ctx)
	return c.Next.ExecuteActivity(ctx, name, args...)
}

// ExecuteLocalActivity sends the fields along.
func (c *calls) ExecuteLocalActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	c.send(ctx)
	return c.Next.ExecuteLocalActivity(ctx, name, args...)
}

func (c *calls) send(ctx workflow.Context) {
	if p, err := converter.GetDefaultDataConverter().ToPayload(c.fields.ofCall(operation.RouteOf(ctx))); err == nil {
		interceptor.WorkflowHeader(ctx)[headerName] = p
	}
}

// GetLogger names the run in all that the workflow logs.
func (c *calls) GetLogger(ctx workflow.Context) log.Logger {
	l := c.Next.GetLogger(ctx)
	for _, a := range c.fields.attributes() {
		l = log.With(l, a.Key, a.Value.Any())
	}
	return l
}
