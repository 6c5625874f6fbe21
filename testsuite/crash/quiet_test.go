package crash

import (
	"os"
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// quietPoint is a point in a step that has no activity: it starts a workflow, or waits for a time. What it does to the workflow
// is the same at each replay; processes are killed only when something happens for the first time.
type quietPoint struct {
	*hastyCalls
	at     place
	firing firing
}

// quietAt finds the point that is set where a workflow stands; what is its activity's name in the tables.
func (h *hastyCalls) quietAt(ctx workflow.Context, what string) (*quietPoint, bool) {
	info := workflow.GetInfo(ctx)
	at := place{Workflow: info.WorkflowType.Name, Target: info.WorkflowExecution.ID, Step: operation.RouteOf(ctx).Step}
	kind, ok := h.points.armedAt(at)
	return &quietPoint{hastyCalls: h, at: at, firing: firing{Kind: kind, PID: os.Getpid(), Activity: what, Attempt: info.Attempt, At: time.Now()}}, ok
}

// Sleep is where a step stands that only lets time pass. Its effect is that the time is over.
func (h *hastyCalls) Sleep(ctx workflow.Context, d time.Duration) error {
	p, ok := h.quietAt(ctx, "timer")
	if !ok {
		return h.Next.Sleep(ctx, d)
	}
	if err := p.begin(ctx); err != nil {
		return err
	}
	if err := h.Next.Sleep(ctx, d); err != nil {
		return err
	}
	p.lose(ctx)
	return p.last(ctx)
}

// onlyLooks is the step that does nothing but look at what systems hold.
const onlyLooks = "absent"

// ExecuteLocalActivity lets a point at a step that only looks be met by activities with the step's id: what cannot be read in the
// workflow's own worker is read by those.
func (h *hastyCalls) ExecuteLocalActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	if p, ok := h.quietAt(ctx, name); ok && p.at.Step == onlyLooks {
		never, settle := workflow.NewFuture(ctx)
		settle.SetError(again("nothing is near"))
		return never
	}
	return h.Next.ExecuteLocalActivity(ctx, name, args...)
}

// begin is what happens before the effect. An error is the step's.
func (p *quietPoint) begin(ctx workflow.Context) error {
	if !workflow.IsReplaying(ctx) {
		p.first()
	}
	switch p.firing.Kind {
	case failBefore:
		p.points.claim(p.at, p.firing)
		return forGood()
	case cancelBefore:
		p.points.claim(p.at, p.firing)
		_ = p.Next.Sleep(ctx, cancelWithin/3) // What follows finds that it is cancelled.
	default:
	}
	return nil
}

// lose lets this worker forget what it has just done: Temporal asks it again.
func (p *quietPoint) lose(ctx workflow.Context) {
	if p.firing.Kind == lost && !workflow.IsReplaying(ctx) && p.points.claim(p.at, p.firing) {
		panic("crash suite: the answer was lost")
	}
}

// first is what happens before Temporal is asked.
func (p *quietPoint) first() {
	if was, ok := p.points.firedAt(p.at); ok {
		if was.PID != p.firing.PID {
			p.points.mark(finished, p.at, strconv.Itoa(p.firing.PID))
		}
		return
	}
	var err error
	slept := false
	switch p.firing.Kind {
	case before:
		if p.points.claim(p.at, p.firing) {
			kill(os.Getpid())
		}
	case stopped:
		slept, err = p.stop(p.at, p.firing)
	case serverBefore:
		err = p.killServer(p.at, p.firing)
	case serverStopped:
		err = p.stopServer(p.at, p.firing)
	default:
	}
	if slept {
		p.points.mark(woken, p.at, "went on") // Temporal takes no answer to what another worker has answered.
	}
	if err != nil {
		panic(err) // Temporal asks again.
	}
}

// last is what happens when Temporal has done it and this worker hears of it.
func (p *quietPoint) last(ctx workflow.Context) error {
	switch p.firing.Kind {
	case failAfter:
		p.points.claim(p.at, p.firing)
		return forGood()
	case cancelAfter:
		p.points.claim(p.at, p.firing)
		return p.Next.Sleep(ctx, cancelWithin/3)
	default:
	}
	if workflow.IsReplaying(ctx) {
		return nil
	}
	switch p.firing.Kind {
	case after:
		if p.points.claim(p.at, p.firing) {
			kill(os.Getpid())
		}
	case serverAfter:
		if err := p.killServer(p.at, p.firing); err != nil {
			panic(err)
		}
	case serverLost:
		if pid := p.points.pid(roleTemporal); pid != 0 && p.points.claim(p.at, p.firing) {
			time.AfterFunc(3*time.Millisecond, func() { kill(pid) })
		}
	default:
	}
	return nil
}
