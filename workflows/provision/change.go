package provision

import (
	"encoding/json"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/dns"
	"fermata/activities/inventory"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// ChangeServer brings a server that is under management to what its spec asks for now. It does what is missing, and refuses
// what would shrink, rename or replace.
func ChangeServer(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
	p, err := newChange(in.Run, in.Document)
	if err != nil {
		return wire.StartOutput{}, err
	}
	return run.Execute(ctx, in, p)
}

// change is the process of a server that exists.
type change struct {
	asked *provision // What is asked for, with the run and the versions of secrets that the plan in force holds on to.
	was   *provision // What the record says; nil until the plan, or the steps, have read it.
	later bool       // Sections are looked at that changes of before knew nothing of.
}

// laterChanges marks runs that look at those sections. A run that an older build planned has not.
const laterChanges = "change-later-sections"

// looksLater reports whether a server has one of them and the run looks at it.
func looksLater(ctx workflow.Context, servers ...*spec.Server) bool {
	has := slices.ContainsFunc(servers, func(s *spec.Server) bool {
		return len(s.Spec.Configuration) > 0 || s.Spec.DNS != nil || s.Spec.Inventory != nil
	})
	return has && workflow.GetVersion(ctx, laterChanges, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

func newChange(id string, document json.RawMessage) (*change, error) {
	asked, err := newProvision(id, document)
	return &change{asked: asked}, err
}

func (p *change) Kind() string { return wire.ChangeServer }

func (p *change) Owner() operation.Owner { return p.asked.Owner() }

func (p *change) Policy() run.Policy { return p.asked.Policy() }

// Facts are what the policy looks at. The plan refuses another environment or site than the record's.
func (p *change) Facts() decision.Facts {
	f := p.asked.Facts()
	f.Kind = wire.ChangeServer
	return f
}

// capabilities are those of what is asked for, and of what is taken away.
func (p *change) capabilities() []string {
	names := p.asked.capabilities()
	if p.later && p.was.server.Spec.DNS != nil && p.asked.server.Spec.DNS == nil {
		names = append(names, dns.Capability)
	}
	if p.later && p.was.server.Spec.Inventory != nil && p.asked.server.Spec.Inventory == nil {
		names = append(names, inventory.Capability)
	}
	return names
}

func (p *change) subject() string { return "Change " + p.asked.server.Metadata.Name }

// Conclude closes the ticket of a run that did not do what was asked.
func (p *change) Conclude(ctx workflow.Context, f *run.Frame, o wire.Outcome, reason string) error {
	return p.desk(f).Reject(ctx, o, reason)
}

// Plan compares what is asked for with what is.
func (p *change) Plan(ctx workflow.Context) (wire.Preview, error) {
	last, err := lastRecord(ctx, p.Owner(), true)
	if err != nil {
		return wire.Preview{Observations: runbook.Failed("records", err)}, nil //nolint:nilerr // People read it in the plan.
	}
	if last == nil {
		return wire.Preview{Observations: []wire.Observation{runbook.Problem("records",
			"no record says that %s is under management: only what was provisioned can be changed", p.Owner())}}, nil
	}
	p.was = &provision{run: last.run, server: last.server, pins: last.secrets, planned: true, books: last.books}
	p.asked.keeps(last)
	p.later = looksLater(ctx, last.server, p.asked.server)
	if refusals := refused(last.server, p.asked.server, p.later); len(refusals) > 0 {
		return wire.Preview{Observations: refusals}, nil
	}
	missing, err := runbook.Polled(ctx, p.asked.server.Metadata.Site, p.capabilities()...)
	if err != nil || len(missing) > 0 {
		return wire.Preview{Observations: missing}, err
	}
	now, seen := p.read(ctx)
	if !now.whole {
		return wire.Preview{Observations: seen}, nil
	}
	d, problems := p.difference(now)
	d.Record, d.Network = last.record, p.asked.chosen()
	seen = slices.Concat(seen, drifted(p.was, now), problems)
	content, err := json.Marshal(d)
	if err != nil {
		return wire.Preview{}, fmt.Errorf("keeping the difference: %w", err)
	}
	changes := runbook.Shown(p.all(nil, d))
	return wire.Preview{
		Plan:         wire.Plan{Changes: changes, Resolved: content, Secrets: now.pins},
		Observations: seen, Nothing: len(changes) == 0 && len(problems) == 0,
	}, nil
}

// Steps returns the steps of the approved plan.
func (p *change) Steps(f *run.Frame) ([]run.Step, error) {
	var d difference
	if err := json.Unmarshal(f.Plan().Plan.Resolved, &d); err != nil {
		return nil, fmt.Errorf("reading what the plan found: %w", err)
	}
	p.asked.pins, p.asked.planned = f.Plan().Plan.Secrets, true
	if d.Network != nil {
		p.asked.settle(*d.Network)
	}
	return runbook.Bare(p.all(f, d)), nil
}
