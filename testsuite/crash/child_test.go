package crash

import (
	"os"
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// ExecuteChildWorkflow is where a step stands that has no activity and starts a workflow. Its effect is that the workflow
// was started; the answer is what the worker makes of the news.
func (h *hastyCalls) ExecuteChildWorkflow(ctx workflow.Context, name string, args ...any) workflow.ChildWorkflowFuture {
	info := workflow.GetInfo(ctx)
	c := &childPoint{hastyCalls: h, at: place{
		Workflow: info.WorkflowType.Name, Target: info.WorkflowExecution.ID, Step: operation.RouteOf(ctx).Step,
	}}
	kind, ok := h.points.armedAt(c.at)
	if !ok {
		return h.Next.ExecuteChildWorkflow(ctx, name, args...)
	}
	c.firing = firing{Kind: kind, PID: os.Getpid(), Activity: name, Attempt: info.Attempt, At: time.Now()}
	return c.start(ctx, name, args)
}

// childPoint is a point at the start of a workflow. What it does to the workflow that starts it is the same at each
// replay; processes are killed only when something happens for the first time.
type childPoint struct {
	*hastyCalls
	at     place
	firing firing
}

func (c *childPoint) start(ctx workflow.Context, name string, args []any) workflow.ChildWorkflowFuture {
	if !workflow.IsReplaying(ctx) {
		c.first()
	}
	switch c.firing.Kind {
	case failBefore:
		c.points.claim(c.at, c.firing)
		return failed(ctx)
	case cancelBefore:
		c.points.claim(c.at, c.firing)
		_ = workflow.Sleep(ctx, cancelWithin/3)
	default:
	}
	started := c.Next.ExecuteChildWorkflow(ctx, name, args...)
	if c.firing.Kind == lost && !workflow.IsReplaying(ctx) && c.points.claim(c.at, c.firing) {
		panic("crash suite: the answer was lost")
	}
	execution, settle := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		var e workflow.Execution
		err := started.GetChildWorkflowExecution().Get(ctx, &e)
		if err == nil {
			err = c.last(ctx)
		}
		settle.Set(e, err)
	})
	return child{ChildWorkflowFuture: started, execution: execution}
}

// first is what happens before the workflow is asked for.
func (c *childPoint) first() {
	if was, ok := c.points.firedAt(c.at); ok {
		if was.PID != c.firing.PID {
			c.points.mark(finished, c.at, strconv.Itoa(c.firing.PID))
		}
		return
	}
	var err error
	slept := false
	switch c.firing.Kind {
	case before:
		if c.points.claim(c.at, c.firing) {
			kill(os.Getpid())
		}
	case stopped:
		slept, err = c.stop(c.at, c.firing)
	case serverBefore:
		err = c.killServer(c.at, c.firing)
	case serverStopped:
		err = c.stopServer(c.at, c.firing)
	default:
	}
	if slept {
		c.points.mark(woken, c.at, "went on") // Temporal takes no answer to what another worker has answered.
	}
	if err != nil {
		panic(err) // Temporal asks again.
	}
}

// last is what happens when the workflow was started and this worker hears of it.
func (c *childPoint) last(ctx workflow.Context) error {
	switch c.firing.Kind {
	case failAfter:
		c.points.claim(c.at, c.firing)
		return forGood()
	case cancelAfter:
		c.points.claim(c.at, c.firing)
		return workflow.Sleep(ctx, cancelWithin/3)
	default:
	}
	if workflow.IsReplaying(ctx) {
		return nil
	}
	switch c.firing.Kind {
	case after:
		if c.points.claim(c.at, c.firing) {
			kill(os.Getpid())
		}
	case serverAfter:
		if err := c.killServer(c.at, c.firing); err != nil {
			panic(err)
		}
	case serverLost:
		if pid := c.points.pid(roleTemporal); pid != 0 && c.points.claim(c.at, c.firing) {
			time.AfterFunc(3*time.Millisecond, func() { kill(pid) })
		}
	default:
	}
	return nil
}

// child is a workflow whose start is told as a point wants it.
type child struct {
	workflow.ChildWorkflowFuture
	execution workflow.Future
}

func (c child) GetChildWorkflowExecution() workflow.Future { return c.execution }

func failed(ctx workflow.Context) workflow.ChildWorkflowFuture {
	execution, settle := workflow.NewFuture(ctx)
	settle.SetError(forGood())
	return child{execution: execution}
}
