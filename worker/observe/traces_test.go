package observe

import (
	"encoding/hex"
	"log/slog"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"fermata/wire"
	"fermata/worker/observe/observetest"
)

// carry carries a run through a worker that sends traces where the environment says.
func carry(t *testing.T) *Traces {
	t.Helper()
	traces, err := NewTraces(t.Context(), "build-1", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	env := environment(t, slog.New(slog.DiscardHandler), traces.Interceptors()...)
	env.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: ulidOfRun})
	require.ErrorContains(t, env.GetWorkflowError(), "another's")
	require.NoError(t, traces.Close(t.Context()))
	return traces
}

// All of a run is one trace, whose id is the run's ULID, whichever worker carries it: here two do, one after the other.
func TestARunIsOneTrace(t *testing.T) {
	r := observetest.Receive(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	require.NotNil(t, carry(t))
	carry(t)

	id, err := ulid.ParseStrict(ulidOfRun)
	require.NoError(t, err)
	runs := r.Spans("RunWorkflow:" + wire.ProvisionServer)
	require.Len(t, runs, 2)
	for _, s := range append(runs, r.Spans("RunActivity:compute.AddDisk")...) {
		require.Equal(t, hex.EncodeToString(id[:]), observetest.TraceID(s))
	}
	require.Empty(t, runs[0].GetParentSpanId(), "it is the root")
	require.Equal(t, runs[0].GetSpanId(), runs[1].GetSpanId(), "what an earlier worker did hangs under it too")
	require.Equal(t, ulidOfRun, observetest.Attributes(runs[0])["fermata.run"])
	require.Equal(t, "web-01", observetest.Attributes(runs[0])["fermata.target"])

	added := r.Spans("RunActivity:compute.AddDisk")
	require.Len(t, added, 2)
	marks := observetest.Attributes(added[0])
	require.Equal(t, ulidOfRun, marks["fermata.run"])
	require.Equal(t, "disk/data", marks["fermata.step"])
	require.Equal(t, "disk-1", marks["fermata.target"])
	require.Equal(t, tracepb.Status_STATUS_CODE_ERROR, added[0].GetStatus().GetCode())
	parents := map[string]bool{}
	for _, s := range r.Spans("StartActivity:compute.AddDisk") {
		require.Equal(t, runs[0].GetSpanId(), s.GetParentSpanId())
		parents[string(s.GetSpanId())] = true
	}
	require.True(t, parents[string(added[0].GetParentSpanId())])
	require.Len(t, r.Spans("RunActivity:compute.Plan"), 2)
}

// Nothing is sent unless somebody says where to; and a receiver that is away costs traces, not runs.
func TestNothingIsSentUnlessItIsWanted(t *testing.T) {
	r := observetest.Receive(t)
	require.Nil(t, carry(t), "nobody says where to")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	t.Setenv("OTEL_SDK_DISABLED", "true")
	require.Nil(t, carry(t), "it is switched off")
	t.Setenv("OTEL_SDK_DISABLED", "")
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	require.Nil(t, carry(t), "no traces are wanted")
	require.Zero(t, r.Requests())

	t.Setenv("OTEL_TRACES_EXPORTER", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "200")
	r.Close()
	out := &locked{}
	traces, err := NewTraces(t.Context(), "", slog.New(slog.NewJSONHandler(out, nil)))
	require.NoError(t, err)
	env := environment(t, slog.New(slog.DiscardHandler), traces.Interceptors()...)
	env.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: ulidOfRun})
	require.ErrorContains(t, env.GetWorkflowError(), "another's", "as without traces")
	require.NoError(t, traces.Close(t.Context()))
	require.NotEmpty(t, find(out.lines(t), "sending traces"))
}

// Only those that begin with a ULID have a trace by it; a word that is none cannot break a run.
func TestARunWithoutAULIDHasATraceOfItsOwn(t *testing.T) {
	r := observetest.Receive(t)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", r.URL+"/v1/traces")
	traces, err := NewTraces(t.Context(), "build-1", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	env := environment(t, slog.New(slog.DiscardHandler), traces.Interceptors()...)
	env.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: strings.Repeat("no", 13)})
	require.Error(t, env.GetWorkflowError())
	require.NoError(t, traces.Close(t.Context()))
	runs := r.Spans("RunWorkflow:" + wire.ProvisionServer)
	require.Len(t, runs, 1)
	require.Len(t, runs[0].GetTraceId(), 16)
}
