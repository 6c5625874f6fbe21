package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/decision"
	"fermata/wire"
	"fermata/worker"
	"fermata/workflows/run"
)

const (
	steps      = 12
	abreast    = 4 // Steps that depend on nothing of each other.
	kind       = "BenchErrand"
	capability = "bench"
	activity   = "bench.Nothing"
)

// errand is a process in Fermata's frame whose steps do nothing, so that what it costs is Fermata's. Its stages are those of the
// floor's fastest form: three, each of four steps side by side.
type errand struct{ owner operation.Owner }

func (errand) Kind() string             { return kind }
func (p errand) Owner() operation.Owner { return p.owner }
func (errand) Facts() decision.Facts    { return decision.Facts{Kind: kind, Environment: "bench"} }
func (errand) Policy() run.Policy {
	return run.Policy{RetryFor: time.Minute, ApprovalDeadline: time.Hour}
}

func (errand) Plan(workflow.Context) (wire.Preview, error) {
	var changes []wire.PlannedChange
	for n := range steps {
		changes = append(changes, wire.PlannedChange{Step: id(n), Title: "do " + id(n), After: after(n), Action: wire.Change, Object: "nothing", Reversal: string(run.Nothing)})
	}
	return wire.Preview{Plan: wire.Plan{Changes: changes, Resolved: json.RawMessage(`{}`)}}, nil
}

func id(n int) string { return fmt.Sprintf("step-%02d", n+1) }

// after are the steps of the stage before.
func after(n int) (ids []string) {
	for before := n/abreast*abreast - abreast; before >= 0 && len(ids) < abreast; before++ {
		ids = append(ids, id(before))
	}
	return ids
}

func (errand) Steps(*run.Frame) ([]run.Step, error) {
	var all []run.Step
	for n := range steps {
		all = append(all, run.Step{
			ID: id(n), Title: "do " + id(n), After: after(n), Reversal: run.Nothing,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				_, err := operation.Call[string](ctx, capability, activity, time.Minute, op)
				return run.Result{}, err
			},
		})
	}
	return all, nil
}

func (errand) Conclude(workflow.Context, *run.Frame, wire.Outcome, string) error { return nil }

// asked is what the process reads of its document.
type asked struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

func options() []worker.Option {
	return []worker.Option{
		worker.WithWorkflow(func(register func(string, any)) {
			register(kind, func(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
				var a asked
				if err := json.Unmarshal(in.Document, &a); err != nil {
					return wire.StartOutput{}, fmt.Errorf("reading the errand: %w", err)
				}
				return run.Execute(ctx, in, errand{operation.Owner("errand/" + a.Metadata.Name)})
			})
		}),
		worker.WithActivities(capability, func(register func(string, any)) {
			register(activity, func(context.Context, operation.Op) (string, error) { return "", nil })
		}),
	}
}
