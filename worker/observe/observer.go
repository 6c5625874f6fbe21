// Package observe shows from outside how a worker is: metrics for Prometheus, health and readiness, logs that name run,
// step and target, and traces.
//
// It listens only where it is told to, and asks nobody before it is asked. Nothing of a run's content is shown: counts,
// states, names of systems and queues, and why a system does not answer.
package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	temporal "go.temporal.io/sdk/client"
	"google.golang.org/grpc"
)

// Observer serves /metrics, /healthz and /readyz of one worker.
type Observer struct {
	log       *slog.Logger
	registry  *prometheus.Registry
	sdk       *sdkMetrics
	server    *http.Server
	address   string
	connected atomic.Bool
	readiness *readiness
	polls     *polls
}

// Listen serves on host:port; port 0 is any free one. There is no way to sign in: whoever reaches the address may look, so
// it should be the loopback or a network for that purpose.
func Listen(ctx context.Context, address, build string, log *slog.Logger) (*Observer, error) {
	o := &Observer{log: log, registry: prometheus.NewRegistry(), sdk: newSDKMetrics(), polls: newPolls()}
	o.readiness = newReadiness(log)
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "fermata_build_info", Help: "1; the label is the build of this worker.", ConstLabels: prometheus.Labels{"build": build},
	})
	info.Set(1)
	o.registry.MustRegister(info, o.sdk, o.sdk.dropped, o.readiness, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for metrics and health: %w", err)
	}
	o.address = listener.Addr().String()
	o.server = &http.Server{
		Handler: o.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serving metrics and health", "error", err)
		}
	}()
	return o, nil
}

func (o *Observer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{
		// One metric that cannot be collected does not take the others away.
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 20 * time.Second,
		ErrorLog: slog.NewLogLogger(o.log.Handler(), slog.LevelWarn),
	}))
	mux.HandleFunc("GET /healthz", o.healthz)
	mux.HandleFunc("GET /readyz", o.readyz)
	return mux
}

// Address is host:port.
func (o *Observer) Address() string { return o.address }

// Watch lets the connection to Temporal be seen: what the SDK measures, and how the worker's polls go.
func (o *Observer) Watch(connection *temporal.Options) {
	connection.MetricsHandler = o.sdk.handler()
	dial := &connection.ConnectionOptions.DialOptions
	*dial = append(*dial, grpc.WithChainUnaryInterceptor(o.polls.watch))
}

// Polled is the check that Temporal takes the worker's polls of the queue.
func (o *Observer) Polled(queue string) Check {
	return Check{Name: "queue " + queue, Ask: func(context.Context) error { return o.polls.ask(queue) }}
}

// Connected notes that Temporal answered.
func (o *Observer) Connected() { o.connected.Store(true) }

// Count shows runs and queues, as the source tells.
func (o *Observer) Count(s Source) { o.registry.MustRegister(newCounts(s, o.log)) }

// Ask asks each until it has answered once. The worker is ready when all have.
func (o *Observer) Ask(ctx context.Context, checks []Check) { o.readiness.ask(ctx, checks) }

// Close stops serving and asking.
func (o *Observer) Close() error {
	o.readiness.stop()
	return o.server.Close()
}

// healthz says that the process is alive and was connected to Temporal. That Temporal is away later is not told here: a
// supervisor would start all workers anew, which brings nothing back.
func (o *Observer) healthz(w http.ResponseWriter, _ *http.Request) {
	status, code := "ok", http.StatusOK
	if !o.connected.Load() {
		status, code = "not connected to Temporal yet", http.StatusServiceUnavailable
	}
	answer(w, code, map[string]string{"status": status})
}

func (o *Observer) readyz(w http.ResponseWriter, _ *http.Request) {
	state := o.readiness.state()
	code := http.StatusOK
	if !state.Ready {
		code = http.StatusServiceUnavailable
	}
	answer(w, code, state)
}

func answer(w http.ResponseWriter, code int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(what) // Who asked may be gone.
}
