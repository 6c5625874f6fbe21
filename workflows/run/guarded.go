package run

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/spec"
	"fermata/wire"
)

// guarded is what a run knows of the guard.
type guarded struct {
	Begun     bool          `json:"begun,omitempty"` // The guard knows the run.
	Permit    int           `json:"permit,omitempty"`
	Permitted time.Time     `json:"permitted,omitzero"` // When the run heard of it.
	Stopped   *wire.Stopped `json:"stopped,omitempty"`
	Waits     string        `json:"waits,omitempty"`   // Why there is no permit yet.
	Without   string        `json:"without,omitempty"` // Why the run goes on without an answer.
}

const (
	// guardAnswers is how long an answer is waited for. The guard answers at once, also that there is no permit yet.
	guardAnswers = 30 * time.Second
	// askAgain is how often a run asks again that may not go on without an answer.
	askAgain = time.Minute
	// askWaiting is how often one asks again that waits for a limit or for the end of a stop: the guard may have been ended, and
	// a new one knows nobody.
	askWaiting = 10 * time.Minute
	// askedAgain names that change in histories.
	askedAgain = "guard-asked-again"
)

// withoutGuard is what people are told of a run that waits for an answer.
const withoutGuard = "the guard does not answer, and what a machine asked for does not go on without it"

// hear takes what the guard says.
func (f *Frame) hear(ctx workflow.Context) {
	said := workflow.GetSignalChannel(ctx, wire.SignalAnswer)
	for {
		var a wire.GuardAnswer
		if (f.state.Guard.Stopped == nil && f.state.Guard.Waits == "") || !asksAgain(ctx) {
			said.Receive(ctx, &a)
		} else if some, _ := said.ReceiveWithTimeout(ctx, askWaiting, &a); !some {
			if ctx.Err() != nil || f.ending {
				return
			}
			_ = f.askGuard(ctx, f.pending())
			continue
		}
		if ctx.Err() != nil {
			return
		}
		f.heard++
		f.state.Guard.Stopped, f.state.Guard.Waits = a.Stopped, a.Waits
		if f.state.Guard.Permit == 0 && a.Permit > 0 {
			f.state.Guard.Permitted = workflow.Now(ctx)
		}
		f.state.Guard.Permit = max(f.state.Guard.Permit, a.Permit)
		f.show(ctx)
	}
}

// asksAgain is false for an execution that began to wait under a build that asked once and did not show the run as waiting.
func asksAgain(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, askedAgain, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// pending is what a run asks again that waits: for its permit, or else whether automation is still stopped.
func (f *Frame) pending() string {
	if f.lastAsk == wire.AskAct && f.state.Guard.Permit == 0 {
		return wire.AskAct
	}
	return wire.AskBegin
}

// register makes the run known to the guard, before it does anything, and learns whether automation is stopped.
func (f *Frame) register(ctx workflow.Context) error {
	if f.state.Terms == nil || f.state.Guard.Begun || f.actsAtOnce() {
		return nil
	}
	err := f.consult(ctx, wire.AskBegin, func() bool { return true })
	f.state.Guard.Begun = err == nil
	return err
}

// permit waits until the guard lets the run change something.
func (f *Frame) permit(ctx workflow.Context) error {
	if f.state.Terms == nil || f.state.Guard.Permit > 0 || f.state.Confirmed {
		return nil
	}
	f.state.Guard.Begun = true // Who asks for a permit is known, too.
	return f.consult(ctx, wire.AskAct, func() bool { return f.state.Guard.Permit > 0 })
}

// actsAtOnce reports whether nothing is done or waited for before the run asks for its permit, which registers it as well.
func (f *Frame) actsAtOnce() bool {
	if t := f.state.Terms; !f.short || (t.Change != spec.ChangeStandard && t.Review == nil) {
		return false
	}
	for _, st := range f.state.Steps {
		if f.steps[st.ID].Early {
			return false
		}
	}
	return true
}

// consult asks the guard and waits until it said yes. Without an answer only what people asked for goes on.
func (f *Frame) consult(ctx workflow.Context, what string, yes func() bool) error {
	machine := f.state.Terms.Machine(f.state.Requester)
	f.state.Guard.Without, f.lastAsk = "", what
	stop := func() bool { return f.state.Stop != nil }
	for {
		answered, err := f.inquire(ctx, what)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case answered():
			f.show(ctx)
			if !yes() && asksAgain(ctx) {
				f.enter(ctx, wire.Waiting)
			}
			// Who waits for days takes decisions meanwhile: it goes on in a new execution when this one can take no more.
			if err := workflow.Await(ctx, func() bool { return yes() || stop() || f.full(ctx) }); err != nil || yes() || stop() {
				return err
			}
			return f.carry(ctx)
		case stop():
			return nil
		case !machine:
			f.state.Guard.Without = "the guard did not answer: limits were not kept and a stop would not have been heard"
			workflow.GetLogger(ctx).Warn(f.state.Guard.Without, "error", err)
			return nil
		}
		if err := f.pause(ctx, answered); err != nil {
			return err
		}
		if f.full(ctx) && !stop() {
			return f.carry(ctx)
		}
	}
}

// vouched asks the guard before a step of what a machine asked for, and reports whether it answered. Without it such a run
// begins nothing; what a person asked for has its permit.
func (f *Frame) vouched(ctx workflow.Context) bool {
	if !f.state.Terms.Machine(f.state.Requester) {
		return true
	}
	answered, _ := f.inquire(ctx, wire.AskBegin)
	if answered() || f.state.Stop != nil || ctx.Err() != nil {
		return true
	}
	_ = f.pause(ctx, answered)
	return answered() || f.state.Stop != nil
}

// inquire asks the guard and waits a while for its answer; answered tells whether there is one, also later.
func (f *Frame) inquire(ctx workflow.Context, what string) (answered func() bool, err error) {
	before := f.heard
	answered = func() bool { return f.heard > before }
	if err = f.askGuard(ctx, what); err == nil {
		_, err = workflow.AwaitWithTimeout(ctx, guardAnswers, func() bool { return answered() || f.state.Stop != nil })
	}
	return answered, err
}

// pause waits until the guard is asked again, and shows what the run waits for.
func (f *Frame) pause(ctx workflow.Context, answered func() bool) error {
	f.state.Guard.Waits = withoutGuard
	f.show(ctx)
	_, err := workflow.AwaitWithTimeout(ctx, askAgain, func() bool { return answered() || f.state.Stop != nil || f.full(ctx) })
	return err
}

// question is what the run asks the guard.
func (f *Frame) question(ctx workflow.Context, what string) wire.GuardAsk {
	return wire.GuardAsk{
		What: what, Run: f.in.Run, WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, Owner: f.process.Owner(),
		Limits: f.counted(), Exempt: f.state.Terms.Review != nil,
	}
}

// askGuard sends what the run asks, and starts the guard where there is none.
func (f *Frame) askGuard(ctx workflow.Context, what string) error {
	ask := f.question(ctx, what)
	send := func() error {
		return workflow.SignalExternalWorkflow(ctx, wire.GuardWorkflowID(), "", wire.SignalAsk, ask).Get(ctx, nil)
	}
	err := send()
	var unknown *temporal.UnknownExternalWorkflowExecutionError
	var missing *serviceerror.NotFound
	if !errors.As(err, &unknown) && !errors.As(err, &missing) {
		return err
	}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: wire.GuardWorkflowID(), TaskQueue: wire.Queue, StaticSummary: "limits and stop of automation",
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	})
	err = workflow.ExecuteChildWorkflow(child, wire.Guard, wire.GuardInput{Run: f.in.Run}).GetChildWorkflowExecution().Get(ctx, nil)
	if err != nil && !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return fault.Wrap(fault.Unavailable, err, "starting the guard")
	}
	return send()
}

// release tells the guard that the run has ended. If it does not hear that, it forgets the run later.
func (f *Frame) release(ctx workflow.Context) {
	if f.state.Guard.Begun {
		_ = workflow.SignalExternalWorkflow(ctx, wire.GuardWorkflowID(), "", wire.SignalAsk, f.question(ctx, wire.AskEnd)).Get(ctx, nil)
	}
}

// stopped reports whether no step may begin.
func (f *Frame) stopped() bool { return f.state.Guard.Stopped != nil }
