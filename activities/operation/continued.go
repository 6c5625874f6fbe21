package operation

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
)

// MustContinue refuses a state that somebody else than the execution before has handed over: whoever may start workflows could
// write into it that everything was approved. Fault: Invalid.
func MustContinue(ctx workflow.Context) error {
	if continues(workflow.GetInfo(ctx)) {
		return nil
	}
	return temporal.NewNonRetryableApplicationError(
		"this execution was started with the state of a run that goes on, and continues none: nothing in it can be believed", string(fault.Invalid), nil)
}

// continues reports whether the input is from an execution that continued as new. That there was one before is the server's
// word, not the caller's; but it says so of a retry and of a cron schedule, too, whose input is the first caller's.
func continues(info *workflow.Info) bool {
	return info.ContinuedExecutionRunID != "" && info.Attempt <= 1 && info.CronSchedule == ""
}
