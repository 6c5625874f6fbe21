// Package queues tells whether anybody works on a task queue, so that a run does not start towards a system that no
// worker serves.
package queues

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

const activityFindUnpolled = "queues.FindUnpolled"

// Pollers knows who polls.
type Pollers interface {
	// Polled reports whether a worker polled the activity queue lately. Fault: Unavailable.
	Polled(ctx context.Context, queue string) (bool, error)
}

// Activities look at queues. They run as local activities of the workflow worker.
type Activities struct{ pollers Pollers }

// NewActivities asks the pollers.
func NewActivities(p Pollers) *Activities { return &Activities{pollers: p} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityFindUnpolled, a.FindUnpolled)
}

// FindUnpolledInput asks for FindUnpolled.
type FindUnpolledInput struct {
	Queues []string `json:"queues"`
}

// FindUnpolledOutput answers FindUnpolled.
type FindUnpolledOutput struct {
	Queues []string `json:"queues"` // Those that nobody polls.
}

// FindUnpolled returns the queues that no worker serves. A worker that just started is given a moment to show.
func (a *Activities) FindUnpolled(ctx context.Context, in FindUnpolledInput) (FindUnpolledOutput, error) {
	missing := in.Queues
	for patience := 0; len(missing) > 0 && patience < 10; patience++ {
		if patience > 0 {
			if err := wait(ctx, 500*time.Millisecond); err != nil {
				return FindUnpolledOutput{}, fault.ForTemporal(err)
			}
		}
		var err error
		if missing, err = a.unpolled(ctx, missing); err != nil {
			return FindUnpolledOutput{}, fault.ForTemporal(err)
		}
	}
	return FindUnpolledOutput{Queues: missing}, nil
}

func (a *Activities) unpolled(ctx context.Context, queues []string) ([]string, error) {
	var missing []string
	for _, q := range queues {
		polled, err := a.pollers.Polled(ctx, q)
		if err != nil {
			return nil, err
		}
		if !polled {
			missing = append(missing, q)
		}
	}
	return missing, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// FindUnpolled returns the queues that no worker serves.
func FindUnpolled(ctx workflow.Context, in FindUnpolledInput) (FindUnpolledOutput, error) {
	return operation.CallLocal[FindUnpolledOutput](ctx, activityFindUnpolled, in)
}
