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

// ShowUp is how long a worker is given to poll. Temporal forgets who polls when it is restarted, and a worker that found
// it away tries again after up to 10 seconds: a run that plans meanwhile must not be refused for that.
const ShowUp = 15 * time.Second

// Activities look at queues. They run as local activities of the workflow worker.
type Activities struct {
	pollers Pollers
	showUp  time.Duration
}

// NewActivities asks the pollers, for so long until a queue counts as polled by nobody.
func NewActivities(p Pollers, showUp time.Duration) *Activities {
	return &Activities{pollers: p, showUp: showUp}
}

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

// lookEvery is how often it is asked who polls.
const lookEvery = 500 * time.Millisecond

// FindUnpolled returns the queues that no worker serves. A worker is given a while to show up.
func (a *Activities) FindUnpolled(ctx context.Context, in FindUnpolledInput) (FindUnpolledOutput, error) {
	began := time.Now()
	for missing := in.Queues; ; {
		var err error
		if missing, err = a.unpolled(ctx, missing); err != nil {
			return FindUnpolledOutput{}, fault.ForTemporal(err)
		}
		if len(missing) == 0 || time.Since(began) >= a.showUp {
			return FindUnpolledOutput{Queues: missing}, nil
		}
		if err := wait(ctx, min(lookEvery, a.showUp)); err != nil {
			return FindUnpolledOutput{}, fault.ForTemporal(err)
		}
	}
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
