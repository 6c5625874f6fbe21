package worker

import (
	"fmt"
	"slices"
	"time"

	"fermata/activities/authority"
	"fermata/activities/executions"
	"fermata/activities/operation"
	"fermata/activities/queues"
	"fermata/activities/ranges"
	"fermata/activities/record"
	"fermata/activities/secret"
	"fermata/integrations/recordfolder"
	"fermata/wire"
	"fermata/workflows/fleet"
	"fermata/workflows/guard"
	"fermata/workflows/inquiry"
	"fermata/workflows/instance"
	"fermata/workflows/notice"
	"fermata/workflows/provision"
	"fermata/workflows/reservation"
)

// register puts workflows and activities on their queues.
func (w *Worker) register(secrets secret.Store, namespace string) error {
	if w.serves(Workflows) {
		w.registerWorkflows(namespace)
	}
	if w.serves(record.Capability) {
		store, err := recordfolder.New(w.cfg.Installation.Records.Folder)
		if err != nil {
			return fmt.Errorf("opening the records: %w", err)
		}
		w.records = store
		record.NewActivities(store).Register(w.registrar(operation.Queue(record.Capability, "")))
	}
	for _, c := range w.capabilities {
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
	RegisterWorkflows(register)
	for _, own := range w.workflows {
		own(register)
	}
	d := w.cfg.Installation.Decisions
	files := authority.Files{
		Cluster: w.cfg.Installation.Name, Namespace: namespace, AllowedSigners: d.AllowedSigners, Revoked: d.Revoked,
		Rules: d.Policy, MaxAge: time.Duration(d.MaxAge),
	}
	activities := w.registrar(wire.Queue)
	authority.NewActivities(files, time.Now).Register(activities)
	server := asked{w.temporal, namespace}
	queues.NewActivities(server, queues.ShowUp).Register(activities)
	executions.NewActivities(server).Register(activities)
	w.nearby.Register(activities)
	ranges.NewActivities(rangesOf(w.cfg.Installation)).Register(activities)
}

// RegisterWorkflows names the workflows that Fermata comes with and their functions, for workers and for replay.
func RegisterWorkflows(register func(name string, workflow any)) {
	provision.Register(register)
	fleet.Register(register)
	instance.Register(register)
	inquiry.Register(register)
	reservation.Register(register)
	guard.Register(register)
	notice.Register(register)
}

// bind gives a capability its systems, site by site: each site has a queue of its own.
func (w *Worker) bind(c capability, secrets secret.Store) {
	sites := map[string]map[string]any{}
	for _, s := range w.systems {
		if sites[s.Site] == nil {
			sites[s.Site] = map[string]any{}
		}
		sites[s.Site][s.Name] = s.system
	}
	for site, systems := range sites {
		if set, names := c.bind(systems, secrets); set != nil {
			queue := operation.Queue(c.name, site)
			if rate := lowest(w.systems, names); rate > 0 {
				w.rates[queue] = rate
			}
			set.Register(w.registrar(queue))
		}
	}
}

// lowest is the lowest rate of the systems that share a queue: Temporal does not know which of them a task is for. Zero: none
// has one.
func lowest(systems []opened, names []string) float64 {
	rate := 0.0
	for _, s := range systems {
		if slices.Contains(names, s.Name) && s.Rate > 0 && (rate == 0 || s.Rate < rate) {
			rate = s.Rate
		}
	}
	return rate
}
