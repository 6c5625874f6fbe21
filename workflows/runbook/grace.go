package runbook

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/decision"
	"fermata/wire"
	"fermata/workflows/run"
)

// StepGrace is the id of the grace period's step and of its gate.
const StepGrace = "grace"

// Grace waits on a durable timer before anything is removed for good. restore undoes the run so far; purge ends the wait. what is
// kept meanwhile: "server".
func Grace(f *run.Frame, what string, period time.Duration, after ...string) Planned {
	return Planned{
		Step: run.Step{
			ID: StepGrace, Title: "grace period", After: after, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				deadline := workflow.Now(ctx).Add(period)
				command, err := f.Wait(ctx, wire.Grace, wire.Gate{
					ID: StepGrace, Step: StepGrace, Deadline: &deadline, Commands: []decision.Command{decision.Restore, decision.Purge},
					Why: "the " + what + " is off and kept until " + deadline.UTC().Format(time.RFC3339) + "; restore brings it back, purge removes it now",
				})
				if err != nil {
					return run.Result{}, err
				}
				if command == decision.Restore {
					f.Stop(wire.Restored, "", "restored within the grace period")
					return run.Result{}, temporal.NewCanceledError("restored")
				}
				f.Resume(ctx)
				return run.Result{Lines: []string{ended(command)}}, nil
			},
		},
		Action: wire.Observe, Object: "for " + period.String(), Detail: []string{"restore and purge end it"},
	}
}

func ended(c decision.Command) string {
	if c == decision.Purge {
		return "ended by purge"
	}
	return "has passed"
}
