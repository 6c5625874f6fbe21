// Package reservation keeps what two runs must not both take, such as an address.
//
// A reservation is an execution whose id is the thing itself: Temporal starts no second one. It ends when its run frees
// it, or, at the latest some minutes after, when its run is found to have ended without doing so.
package reservation

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/executions"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/wire"
)

const (
	lookEvery = 10 * time.Minute // How often a reservation looks whether its run still goes on.
	looks     = 200              // After so many looks it continues as new, long before its history is long.
	attempts  = 5                // How often a reservation is tried that an earlier run of the same owner left behind, a second apart.
	later     = 24               // And how often then, five seconds apart.
)

// changeLater lets runs that an older build held after the first attempts stay as they are.
const changeLater = "reservation-later"

// Register names the workflow and its function.
func Register(register func(name string, workflow any)) {
	register(wire.HoldReservation, HoldReservation)
}

// HoldReservation keeps the thing whose id it has until its run frees it or has ended.
func HoldReservation(ctx workflow.Context, in wire.Reservation) error {
	freed := workflow.GetSignalChannel(ctx, wire.SignalFree)
	for range looks {
		var run string
		if some, _ := freed.ReceiveWithTimeout(ctx, lookEvery, &run); some {
			if run == in.Run {
				return nil
			}
			continue // Somebody frees what is not theirs.
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		holder, err := executions.Find(ctx, executions.FindInput{WorkflowID: in.Holder})
		if err == nil && (!holder.Execution.Open || holder.Execution.Run != in.Run) {
			return nil
		}
	}
	for {
		var run string
		if !freed.ReceiveAsync(&run) {
			return workflow.NewContinueAsNewError(ctx, wire.HoldReservation, in)
		}
		if run == in.Run {
			return nil
		}
	}
}

// Take reserves what has this id for the run of op, in whose workflow ctx is. Taking it again is no error. Conflict, for
// good: it is reserved for another owner; the text names it.
func Take(ctx workflow.Context, id string, op operation.Op) error {
	for n := range attempts + later {
		pause := time.Second
		if n >= attempts {
			pause = 5 * time.Second
		}
		if n == attempts && workflow.GetVersion(ctx, changeLater, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			break
		}
		err := begin(ctx, id, op)
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return err
		}
		holder, err := Holder(ctx, id)
		switch {
		case err != nil:
			return fmt.Errorf("asking who holds %s: %w", id, err)
		case holder.Open && holder.Run == op.Key.Run:
			return nil // An earlier attempt took it.
		case holder.Open && holder.Target != op.Owner:
			return conflict(Taken(id, holder))
		case holder.Open:
			// Only one run at a time works for an owner, so the run that left this behind was terminated, or it freed this as
			// it ended. That is heard late where a worker dies with the news: Temporal gives it to another after 10 seconds.
			if err := free(ctx, id, holder.Run); err != nil {
				return err
			}
		}
		if err := workflow.Sleep(ctx, pause); err != nil {
			return err
		}
	}
	return conflict(id + " was reserved a moment ago and is being freed: try again")
}

// Try reserves what has this id for the run of op, if nobody holds it, and does not wait for whoever does.
func Try(ctx workflow.Context, id string, op operation.Op) (taken bool, err error) {
	err = begin(ctx, id, op)
	if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return err == nil, err
	}
	holder, err := Holder(ctx, id)
	if err != nil {
		return false, fmt.Errorf("asking who holds %s: %w", id, err)
	}
	return holder.Open && holder.Run == op.Key.Run, nil
}

func conflict(text string) error {
	return temporal.NewNonRetryableApplicationError(text, string(fault.Conflict), nil)
}

func begin(ctx workflow.Context, id string, op operation.Op) error {
	// Disconnected: the reservation outlives the step that takes it.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, StaticSummary: "reserved for " + string(op.Owner),
		// Continue-as-new closes a parent, too: the reservation sees for itself when its run has ended.
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			wire.AttributeKind.ValueSet(wire.HoldReservation), wire.AttributeTarget.ValueSet(string(op.Owner)), wire.AttributeKey.ValueSet(op.Key.Run),
		),
	})
	in := wire.Reservation{Run: op.Key.Run, Owner: op.Owner, Holder: workflow.GetInfo(ctx).WorkflowExecution.ID}
	return workflow.ExecuteChildWorkflow(ctx, wire.HoldReservation, in).GetChildWorkflowExecution().Get(ctx, nil)
}

// Holder returns who holds what has this id. Nobody does if it is not open.
func Holder(ctx workflow.Context, id string) (executions.Execution, error) {
	out, err := executions.Find(ctx, executions.FindInput{WorkflowID: id})
	return out.Execution, err
}

// Taken says who holds what has this id, and what to do.
func Taken(id string, holder executions.Execution) string {
	return fmt.Sprintf("%s is reserved for %s by run %s: wait for its end (fermata watch %s), or choose another",
		id, holder.Target, holder.Run, holder.Target)
}

// Free ends the reservation, if this run holds it.
func Free(ctx workflow.Context, id string, op operation.Op) error { return free(ctx, id, op.Key.Run) }

func free(ctx workflow.Context, id, run string) error {
	err := workflow.SignalExternalWorkflow(ctx, id, "", wire.SignalFree, run).Get(ctx, nil)
	var gone *temporal.UnknownExternalWorkflowExecutionError
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("freeing %s: %w", id, err)
	}
	return nil
}
