package worker

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	temporal "go.temporal.io/sdk/client"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/queues"
	"fermata/activities/record"
	"fermata/activities/secret"
	"fermata/integrations/recordfolder"
	"fermata/wire"
	"fermata/workflows/inquiry"
	"fermata/workflows/provision"
)

// register puts workflows and activities on their queues.
func (w *Worker) register(secrets secret.Resolver, namespace string) error {
	if w.serves(Workflows) {
		w.registerWorkflows(namespace)
	}
	if w.serves(record.Capability) {
		store, err := recordfolder.New(w.cfg.Installation.Records.Folder)
		if err != nil {
			return fmt.Errorf("opening the records: %w", err)
		}
		record.NewActivities(store).Register(w.registrar(operation.Queue(record.Capability, "")))
	}
	for _, c := range capabilities() {
		if w.serves(c.name) {
			w.bind(c, secrets)
		}
	}
	for _, own := range w.activities {
		if w.serves(own.capability) {
			own.register(w.registrar(operation.Queue(own.capability, "")))
		}
	}
	if len(w.queues) == 0 {
		return fmt.Errorf("this worker has nothing to do: no configured system offers what it should serve")
	}
	return nil
}

func (w *Worker) registerWorkflows(namespace string) {
	register := w.workflowRegistrar(wire.Queue)
	provision.Register(register)
	inquiry.Register(register)
	for _, own := range w.workflows {
		own(register)
	}
	d := w.cfg.Installation.Decisions
	files := authority.Files{
		Cluster: w.cfg.Installation.Name, Namespace: namespace, AllowedSigners: d.AllowedSigners, Revoked: d.Revoked,
		May: d.May, MaxAge: time.Duration(d.MaxAge),
	}
	activities := w.registrar(wire.Queue)
	authority.NewActivities(files, time.Now).Register(activities)
	queues.NewActivities(pollers{w.temporal, namespace}).Register(activities)
}

// bind gives a capability its systems, site by site: each site has a queue of its own.
func (w *Worker) bind(c capability, secrets secret.Resolver) {
	sites := map[string]map[string]any{}
	for _, s := range w.systems {
		if sites[s.Site] == nil {
			sites[s.Site] = map[string]any{}
		}
		sites[s.Site][s.Name] = s.system
	}
	for site, systems := range sites {
		if set, _ := c.bind(systems, secrets); set != nil {
			set.Register(w.registrar(operation.Queue(c.name, site)))
		}
	}
}

// pollers asks Temporal who polls a queue.
type pollers struct {
	temporal  temporal.Client
	namespace string
}

// Polled reports whether a worker polled the activity queue in the last minute.
func (p pollers) Polled(ctx context.Context, queue string) (bool, error) {
	out, err := p.temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: p.namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, TaskQueueType: enums.TASK_QUEUE_TYPE_ACTIVITY,
	})
	if err != nil {
		return false, fault.Wrap(fault.Unavailable, err, "asking who polls "+queue)
	}
	for _, poller := range out.GetPollers() {
		if time.Since(poller.GetLastAccessTime().AsTime()) < time.Minute+10*time.Second {
			return true, nil
		}
	}
	return false, nil
}
