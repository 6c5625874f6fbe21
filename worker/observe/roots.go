package observe

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/oklog/ulid/v2"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
)

// spanHeader is the header in which spans travel, that of Temporal's SDKs.
const spanHeader = "_tracer-data"

// rooted tells each run which trace it belongs to, if who started it did not.
type rooted struct {
	interceptor.WorkerInterceptorBase
}

// InterceptWorkflow looks at each run before it is traced.
func (*rooted) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &rootedRun{info: workflow.GetInfo(ctx)}
	i.Next = next
	return i
}

type rootedRun struct {
	interceptor.WorkflowInboundInterceptorBase
	info *workflow.Info
}

// ExecuteWorkflow writes the header that the tracing reads next. It stays in this process.
func (r *rootedRun) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	header := interceptor.WorkflowHeader(ctx)
	if root, known := rootOf(ofWorkflow(r.info, in.Args).Run); known && header[spanHeader] == nil {
		parent := map[string]string{"traceparent": fmt.Sprintf("00-%s-%s-01", root.TraceID(), root.SpanID())}
		if p, err := converter.GetDefaultDataConverter().ToPayload(parent); err == nil {
			header[spanHeader] = p
		}
	}
	return r.Next.ExecuteWorkflow(ctx, in)
}

// rootOf returns the trace of a run and the id of the run's own span.
func rootOf(run string) (trace.SpanContext, bool) {
	id, err := ulid.ParseStrict(run)
	if err != nil {
		return trace.SpanContext{}, false
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID(id), SpanID: rootSpan(trace.TraceID(id)), TraceFlags: trace.FlagsSampled}), true
}

func rootSpan(id trace.TraceID) trace.SpanID {
	sum := sha256.Sum256(id[:])
	return trace.SpanID(sum[:8])
}

type wantedKey struct{}

// start starts a span. One whose parent is the root that a run was given is that root itself.
func start(ctx context.Context, t trace.Tracer, name string, options ...trace.SpanStartOption) trace.Span {
	if parent := trace.SpanContextFromContext(ctx); strings.HasPrefix(name, "RunWorkflow:") && parent.SpanID() == rootSpan(parent.TraceID()) {
		ctx = context.WithValue(ctx, wantedKey{}, parent)
		options = append(options, trace.WithNewRoot())
	}
	_, span := t.Start(ctx, name, options...)
	return span
}

// ids makes random ids, and those that a root must have.
type ids struct{}

// NewIDs returns the ids of a root.
func (g ids) NewIDs(ctx context.Context) (id trace.TraceID, span trace.SpanID) {
	if wanted, ok := ctx.Value(wantedKey{}).(trace.SpanContext); ok {
		return wanted.TraceID(), wanted.SpanID()
	}
	_, _ = rand.Read(id[:]) // It never fails.
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID returns the id of a span with a parent.
func (ids) NewSpanID(context.Context, trace.TraceID) (span trace.SpanID) {
	_, _ = rand.Read(span[:])
	return span
}
