package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/queues"
	"fermata/wire"
)

// PlanFor is how long a system may take to answer while planning: a person waits for it.
const PlanFor = time.Minute

// Reading is one thing to look at while planning.
type Reading func(ctx workflow.Context) []wire.Observation

// Planning routes what is read for a plan. Side by side the readings cannot share an id.
func Planning(ctx workflow.Context, summary string) workflow.Context {
	route := operation.RouteOf(ctx)
	route.RetryFor, route.Summary, route.Step = min(route.RetryFor, PlanFor), summary, ""
	return operation.WithRoute(ctx, route)
}

// Look reads side by side and returns what was seen in the order of the readings.
func Look(ctx workflow.Context, readings ...Reading) []wire.Observation {
	ctx = Planning(ctx, "plan")
	seen := make([][]wire.Observation, len(readings))
	group := workflow.NewWaitGroup(ctx)
	for i, read := range readings {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			seen[i] = read(ctx)
		})
	}
	group.Wait(ctx)
	return slices.Concat(seen...)
}

// Read reads one after the other, as a step that looks at several systems: under its id, and for as long as it may take.
func Read(ctx workflow.Context, readings ...Reading) []wire.Observation {
	var seen []wire.Observation
	for _, read := range readings {
		seen = append(seen, read(ctx)...)
	}
	return seen
}

// Polled looks whether a worker serves each capability. Nothing else is asked where none does: it would only wait.
func Polled(ctx workflow.Context, site string, capabilities ...string) ([]wire.Observation, error) {
	names := make([]string, len(capabilities))
	for i, c := range capabilities {
		names[i] = operation.Queue(c, site)
	}
	out, err := queues.FindUnpolled(ctx, queues.FindUnpolledInput{Queues: names})
	if err != nil {
		return nil, fmt.Errorf("looking for workers: %w", err)
	}
	var missing []wire.Observation
	for _, q := range out.Queues {
		missing = append(missing, wire.Observation{
			Name: "worker for " + strings.TrimPrefix(q, "fermata."),
			Text: "no worker serves queue " + q + ": start one with --serve " + strings.Split(q, ".")[1],
		})
	}
	return missing, nil
}

func Fine(name, format string, args ...any) wire.Observation {
	return wire.Observation{Name: name, Text: fmt.Sprintf(format, args...), OK: true}
}

func Problem(name, format string, args ...any) wire.Observation {
	return wire.Observation{Name: name, Text: fmt.Sprintf(format, args...)}
}

// Failed says why a system could not be read, and what to do.
func Failed(name string, err error) []wire.Observation {
	reason := fault.FromTemporal(err)
	text := reason.Text
	if advice := reason.Kind.Advice(); advice != "" {
		text += " (" + advice + ")"
	}
	return []wire.Observation{{Name: name, Text: text}}
}
