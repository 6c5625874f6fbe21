package starter

import (
	"context"

	"github.com/urfave/cli/v2"

	"fermata/activities/record"
	"fermata/client"
	"fermata/spec"
	"fermata/wire"
)

// runs is what commands need of the client.
type runs interface {
	Ask(ctx context.Context, server *spec.Server) (client.Request, error)
	Compare(ctx context.Context, name string) (wire.Comparison, error)
	Plan(ctx context.Context, r client.Request) (wire.Preview, error)
	Start(ctx context.Context, r client.Request, p client.Person) (client.Started, error)
	Decide(ctx context.Context, d client.Decision, p client.Person) (wire.DecideResult, error)
	Progress(ctx context.Context, workflowID, runID string) (wire.Progress, error)
	Watch(ctx context.Context, workflowID, runID string, show func(wire.Progress), away func(error)) (wire.Progress, error)
	List(ctx context.Context, f client.Filter) ([]client.Summary, error)
	Open(ctx context.Context, workflowID string) (bool, error)
	Records(ctx context.Context, find record.FindInput, verify bool) (wire.RecordsOutput, error)
	Check(ctx context.Context, systems []wire.SystemRef) ([]wire.Observation, error)
	KeysInUse(ctx context.Context) (map[string]int, error)
	MissingAttributes(ctx context.Context) (map[string]string, error)
	Automation(ctx context.Context) (wire.GuardState, error)
	StopAutomation(ctx context.Context, reason string, p client.Person) (wire.DecideResult, error)
	ResumeAutomation(ctx context.Context, reason string, p client.Person) (wire.DecideResult, error)
	Close()
}

// dialer connects to the server.
type dialer func(ctx context.Context, o client.Options) (runs, error)

// dialKey is where an App keeps its dialer.
const dialKey = "dial"

func dialTemporal(ctx context.Context, o client.Options) (runs, error) {
	c, err := client.Dial(ctx, o)
	if err != nil {
		return nil, err // Not c: an interface that holds a nil pointer is not nil.
	}
	return c, nil
}

func dial(c *cli.Context, o client.Options) (runs, error) {
	if d, ok := c.App.Metadata[dialKey].(dialer); ok {
		return d(c.Context, o)
	}
	return dialTemporal(c.Context, o)
}
