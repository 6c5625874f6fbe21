package observe

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
)

// exposed is what Prometheus reads of a collector.
func exposed(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c))
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	return answer.Body.String()
}

// The SDK measures one name with several sets of labels, makes handlers of handlers, and asks for a metric at each use.
func TestTheSDKsMetricsAreSpelledAsPrometheusDoes(t *testing.T) {
	t.Parallel()
	m := newSDKMetrics()
	queue := m.handler().WithTags(map[string]string{"namespace": "fermata", "task_queue": "q"})
	m.handler().Counter("temporal_request").Inc(2)
	queue.Counter("temporal_request").Inc(1)
	queue.WithTags(map[string]string{"namespace": "other"}).Counter("temporal_request").Inc(5)
	queue.Counter("temporal_request").Inc(1)
	queue.Counter("temporal_request").Inc(-7)
	m.handler().Counter("temporal_local_activity_total").Inc(1)
	queue.Gauge("temporal_num_pollers").Update(3)
	queue.Gauge("temporal_num_pollers").Update(2)
	queue.Timer("temporal_activity_execution_latency").Record(1500 * time.Millisecond)
	want := `
# HELP temporal_local_activity_total See Temporal's reference of SDK metrics, temporal_local_activity.
# TYPE temporal_local_activity_total counter
temporal_local_activity_total 1
# HELP temporal_num_pollers See Temporal's reference of SDK metrics, temporal_num_pollers.
# TYPE temporal_num_pollers gauge
temporal_num_pollers{namespace="fermata",task_queue="q"} 2
# HELP temporal_request_total See Temporal's reference of SDK metrics, temporal_request.
# TYPE temporal_request_total counter
temporal_request_total 2
temporal_request_total{namespace="fermata",task_queue="q"} 2
temporal_request_total{namespace="other",task_queue="q"} 5
`
	got := exposed(t, m)
	require.Contains(t, got, want[1:])
	require.Contains(t, got, "# TYPE temporal_activity_execution_latency_seconds histogram")
	require.Contains(t, got, `temporal_activity_execution_latency_seconds_bucket{namespace="fermata",task_queue="q",le="1"} 0`)
	require.Contains(t, got, `temporal_activity_execution_latency_seconds_bucket{namespace="fermata",task_queue="q",le="5"} 1`)
	require.Contains(t, got, `temporal_activity_execution_latency_seconds_sum{namespace="fermata",task_queue="q"} 1.5`)
}

// A label that comes from outside does not fill the memory, and a wrong one does not take the others away.
func TestTheNumberOfSeriesIsBounded(t *testing.T) {
	t.Parallel()
	m := newSDKMetrics()
	for i := range maxSeries + 10 {
		m.handler().WithTags(map[string]string{"activity_type": strconv.Itoa(i)}).Counter("temporal_unregistered_activity_invocation").Inc(1)
	}
	require.Equal(t, maxSeries, strings.Count(exposed(t, m), "\ntemporal_unregistered"))
	require.Contains(t, exposed(t, m.dropped), "fermata_metrics_dropped_total 10\n")
	m.handler().WithTags(map[string]string{"activity_type": "3"}).Counter("temporal_unregistered_activity_invocation").Inc(1)
	require.Contains(t, exposed(t, m.dropped), "fermata_metrics_dropped_total 10\n", "one that is known goes on")

	bad := newSDKMetrics()
	bad.handler().WithTags(map[string]string{"activity_type": "\xff"}).Counter("x").Inc(1)
	require.Contains(t, exposed(t, bad), `x_total{activity_type="?"} 1`)
}
