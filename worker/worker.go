// Package worker turns a configuration into running workers: it opens the integrations, binds them to capabilities and
// polls one task queue for each.
//
// A worker polls only the queues of systems that it is configured for and told to serve, and holds only their
// credentials.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	temporal "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/integrations"
	"fermata/worker/observe"
)

// Workflows is what Config.Serve calls the workflow queue, beside the names of capabilities.
const Workflows = "workflows"

// Config says what a worker is for.
type Config struct {
	Installation *config.Installation
	// Serve names the queues to poll: Workflows and capabilities. Empty: all that the configuration has systems for.
	Serve []string
	Log   *slog.Logger
	// Listen is where metrics, health and readiness are served, host:port; empty: nowhere. See package observe.
	Listen string
	// Traces sends traces where the OTEL_ variables of the environment say; nothing is sent if they say nothing.
	Traces bool
}

// Worker serves queues until it is stopped.
type Worker struct {
	address      string // Temporal's.
	cfg          Config
	integrations map[string]integrations.Integration
	capabilities []capability
	workflows    []func(register func(name string, workflow any))
	activities   []ownActivities
	interceptors []interceptor.WorkerInterceptor
	systems      []opened
	records      record.Store // Nil where records are not served.
	temporal     temporal.Client
	queues       map[string]sdk.Worker
	named        map[string][]string // Activity types by queue.
	nearby       operation.Nearby    // What a workflow's own worker can read by itself.
	rates        map[string]float64  // Activities a second, by queue; what is not in it has no bound.
	namespace    string
	observer     *observe.Observer // Nil: nobody looks.
	traces       *observe.Traces   // Nil: none are sent.
}

type opened struct {
	config.System
	system integrations.System
}

type ownActivities struct {
	capability string
	register   func(register func(name string, activity any))
}

// Option adds to a worker what Fermata does not come with.
type Option func(*Worker)

// WithIntegration lets the configuration name systems of one more type.
func WithIntegration(i integrations.Integration) Option {
	return func(w *Worker) { w.integrations[i.Type] = i }
}

// WithWorkflow adds a process: register is called with the function that names workflows.
func WithWorkflow(register func(register func(name string, workflow any))) Option {
	return func(w *Worker) { w.workflows = append(w.workflows, register) }
}

// WithActivities adds activities that need no configured system, on the queue of a capability.
func WithActivities(capability string, register func(register func(name string, activity any))) Option {
	return func(w *Worker) { w.activities = append(w.activities, ownActivities{capability, register}) }
}

// WithInterceptor watches over workflows and activities: for metrics, and for tests that stop a worker at a step.
func WithInterceptor(i interceptor.WorkerInterceptor) Option {
	return func(w *Worker) { w.interceptors = append(w.interceptors, i) }
}

// New prepares a worker. It connects to nothing yet; a configuration that cannot work is refused here.
func New(cfg Config, options ...Option) (*Worker, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Log = slog.New(observe.Handler(cfg.Log.Handler()))
	w := &Worker{
		cfg: cfg, integrations: map[string]integrations.Integration{}, capabilities: capabilities(),
		queues: map[string]sdk.Worker{}, named: map[string][]string{}, nearby: operation.Nearby{}, rates: map[string]float64{},
	}
	for _, i := range builtIn() {
		w.integrations[i.Type] = i
	}
	for _, o := range options {
		o(w)
	}
	return w, w.check()
}

func (w *Worker) check() error {
	known := append([]string{Workflows}, namesOf(w.capabilities)...)
	for _, own := range w.activities {
		known = append(known, own.capability)
	}
	for _, name := range w.cfg.Serve {
		if !slices.Contains(known, name) {
			return fmt.Errorf("nothing is called %q that a worker could serve: choose from %s", name, strings.Join(known, ", "))
		}
	}
	for _, s := range w.cfg.Installation.Systems {
		if _, ok := w.integrations[s.Type]; !ok {
			return fmt.Errorf("system %q is of type %q, for which there is no integration: choose from %s", s.Name, s.Type, strings.Join(w.types(), ", "))
		}
	}
	return nil
}

func (w *Worker) types() []string {
	types := make([]string, 0, len(w.integrations))
	for t := range w.integrations {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}

func (w *Worker) serves(name string) bool {
	return len(w.cfg.Serve) == 0 || slices.Contains(w.cfg.Serve, name)
}

// Run serves until ctx is done, then lets what is in flight finish and closes everything.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return w.Stop()
}

// Start connects, registers and begins to poll.
func (w *Worker) Start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			_ = w.Stop()
		}
	}()
	installation := w.cfg.Installation
	if err := w.observe(ctx); err != nil {
		return err
	}
	secrets, err := providers.Open(installation)
	if err != nil {
		return err
	}
	options, err := client.FromConfig(ctx, installation, providers.Keys, w.cfg.Log)
	if err != nil {
		return err
	}
	connection, err := options.TemporalOptions()
	if err != nil {
		return err
	}
	w.address, w.namespace = connection.HostPort, connection.Namespace
	if w.observer != nil {
		w.observer.Watch(&connection)
	}
	if w.temporal, err = temporal.DialContext(ctx, connection); err != nil {
		return fmt.Errorf("connecting to Temporal at %s: %w", connection.HostPort, err)
	}
	if err := mayWork(ctx, w.temporal, connection.Namespace); err != nil {
		return err
	}
	if err := w.open(ctx, integrations.Environment{Secrets: secrets, Log: w.cfg.Log}); err != nil {
		return err
	}
	if err := w.register(secrets, connection.Namespace); err != nil {
		return err
	}
	for name, q := range w.queues {
		if err := q.Start(); err != nil {
			return fmt.Errorf("polling queue %q: %w", name, err)
		}
		w.cfg.Log.Info("serving", "queue", name)
	}
	w.beSeen(ctx)
	return nil
}

// open opens the systems that a served capability may need.
func (w *Worker) open(ctx context.Context, env integrations.Environment) error {
	for _, s := range w.cfg.Installation.Systems {
		if i := w.integrations[s.Type]; !slices.ContainsFunc(i.Serves, w.serves) && !slices.ContainsFunc(i.Aids, w.serves) {
			continue
		}
		system, err := w.integrations[s.Type].Open(ctx, env, s)
		if err != nil {
			return fmt.Errorf("opening system %q: %w", s.Name, err)
		}
		w.systems = append(w.systems, opened{s, system})
	}
	return nil
}

// queue returns the worker of a task queue, made at first use.
func (w *Worker) queue(name string) sdk.Worker {
	if q, ok := w.queues[name]; ok {
		return q
	}
	q := sdk.New(w.temporal, name, sdk.Options{
		WorkerStopTimeout: 20 * time.Second,
		Interceptors:      append([]interceptor.WorkerInterceptor{&admission{}}, w.watching()...),
		// A run that panics waits for a worker that does not; it is never failed by a bug of ours.
		WorkflowPanicPolicy: sdk.BlockWorkflow,
		DeploymentOptions:   deploymentOptions(),
		// Kept by the server for all workers of the queue together; zero is no bound.
		TaskQueueActivitiesPerSecond: w.rates[name],
	})
	w.queues[name] = q
	return q
}

func (w *Worker) registrar(queue string) registrar {
	q := w.queue(queue)
	return func(name string, f any) {
		q.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
		w.named[queue] = append(w.named[queue], name)
		if w.rates[queue] == 0 { // What is read near by passes no queue, and would be counted by no rate.
			w.nearby.Add(queue, name, f)
		}
	}
}

func (w *Worker) workflowRegistrar(queue string) func(name string, f any) {
	q := w.queue(queue)
	return func(name string, f any) { q.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name}) }
}

// Stop ends polling, waits for what is in flight, and closes systems and connection.
func (w *Worker) Stop() error {
	for _, q := range w.queues {
		q.Stop()
	}
	w.unobserve()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, s := range w.systems {
		if err := s.system.Close(ctx); err != nil { // A system that is away forgets the session by itself.
			w.cfg.Log.Warn("closing a system", "system", s.Name, "error", err)
		}
	}
	if w.temporal != nil {
		w.temporal.Close()
	}
	if err := w.traces.Close(ctx); err != nil {
		w.cfg.Log.Warn("sending the last traces", "error", err)
	}
	w.traces = nil
	w.queues, w.systems, w.temporal = map[string]sdk.Worker{}, nil, nil
	return nil
}

// Endpoints says which systems the worker reaches, for people: "vcenter (vsphere) https://...".
func (w *Worker) Endpoints() []string {
	var lines []string
	for _, s := range w.systems {
		lines = append(lines, fmt.Sprintf("%s (%s) %s", s.Name, s.Type, s.system.Endpoint()))
	}
	return lines
}

// Queues names the task queues that are polled.
func (w *Worker) Queues() []string {
	names := make([]string, 0, len(w.queues))
	for name := range w.queues {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Activities names the activity types that are served, by task queue.
func (w *Worker) Activities() map[string][]string { return w.named }

// SystemQueue is the queue of a capability at a system's site.
func SystemQueue(capability string, s config.System) string {
	return operation.Queue(capability, s.Site)
}
