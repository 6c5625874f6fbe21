package observe

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	temporal "go.temporal.io/sdk/client"
)

// maxSeries is how many series the SDK's metrics may have. There are some hundreds in practice; a label that somebody
// outside chooses (the type of an unknown activity) must not fill the memory.
const maxSeries = 2000

// Buckets of the SDK's timers, in seconds: from a local answer to a poll that waits for a minute, and steps of half an hour.
var buckets = []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 1800} //nolint:gochecknoglobals // Never changed.

// sdkMetrics keeps what Temporal's SDK measures. The SDK gives a metric other labels at each place where it measures, so
// every series is a metric of its own, and the collector promises nothing beforehand.
//
// Names are those of Temporal's reference for SDK metrics, as Prometheus spells them: counters end in _total, timers are
// histograms in seconds.
type sdkMetrics struct {
	mu      sync.RWMutex
	series  map[string]prometheus.Metric
	dropped prometheus.Counter // Series beyond maxSeries: how often one was asked for.
}

func newSDKMetrics() *sdkMetrics {
	return &sdkMetrics{series: map[string]prometheus.Metric{}, dropped: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "fermata_metrics_dropped_total", Help: "Measurements of the Temporal SDK that were dropped because there are too many series.",
	})}
}

// Describe promises nothing: see sdkMetrics.
func (m *sdkMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect hands over every series.
func (m *sdkMetrics) Collect(into chan<- prometheus.Metric) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, one := range m.series {
		into <- one
	}
}

// handler is what the SDK is given.
func (m *sdkMetrics) handler() temporal.MetricsHandler { return tagged{metrics: m} }

// get returns the series of the name and tags, made at its first use; nil: there are too many.
func get[M prometheus.Metric](t tagged, name string, make func(labels prometheus.Labels) M) (one M, ok bool) {
	key := name + t.key
	t.metrics.mu.RLock()
	found, known := t.metrics.series[key]
	t.metrics.mu.RUnlock()
	if !known {
		found, known = t.metrics.add(key, func() prometheus.Metric { return make(t.tags) })
	}
	if !known {
		t.metrics.dropped.Inc()
		return one, false
	}
	one, ok = found.(M)
	return one, ok
}

func (m *sdkMetrics) add(key string, make func() prometheus.Metric) (prometheus.Metric, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, known := m.series[key]; known {
		return found, true
	}
	if len(m.series) >= maxSeries {
		return nil, false
	}
	m.series[key] = make()
	return m.series[key], true
}

// tagged is a handler with tags.
type tagged struct {
	metrics *sdkMetrics
	tags    prometheus.Labels
	key     string // The tags, in order.
}

// WithTags returns a handler that adds the tags to each metric, in place of older ones of the same name.
func (t tagged) WithTags(tags map[string]string) temporal.MetricsHandler {
	all := prometheus.Labels{}
	maps.Copy(all, t.tags)
	for name, value := range tags {
		all[name] = strings.ToValidUTF8(value, "?")
	}
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		key.WriteString("\x00" + name + "\x01" + all[name])
	}
	return tagged{t.metrics, all, key.String()}
}

// Counter counts under name_total.
func (t tagged) Counter(name string) temporal.MetricsCounter {
	if !strings.HasSuffix(name, "_total") {
		name += "_total"
	}
	one, ok := get(t, name, func(labels prometheus.Labels) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: helpOf(name), ConstLabels: labels})
	})
	return counter(func(by int64) {
		if ok && by > 0 {
			one.Add(float64(by))
		}
	})
}

// Gauge shows a value under the name.
func (t tagged) Gauge(name string) temporal.MetricsGauge {
	one, ok := get(t, name, func(labels prometheus.Labels) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: helpOf(name), ConstLabels: labels})
	})
	return gauge(func(value float64) {
		if ok {
			one.Set(value)
		}
	})
}

// Timer measures seconds under name_seconds.
func (t tagged) Timer(name string) temporal.MetricsTimer {
	name += "_seconds"
	one, ok := get(t, name, func(labels prometheus.Labels) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: helpOf(name), ConstLabels: labels, Buckets: buckets})
	})
	return timer(func(d time.Duration) {
		if ok {
			one.Observe(d.Seconds())
		}
	})
}

func helpOf(name string) string {
	return "See Temporal's reference of SDK metrics, " + strings.TrimSuffix(strings.TrimSuffix(name, "_seconds"), "_total") + "."
}

type (
	counter func(int64)
	gauge   func(float64)
	timer   func(time.Duration)
)

// Inc adds.
func (c counter) Inc(by int64) { c(by) }

// Update sets.
func (g gauge) Update(value float64) { g(value) }

// Record observes.
func (t timer) Record(d time.Duration) { t(d) }
