package run

import (
	"encoding/json"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/notify"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/wire"
)

// work does the steps that are chosen, each as soon as those it depends on are done, side by side where it can be.
// It returns when all are settled, or the run must stop, or ctx is cancelled; no step is in flight then.
func (f *Frame) work(ctx workflow.Context, chosen func(Step) bool) error {
	within, cancel := workflow.WithCancel(ctx)
	defer cancel()
	var mine []*stepState
	for _, st := range f.state.Steps {
		s := f.steps[st.ID]
		if !chosen(s) || st.settled() {
			continue
		}
		mine = append(mine, st)
		workflow.GoNamed(within, "step "+st.ID, func(ctx workflow.Context) { f.do(ctx, s, st) })
	}
	settled := func() bool {
		for _, st := range mine {
			if !st.settled() {
				return false
			}
		}
		return true
	}
	err := workflow.Await(ctx, func() bool {
		return f.state.Stop != nil || settled() || (f.running == 0 && f.full(ctx))
	})
	if err == nil && f.state.Stop == nil && !settled() {
		return f.carry(ctx)
	}
	if err != nil {
		f.fail(err, true) // From here on decisions are told that the run is ending.
	}
	// Siblings that still run are cancelled and waited for: what is undone next must not be under way.
	cancel()
	quiet, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	if waitErr := workflow.Await(quiet, func() bool { return f.running == 0 }); waitErr != nil {
		return waitErr
	}
	return err
}

// do carries one step to its end, through holding if need be.
func (f *Frame) do(ctx workflow.Context, s Step, st *stepState) {
	if st.State != wire.StepHeld {
		ready := func() bool { return f.ready(s) && !f.full(ctx) && f.state.Stop == nil && !f.stopped() }
		for begins := false; !begins; begins = f.vouched(ctx) && ready() {
			if workflow.Await(ctx, ready) != nil {
				return
			}
		}
	}
	for !st.settled() {
		if st.State != wire.StepHeld {
			if err := f.try(ctx, s, st); err == nil || f.interrupted(ctx, st, err) || f.hold(ctx, s, st, err) != nil {
				return
			}
		}
		if workflow.Await(ctx, func() bool { return st.Answer != "" && !f.full(ctx) && !f.stopped() }) != nil {
			return
		}
		f.answered(ctx, st)
	}
}

func (f *Frame) ready(s Step) bool {
	for _, id := range s.After {
		if before := f.state.step(id); before != nil && !before.settled() {
			return false
		}
	}
	return true
}

// try begins the step: from here on undo knows of it, whether or not it comes to an answer.
func (f *Frame) try(ctx workflow.Context, s Step, st *stepState) error {
	f.running++
	defer func() { f.running-- }()
	if st.Order == 0 {
		f.state.Begun++
		st.Order = f.state.Begun
	}
	now := workflow.Now(ctx)
	st.remember()
	st.State, st.Started, st.Ended, st.Reason = wire.StepRunning, &now, nil, nil
	st.Tries++
	f.show(ctx)
	result, err := s.Do(f.routed(ctx, s), f.op(s))
	if err != nil {
		return err
	}
	if st.Output, err = json.Marshal(result.Output); err != nil {
		return fmt.Errorf("keeping what step %q left: %w", s.ID, err)
	}
	ended := workflow.Now(ctx)
	st.State, st.Ended, st.Result = wire.StepDone, &ended, result.Lines
	f.show(ctx)
	return nil
}

func (f *Frame) op(s Step) operation.Op {
	owner := f.process.Owner()
	return operation.Op{Owner: owner, Key: operation.Key{Run: f.in.Run, Step: s.ID, Target: targetName(owner)}}
}

func (f *Frame) routed(ctx workflow.Context, s Step) workflow.Context {
	route := operation.RouteOf(ctx)
	route.Summary, route.Step, route.Site = s.Title, s.ID, f.process.Policy().Site
	return operation.WithRoute(ctx, route)
}

// interrupted reports whether the step ended because the run stops, not because it failed.
func (f *Frame) interrupted(ctx workflow.Context, st *stepState, err error) bool {
	if !temporal.IsCanceledError(err) && ctx.Err() == nil && f.state.Stop == nil {
		return false
	}
	ended := workflow.Now(ctx)
	st.State, st.Ended = wire.StepCancelled, &ended
	return true
}

// hold parks the step until a person says what to do, or stops the run if its policy says so.
func (f *Frame) hold(ctx workflow.Context, s Step, st *stepState, err error) error {
	reason := fault.FromTemporal(err)
	ended := workflow.Now(ctx)
	st.State, st.Ended, st.Reason, st.Answer = wire.StepHeld, &ended, &reason, ""
	if f.process.Policy().UndoOnFailure {
		f.state.Stop = &stop{Outcome: wire.Undone, Reason: fmt.Sprintf("%s: %s", s.Title, reason.Text)}
		return nil
	}
	f.running++ // Until its gate is open the step is not at rest: the run must not continue as new without the gate.
	defer func() { f.running-- }()
	openErr := f.open(ctx, wire.Gate{
		ID: gateHold + s.ID, Step: s.ID, Commands: []decision.Command{decision.Retry, decision.Skip},
		Why: s.Title + ": " + reason.Text,
	})
	f.enter(ctx, wire.Held)
	f.tell(ctx, f.notice(ctx, notify.Held, s.Title+": "+reason.Text), f.state.Terms.Audience(decision.Retry))
	return openErr
}

// answered acts on what a person said of a held step.
func (f *Frame) answered(ctx workflow.Context, st *stepState) {
	f.state.closeGate(gateHold + st.ID)
	switch st.Answer {
	case decision.Skip:
		st.State = wire.StepSkipped
	default:
		st.State = wire.StepWaiting
	}
	st.Answer = ""
	f.enter(ctx, wire.Running)
}

// Wait opens a gate in the middle of a step and waits in a phase of its own, such as the grace period, until one of the
// gate's commands is given, or the deadline passes: then it returns "". A run that is stopped ends the wait by cancelling
// ctx.
func (f *Frame) Wait(ctx workflow.Context, p wire.Phase, g wire.Gate) (decision.Command, error) {
	st := f.state.step(g.Step)
	if _, carried := f.state.gate(g.ID); !carried {
		st.Answer = ""
		if err := f.open(ctx, g); err != nil {
			return "", err
		}
	} else {
		g, _ = f.state.gate(g.ID)
	}
	defer f.state.closeGate(g.ID)
	f.enter(ctx, p) // After the gate is open: who sees the phase finds the gate, and the attributes name it.
	// A step that waits for a person is not in flight: the run may continue as new meanwhile, and the step waits again.
	f.running--
	defer func() { f.running++ }()
	if g.Deadline == nil {
		err := workflow.Await(ctx, func() bool { return st.Answer != "" })
		return st.Answer, err
	}
	left := g.Deadline.Sub(workflow.Now(ctx))
	_, err := workflow.AwaitWithTimeout(ctx, max(left, 0), func() bool { return st.Answer != "" })
	return st.Answer, err
}

// Stop ends the run early: running steps are cancelled, what was done is undone.
func (f *Frame) Stop(o wire.Outcome, by, reason string) {
	if f.state.Stop == nil {
		f.state.Stop = &stop{Outcome: o, By: by, Reason: reason}
	}
}
