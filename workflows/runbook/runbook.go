// Package runbook is what the runbooks of several processes have in common: how a plan is read and shown, and the steps of
// tickets, firewalls and guests.
package runbook

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"

	"fermata/activities/fault"
	"fermata/wire"
	"fermata/workflows/run"
)

// Planned is a step with what the plan shows of it.
type Planned struct {
	run.Step
	Action wire.Action
	Object string
	Detail []string
}

// Bare are the steps alone, as the frame takes them.
func Bare(all []Planned) []run.Step {
	steps := make([]run.Step, len(all))
	for i, s := range all {
		steps[i] = s.Step
	}
	return steps
}

// Shown is what a plan shows of the steps.
func Shown(all []Planned) []wire.PlannedChange {
	changes := make([]wire.PlannedChange, len(all))
	for i, s := range all {
		changes[i] = wire.PlannedChange{
			Step: s.ID, Title: s.Title, After: s.After, Action: s.Action, Object: s.Object, Detail: s.Detail, Reversal: string(s.Reversal),
		}
	}
	return changes
}

// Linked drops from each step the predecessors that this plan does not have.
func Linked(steps []Planned) []Planned {
	have := map[string]bool{}
	for i := range steps {
		var after []string
		for _, id := range steps[i].After {
			if have[id] {
				after = append(after, id)
			}
		}
		steps[i].After = after
		have[steps[i].ID] = true
	}
	return steps
}

// Invalid says what a retry cannot cure.
func Invalid(doing string, err error) error {
	return temporal.NewNonRetryableApplicationError(doing+": "+err.Error(), string(fault.Invalid), nil)
}

// Missing holds a step whose predecessor was skipped: only a person knows what to do.
func Missing(err error) error { return Invalid("a step before this one is needed", err) }

// Gone says that nothing can bring the object back.
func Gone(object string) error {
	return temporal.NewNonRetryableApplicationError("irreversible: "+object+" is gone", string(fault.NotFound), nil)
}

// System names a system in what people read.
func System(capability, name string) string {
	if name == "" {
		return capability
	}
	return capability + " " + name
}

// Joined is host:port, with brackets around an IPv6 address.
func Joined(address string, port int) string {
	if strings.Contains(address, ":") {
		return fmt.Sprintf("[%s]:%d", address, port)
	}
	return fmt.Sprintf("%s:%d", address, port)
}

// Unknown reports whether err says that the workflow that was signalled is not there, or has ended.
func Unknown(err error) bool {
	var gone *temporal.UnknownExternalWorkflowExecutionError
	return errors.As(err, &gone)
}
