package observe

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// endpoints are the variables that name a receiver (OpenTelemetry specification, OTLP exporter).
var endpoints = []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} //nolint:gochecknoglobals // Never changed.

// Traces sends what runs do to a receiver of OpenTelemetry.
//
// A run can be parked for days and is carried by several workers. So that all of it is one trace, the trace's id is the
// run's ULID, and the run's own span has an id that follows from it.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracing  interceptor.Interceptor
}

// NewTraces sends traces by OTLP over HTTP where OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) says. It
// returns nil where neither is set, and where OTEL_SDK_DISABLED=true or OTEL_TRACES_EXPORTER=none say no. The exporter's and
// the sampler's other variables count too. A receiver that is away costs traces and nothing else; the log tells.
func NewTraces(ctx context.Context, build string, log *slog.Logger) (*Traces, error) {
	named := false
	for _, name := range endpoints {
		named = named || os.Getenv(name) != ""
	}
	if !named || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil //nolint:nilnil // Nothing is wanted.
	}
	// OpenTelemetry has one place for what goes wrong in the background, for the whole process.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("sending traces", "error", err) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("preparing to send traces: %w", err)
	}
	attributes := []attribute.KeyValue{attribute.String("service.name", "fermata-worker"), attribute.String("service.version", build)}
	described, err := resource.New(ctx, resource.WithAttributes(attributes...), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("preparing to send traces: %w", err)
	}
	t := &Traces{provider: sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter), sdktrace.WithResource(described), sdktrace.WithIDGenerator(ids{}),
	)}
	t.tracing, err = opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: t.provider.Tracer("fermata"), SpanStarter: start, HeaderKey: spanHeader,
		DisableQueryTracing: true, // People who watch ask twice a second.
		DisableBaggage:      true,
		// A header that cannot be read must not fail a run.
		AllowInvalidParentSpans: true,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing to send traces: %w", err)
	}
	return t, nil
}

// Interceptors are those of a worker, the outermost first. They come behind Lines.
func (t *Traces) Interceptors() []interceptor.WorkerInterceptor {
	if t == nil {
		return nil
	}
	return []interceptor.WorkerInterceptor{&rooted{}, t.tracing, &marked{}}
}

// Close sends what is left.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}
