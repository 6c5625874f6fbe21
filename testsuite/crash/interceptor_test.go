package crash

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"fermata/activities/authority"
	"fermata/activities/operation"
)

func (k *killer) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	a := &atPoint{killer: k}
	a.Next = next
	return a
}

type atPoint struct {
	interceptor.ActivityInboundInterceptorBase
	*killer
}

// placeOf names where an activity stands. A step that only waits has no activity; the gate that it opens stands for it.
func (k *killer) placeOf(info activity.Info, in *interceptor.ExecuteActivityInput) place {
	at := place{Target: info.WorkflowExecution.ID, Step: info.ActivityID}
	if info.WorkflowType != nil {
		at.Workflow = info.WorkflowType.Name
	}
	if info.IsLocalActivity || strings.Trim(info.ActivityID, "0123456789") == "" {
		at.Step = info.ActivityType.Name
		if len(in.Args) == 1 {
			if gate, ok := in.Args[0].(authority.OpenGateInput); ok {
				at.Step = gate.Gate
			}
		}
		return at
	}
	if further := at.further(info.ActivityType.Name); k.knows(further) {
		return further
	}
	return at
}

func (k *killer) knows(at place) bool {
	_, is := k.points.armedAt(at)
	return is
}

func (a *atPoint) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	at := a.placeOf(info, in)
	kind, ok := a.points.armedAt(at)
	if !ok {
		return a.Next.ExecuteActivity(ctx, in)
	}
	f := firing{Kind: kind, PID: os.Getpid(), Activity: info.ActivityType.Name, Attempt: info.Attempt, At: time.Now()}
	if was, ok := a.points.firedAt(at); ok {
		out, err := a.Next.ExecuteActivity(ctx, in)
		if ended(err) && was.PID != f.PID {
			a.points.mark(finished, at, strconv.Itoa(f.PID))
		}
		return out, err
	}
	slept, err := a.first(ctx, at, f)
	if err != nil {
		return nil, err
	}
	out, err := a.Next.ExecuteActivity(ctx, in)
	if slept {
		a.points.mark(woken, at, outcome(err))
	}
	if err != nil {
		return out, err // The point waits for an attempt that has its effect.
	}
	return out, a.last(ctx, at, f)
}

// ended reports whether an attempt is the last one.
func ended(err error) bool {
	var failed *temporal.ApplicationError
	return err == nil || errors.As(err, &failed) && failed.NonRetryable()
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "finished too"
}

// first is what happens before the effect. It reports whether this process slept.
func (a *atPoint) first(ctx context.Context, at place, f firing) (slept bool, err error) {
	switch f.Kind {
	case before:
		if a.points.claim(at, f) {
			kill(os.Getpid())
		}
	case stopped:
		return a.stop(at, f)
	case serverBefore:
		return false, a.killServer(at, f)
	case serverStopped:
		return false, a.stopServer(at, f)
	case failBefore:
		if a.points.claim(at, f) {
			return false, forGood()
		}
	case cancelBefore:
		if a.points.claim(at, f) {
			a.awaitCancel(ctx, at)
		}
	case after, lost, serverAfter, serverLost, everything, failAfter, cancelAfter:
	}
	return false, nil
}

// last is what happens after the effect.
func (a *atPoint) last(ctx context.Context, at place, f firing) error {
	switch f.Kind {
	case after:
		if a.points.claim(at, f) {
			kill(os.Getpid())
		}
	case lost:
		if a.points.claim(at, f) {
			return again("the answer was lost")
		}
	case serverAfter:
		return a.killServer(at, f)
	case serverLost:
		if pid := a.points.pid(roleTemporal); pid != 0 && a.points.claim(at, f) {
			time.AfterFunc(3*time.Millisecond, func() { kill(pid) })
		}
	case everything:
		if err := a.killServer(at, f); err != nil {
			return err
		}
		kill(os.Getpid())
	case failAfter:
		if a.points.claim(at, f) {
			return forGood()
		}
	case cancelAfter:
		if a.points.claim(at, f) {
			a.awaitCancel(ctx, at)
		}
	case before, stopped, serverBefore, serverStopped, failBefore, cancelBefore:
	}
	return nil
}

// cancelWithin is how long a step waits for the person who cancels it. What opens a gate has 20 seconds in all.
const cancelWithin = 15 * time.Second

// awaitCancel waits until the run is being cancelled, or the person was told that it cannot be any more.
func (a *atPoint) awaitCancel(ctx context.Context, at place) {
	if !activity.GetInfo(ctx).IsLocalActivity { // Heartbeats bring the news.
		_, quiet := operation.StartProgress(ctx)
		defer quiet()
	}
	ctx, cancel := context.WithTimeout(ctx, cancelWithin)
	defer cancel()
	_ = every(ctx, 20*time.Millisecond, func() bool {
		_, told := a.points.marked(answered, at)
		return told
	})
}
