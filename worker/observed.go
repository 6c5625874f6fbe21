package worker

import (
	"context"
	"maps"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	temporal "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/client"
	"fermata/wire"
	"fermata/worker/observe"
)

// observe begins to serve metrics and health, before anything is connected to.
func (w *Worker) observe(ctx context.Context) (err error) {
	if w.cfg.Traces {
		if w.traces, err = observe.NewTraces(ctx, Build(), w.cfg.Log); err != nil {
			return err
		}
	}
	if w.cfg.Listen != "" {
		w.observer, err = observe.Listen(ctx, w.cfg.Listen, Build(), w.cfg.Log)
	}
	return err
}

// watching are the interceptors, the outermost first.
func (w *Worker) watching() []interceptor.WorkerInterceptor {
	return slices.Concat([]interceptor.WorkerInterceptor{observe.Lines(w.cfg.Log)}, w.traces.Interceptors(), w.interceptors)
}

// beSeen tells the observer what it can know once everything runs.
func (w *Worker) beSeen(ctx context.Context) {
	if w.observer == nil {
		return
	}
	w.observer.Connected()
	if w.serves(Workflows) {
		w.observer.Count(counted{w.temporal, w.namespace, w.expected()})
	}
	w.observer.Ask(ctx, w.checks())
}

// unobserve ends what asks systems and Temporal, before they are closed.
func (w *Worker) unobserve() {
	if w.observer != nil {
		_ = w.observer.Close() // Nobody is kept waiting for a last scrape.
	}
	w.observer = nil
}

// Observed is where metrics and health are served; empty: nowhere.
func (w *Worker) Observed() string {
	if w.observer == nil {
		return ""
	}
	return w.observer.Address()
}

// checks are what must answer once before the worker is ready: its queues at Temporal, and what it was configured for.
func (w *Worker) checks() []observe.Check {
	var all []observe.Check
	for _, queue := range w.Queues() {
		all = append(all, w.observer.Polled(queue))
	}
	if w.records != nil {
		all = append(all, observe.Check{Name: "record store", Ask: w.records.Check})
	}
	for _, c := range w.capabilities {
		if !w.serves(c.name) {
			continue
		}
		for _, s := range w.systems {
			if ask := c.check(s.system); ask != nil {
				all = append(all, observe.Check{Name: c.name + " " + s.Name, Ask: ask})
			}
		}
	}
	return all
}

// expected are the queues that the configuration gives work to, whoever serves them.
func (w *Worker) expected() []string {
	queues := map[string]bool{wire.Queue: true, operation.Queue(record.Capability, ""): true}
	for _, s := range w.cfg.Installation.Systems {
		for _, capability := range w.integrations[s.Type].Serves {
			queues[SystemQueue(capability, s)] = true
		}
	}
	for _, own := range w.activities {
		queues[operation.Queue(own.capability, "")] = true
	}
	return slices.Sorted(maps.Keys(queues))
}

// counted tells the observer how runs and queues are.
type counted struct {
	temporal  temporal.Client
	namespace string
	queues    []string
}

// Open returns the runs that go on.
func (c counted) Open(ctx context.Context, limit int) ([]client.Summary, error) {
	return client.Over(c.temporal, c.namespace).List(ctx, client.Filter{Open: true, Limit: limit})
}

// Queues returns whether somebody polls each queue.
func (c counted) Queues(ctx context.Context) (map[string]bool, error) {
	all := map[string]bool{}
	for _, queue := range c.queues {
		polled, err := c.polled(ctx, queue)
		if err != nil {
			return nil, err
		}
		all[queue] = polled
	}
	return all, nil
}

func (c counted) polled(ctx context.Context, queue string) (bool, error) {
	kind := enumspb.TASK_QUEUE_TYPE_ACTIVITY
	if queue == wire.Queue {
		kind = enumspb.TASK_QUEUE_TYPE_WORKFLOW
	}
	polled, err := client.Polled(ctx, c.temporal.WorkflowService(), c.namespace, queue, kind)
	if err != nil {
		return false, fault.Wrap(fault.Unavailable, err, "asking who polls "+queue)
	}
	return polled, nil
}
