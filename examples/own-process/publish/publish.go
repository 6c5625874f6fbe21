// Package publish is a process: once somebody else agreed, it puts a banner on the status page; undo takes it away.
package publish

import (
	"encoding/json"
	"time"

	"go.temporal.io/sdk/workflow"

	"example.com/own-process/statuspage"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

// Type is the workflow's, which `fermata start --workflow` and a policy's rules name.
const Type = "PublishBanner"

type publish struct {
	Metadata spec.Metadata
	Spec     struct{ Page, Text string }
}

// Register names the workflow and its function.
func Register(register func(name string, workflow any)) {
	register(Type, func(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
		var p publish
		if err := json.Unmarshal(in.Document, &p); err != nil || p.Metadata.Name == "" || p.Spec.Text == "" {
			return wire.StartOutput{}, fault.ForTemporal(fault.New(fault.Invalid, "reading the banner: it needs metadata.name and spec.text"))
		}
		return run.Execute(ctx, in, p)
	})
}

func (p publish) Kind() string           { return Type }
func (p publish) Owner() operation.Owner { return operation.Owner("banner/" + p.Metadata.Name) }
func (p publish) Facts() decision.Facts {
	return decision.Facts{Kind: Type, Environment: p.Metadata.Environment, Site: p.Metadata.Site}
}

func (p publish) Policy() run.Policy {
	return run.Policy{Site: p.Metadata.Site, RetryFor: time.Hour, ApprovalDeadline: 24 * time.Hour}
}

func (p publish) call(ctx workflow.Context, activity string, op operation.Op) (statuspage.Banner, error) {
	op.Owner = p.Owner()
	return statuspage.Call(ctx, activity, statuspage.Banner{Page: p.Spec.Page, Name: p.Metadata.Name, Text: p.Spec.Text, Op: op})
}

func (p publish) Plan(ctx workflow.Context) (wire.Preview, error) {
	there, err := p.call(ctx, statuspage.Find, operation.Op{})
	seen := wire.Observation{Name: "page", Text: "has a banner of that name: " + there.Text}
	if fault.FromTemporal(err).Kind == fault.NotFound {
		seen, err = wire.Observation{Name: "page", Text: "has no banner of that name", OK: true}, nil
	}
	return wire.Preview{Observations: []wire.Observation{seen}, Plan: wire.Plan{Resolved: json.RawMessage(`{}`), Changes: []wire.PlannedChange{{
		Step: "banner", Title: "publish the banner", Action: wire.Create, Object: p.Metadata.Name, Detail: []string{p.Spec.Text}, Reversal: string(run.Reversible),
	}}}}, err
}

func (p publish) Steps(*run.Frame) ([]run.Step, error) {
	return []run.Step{{
		ID: "banner", Title: "publish the banner", Reversal: run.Reversible,
		Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
			b, err := p.call(ctx, statuspage.Publish, op)
			return run.Result{Lines: []string{b.Text}}, err
		},
		Undo: func(ctx workflow.Context, op operation.Op) error {
			_, err := p.call(ctx, statuspage.Remove, op)
			return err
		},
	}}, nil
}

func (p publish) Conclude(workflow.Context, *run.Frame, wire.Outcome, string) error { return nil } // There is no ticket to close.
