package operation

import (
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Route is where a workflow's activities go and how long they may take. The frame sets it once; stubs read it.
type Route struct {
	Site     string        // Site whose workers act; empty: the only one.
	RetryFor time.Duration // How long an activity is tried before the step is held.
	Summary  string        // What the step does, for Temporal's UI.
	Step     string        // Id of the step; activities carry it as theirs, so that one in flight is found by it.
	Near     *Near         // Short reads may be done where the workflow is; nil: they may not. See Look.
}

// undoing stands before the id of an activity that takes a step back, so that it is never taken for the step's own.
const undoing = "undo:"

// Undoing returns the id that an activity carries which takes the step back.
func Undoing(step string) string { return undoing + step }

// StepOf returns the step that an activity of that id does or takes back.
func StepOf(activityID string) string { return strings.TrimPrefix(activityID, undoing) }

type routeKey struct{}

// WithRoute sets the route of all activities called through ctx.
func WithRoute(ctx workflow.Context, r Route) workflow.Context {
	return workflow.WithValue(ctx, routeKey{}, r)
}

// RouteOf returns the route set on ctx.
func RouteOf(ctx workflow.Context) Route {
	r, _ := ctx.Value(routeKey{}).(Route)
	if r.RetryFor <= 0 {
		r.RetryFor = time.Hour
	}
	return r
}

// Central returns ctx for what an installation has once, whatever the site: records.
func Central(ctx workflow.Context) workflow.Context {
	route := RouteOf(ctx)
	route.Site = ""
	return WithRoute(ctx, route)
}

// Queue returns the task queue of a capability, at a site: "fermata.compute.berlin".
func Queue(capability, site string) string {
	if site == "" {
		return "fermata." + capability
	}
	return "fermata." + capability + "." + site
}

// QueueName names a queue as people read it: "compute@berlin" for "fermata.compute.berlin".
func QueueName(queue string) string {
	capability, site, atSite := strings.Cut(strings.TrimPrefix(queue, "fermata."), ".")
	if !atSite {
		return capability
	}
	return capability + "@" + site
}

// HeartbeatTimeout is how long a worker may be silent before its step is given to another.
const HeartbeatTimeout = 15 * time.Second

// Call runs one activity of a capability on its queue. A single attempt may take up to limit. Where ctx is cancelled
// nothing is begun: not even to be cancelled at once, as the SDK would do it. A step's activities share their id, and
// the SDK does not take an id again in the workflow task that tells that the activity before was done in spite of its
// cancellation; the run would be stuck.
func Call[Out any](ctx workflow.Context, capability, name string, limit time.Duration, in any) (Out, error) {
	if err := ctx.Err(); err != nil {
		var none Out
		return none, err
	}
	route := RouteOf(ctx)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              Queue(capability, route.Site),
		Summary:                route.Summary,
		ActivityID:             route.Step,
		StartToCloseTimeout:    limit,
		ScheduleToCloseTimeout: route.RetryFor,
		HeartbeatTimeout:       HeartbeatTimeout,
		WaitForCancellation:    true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    30 * time.Second,
		},
	})
	var out Out
	err := workflow.ExecuteActivity(ctx, name, in).Get(ctx, &out)
	return out, err
}

// CallLocal runs a short read in the workflow's own worker. A crash repeats it.
func CallLocal[Out any](ctx workflow.Context, name string, in any) (Out, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 5 * time.Minute,
		StartToCloseTimeout:    20 * time.Second,
		Summary:                RouteOf(ctx).Summary,
	})
	var out Out
	err := workflow.ExecuteLocalActivity(ctx, name, in).Get(ctx, &out)
	return out, err
}
