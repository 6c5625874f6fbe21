package run

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/wire"
)

// Ids of gates.
const (
	gateRun      = "run"
	gateApproval = "approval"
	gateReview   = "review" // Of an emergency change.
	gateHold     = "hold/"  // And the step's id.
)

// plan reads what is there and says what would be done.
func (f *Frame) plan(ctx workflow.Context) error {
	if f.state.Preview == nil {
		f.enter(ctx, wire.Planning)
		preview, err := Preview(ctx, f.process, f.state.Document)
		if err != nil {
			return err
		}
		planned := workflow.Now(ctx)
		f.state.Preview, f.state.Planned = &preview, &planned
		f.rehash(preview.Hash)
		if problems := preview.Problems(); len(problems) > 0 {
			f.state.Outcome, f.state.Reason = wire.Refused, sentence(problems)
			return nil
		}
		if preview.Nothing {
			f.state.Outcome, f.state.Reason = wire.Done, wire.NothingToChange
			return nil
		}
	}
	return f.prepare()
}

// Preview plans: it asks the process, stamps the plan and takes its hash.
func Preview(ctx workflow.Context, p Process, document string) (wire.Preview, error) {
	preview, err := p.Plan(ctx)
	if err != nil {
		return wire.Preview{}, fmt.Errorf("planning: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return wire.Preview{}, err // What was read while it was cancelled says nothing of the systems.
	}
	preview.Plan.Version, preview.Plan.Kind = wire.PlanVersion, p.Kind()
	preview.Plan.Owner, preview.Plan.Document = p.Owner(), document
	if preview.Hash, err = preview.Plan.Hash(); err != nil {
		return wire.Preview{}, fmt.Errorf("hashing the plan: %w", err)
	}
	return preview, nil
}

// rehash lets the run's own gate ask for the plan instead of the document.
func (f *Frame) rehash(hash string) {
	for i := range f.state.Gates {
		f.state.Gates[i].Hash = hash
	}
}

// prepare builds the steps of the plan; those that a carried state already knows keep their place.
func (f *Frame) prepare() error {
	steps, err := f.process.Steps(f)
	if err != nil {
		return fmt.Errorf("building the steps: %w", err)
	}
	for _, s := range steps {
		f.steps[s.ID] = s
		if f.state.step(s.ID) == nil {
			f.state.Steps = append(f.state.Steps, &stepState{Step: wire.Step{
				ID: s.ID, Title: s.Title, After: s.After, State: wire.StepWaiting, Reversal: string(s.Reversal),
			}})
		}
	}
	return nil
}

// reserve does the only effects that are allowed before the approval.
func (f *Frame) reserve(ctx workflow.Context) error {
	return f.work(ctx, func(s Step) bool { return s.Early })
}

// Bounds of planning again. What stands in its way then may pass by itself: a system that is being restarted, a worker
// that has not found Temporal again. Nobody is asked twice for that.
const (
	confirmFor   = 2 * time.Minute
	confirmEvery = 5 * time.Second
)

// confirm plans again: what was approved must still be what would be done.
func (f *Frame) confirm(ctx workflow.Context) error {
	if f.state.Confirmed {
		return nil
	}
	preview, err := f.planAgain(ctx)
	if err != nil || f.state.Stop != nil {
		return err
	}
	switch problems := preview.Problems(); {
	case len(problems) > 0: // What it says besides may lack what could not be read.
		f.state.Outcome, f.state.Reason = wire.PlanChanged, sentence(problems)
	case preview.Hash != f.state.Preview.Hash:
		f.state.Outcome, f.state.Reason = wire.PlanChanged, "after the approval the plan came out differently: "+differences(*f.state.Preview, preview)
	default:
		f.state.Confirmed, f.state.Reason = true, ""
		return f.freeze(ctx)
	}
	return nil
}

// freeze keeps the confirmed plan in the history, word by word. A later build that goes on with the run makes the plan
// anew from what the systems answered, perhaps in other words, and the record must hold the plan that was signed.
//
// It stands after the last comparison of two plans: both sides of one must come from the same build.
func (f *Frame) freeze(ctx workflow.Context) error {
	var kept wire.Preview
	err := workflow.SideEffect(ctx, func(workflow.Context) any { return f.state.Preview }).Get(&kept)
	if err != nil {
		return fmt.Errorf("keeping the plan: %w", err)
	}
	f.state.Preview = &kept
	f.rehash(kept.Hash)
	return nil
}

// planAgain plans until nothing forbids the plan, or for so long that it will not pass by itself.
func (f *Frame) planAgain(ctx workflow.Context) (wire.Preview, error) {
	last := workflow.Now(ctx).Add(min(confirmFor, f.process.Policy().RetryFor))
	for {
		preview, err := Preview(ctx, f.process, f.state.Document)
		problems := preview.Problems()
		if err != nil || len(problems) == 0 || !workflow.Now(ctx).Before(last) {
			return preview, err
		}
		f.state.Reason = "planning again, as approved: " + sentence(problems)
		f.show(ctx)
		if _, err := workflow.AwaitWithTimeout(ctx, confirmEvery, func() bool { return f.state.Stop != nil }); err != nil || f.state.Stop != nil {
			return preview, err
		}
	}
}

// act does the steps.
func (f *Frame) act(ctx workflow.Context) error {
	f.enter(ctx, wire.Running)
	return f.work(ctx, func(s Step) bool { return !s.Early })
}

func sentence(problems []wire.Observation) string {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Name + ": " + p.Text
	}
	return strings.Join(texts, "; ")
}

// differences is difference, which names the servers of a fleet too.
func differences(before, after wire.Preview) string {
	var other []string
	for i, m := range after.Members {
		if i < len(before.Members) && before.Members[i].Hash != m.Hash {
			other = append(other, targetName(m.Owner))
		}
	}
	switch n := len(other); {
	case n == 0:
		return difference(before.Plan, after.Plan)
	case n > namedServers:
		return fmt.Sprintf("other plans for %s and %d more", strings.Join(other[:namedServers], ", "), n-namedServers)
	}
	return "other plans for " + strings.Join(other, ", ")
}

// namedServers is how many servers a sentence names.
const namedServers = 5

// difference names the first thing that two plans do not share.
func difference(before, after wire.Plan) string {
	if len(before.Changes) != len(after.Changes) {
		return fmt.Sprintf("%d steps instead of %d", len(after.Changes), len(before.Changes))
	}
	for i, was := range before.Changes {
		is := after.Changes[i]
		if was.Step != is.Step || was.Action != is.Action || was.Object != is.Object {
			return fmt.Sprintf("%s would %s %s instead of %s %s", is.Step, is.Action, is.Object, was.Action, was.Object)
		}
		if !slices.Equal(was.Detail, is.Detail) {
			return fmt.Sprintf("%s: %q instead of %q", is.Step, strings.Join(is.Detail, ", "), strings.Join(was.Detail, ", "))
		}
	}
	return "the resolved identities (template, placement or what is to be removed) are others"
}
