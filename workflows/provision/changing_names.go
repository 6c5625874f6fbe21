package provision

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps that give names another TTL. They stand in keys of objects in the field: never rename one.
const (
	stepNameTTL    = "name-ttl"
	stepReverseTTL = "reverse-name-ttl"
)

// namesDiff is what happens to a server's names. Those of before have the keys that they carry.
type namesDiff struct {
	Change []nameDiff `json:"change,omitempty"`
	Out    []placed   `json:"out,omitempty"`
}

// nameDiff is a name that is published, put in the place of another, or gets another TTL.
type nameDiff struct {
	Was *placed `json:"was,omitempty"` // nil: there is none of that name and type.
	Is  placed  `json:"is"`            // With the key of what is there where that is completed; empty: the step's.
}

// names compares what is asked for with what the owner has.
func (p *change) names(now reality, d *difference) (seen []wire.Observation) {
	var diff namesDiff
	kept := map[int]bool{}
	for _, r := range publications(p.asked.server) {
		want := placed{System: p.asked.server.Spec.DNS.System, Published: dns.Published{Record: r, Owner: p.Owner()}}
		i := slices.IndexFunc(now.names, want.sameName)
		if i < 0 {
			diff.Change = append(diff.Change, nameDiff{Is: want})
			continue
		}
		kept[i] = true
		have := now.names[i]
		switch {
		case have.Value != r.Value && r.Type != dns.PTR:
			seen = append(seen, runbook.Problem("dns", "%s of %s is published with %s, not %s: a person must look at it", r.Type, r.Name, have.Value, r.Value))
		case have.Value != r.Value:
			diff.Change = append(diff.Change, nameDiff{Was: &have, Is: want})
		case have.TTL == 0: // Only its mark is left.
			want.Key = have.Key
			diff.Change = append(diff.Change, nameDiff{Is: want})
		case have.TTL != r.TTL:
			want.Key = have.Key
			diff.Change = append(diff.Change, nameDiff{Was: &have, Is: want})
		}
	}
	for i, have := range now.names {
		if !kept[i] {
			diff.Out = append(diff.Out, have)
		}
	}
	if len(diff.Change)+len(diff.Out) > 0 {
		d.Names = &diff
	}
	return seen
}

// publishing publishes what is new, before anybody is let in by it, and asks for all names as a resolver would.
func (p *change) publishing(d difference) (steps []runbook.Planned) {
	if d.Names == nil || len(d.Names.Change) == 0 {
		return nil
	}
	for _, c := range d.Names.Change {
		steps = append(steps, c.step())
	}
	return append(steps, p.asked.resolve(publications(p.asked.server)))
}

// step is the one step of a name.
func (c nameDiff) step() runbook.Planned {
	name, reverse := "name", ""
	if c.Is.Type == dns.PTR {
		name, reverse = "reverse name", "reverse-"
	}
	step := runbook.Planned{Action: wire.Change, Object: c.Is.text(), Step: run.Step{Reversal: run.Reversible}}
	switch {
	case c.Was == nil:
		step.ID, step.Title, step.Action = reverse+stepName, "publish the "+name, wire.Create
		step.Detail = []string{recordText(c.Is.Record), "in zone " + c.Is.Zone}
		step.Do = func(ctx workflow.Context, op operation.Op) (run.Result, error) {
			return run.Result{Lines: []string{recordText(c.Is.Record)}}, c.Is.publish(ctx, op)
		}
		step.Undo = func(ctx workflow.Context, op operation.Op) error { return c.Is.withdraw(ctx, op) }
	case c.Was.Value != c.Is.Value:
		step.ID, step.Title = reverse+stepName, "publish the "+name+" in the place of the former"
		step.Detail = []string{recordText(c.Was.Record) + " -> " + recordText(c.Is.Record), "there is none for a moment: a name is published once"}
		step.Do = func(ctx workflow.Context, op operation.Op) (run.Result, error) {
			return run.Result{Lines: []string{recordText(c.Is.Record)}}, exchangeNames(ctx, op, *c.Was, c.Is)
		}
		step.Undo = func(ctx workflow.Context, op operation.Op) error { return exchangeNames(ctx, op, c.Is, *c.Was) }
	default:
		step.ID, step.Title = reverse+stepNameTTL, "change the TTL of the "+name
		step.Detail = []string{fmt.Sprintf("TTL %d -> %d seconds", c.Was.TTL, c.Is.TTL)}
		step.Do = func(ctx workflow.Context, op operation.Op) (run.Result, error) {
			return run.Result{Lines: []string{recordText(c.Is.Record)}}, c.Is.setTTL(ctx, op)
		}
		step.Undo = func(ctx workflow.Context, op operation.Op) error { return c.Was.setTTL(ctx, op) }
	}
	return step
}

// withdrawing takes away the names that are not asked for any more, once all else is done: whoever uses the former name is
// served until the new one is seen to work.
func (p *change) withdrawing(d difference) []runbook.Planned {
	if d.Names == nil || len(d.Names.Out) == 0 {
		return nil
	}
	out := d.Names.Out
	var lines []string
	for _, r := range out {
		lines = append(lines, recordText(r.Record)+" in zone "+r.Zone)
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepNames, Title: "withdraw the names", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				for _, r := range out {
					if err := r.withdraw(ctx, op); err != nil {
						return run.Result{}, err
					}
				}
				return run.Result{Lines: lines}, p.withdrawn(ctx, out)
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				for _, r := range out {
					if r.TTL == 0 {
						continue // Only its mark was there.
					}
					if err := r.publish(ctx, op); err != nil {
						return err
					}
				}
				return nil
			},
		},
		Action: wire.Remove, Object: fmt.Sprintf("%d DNS records", len(out)), Detail: lines,
	}}
}

// withdrawn looks that nothing of it is left, and that no resolver is led to the server by it. A name that another zone
// answers now is one that is asked for.
func (p *change) withdrawn(ctx workflow.Context, out []placed) error {
	asked := publications(p.asked.server)
	for _, r := range out {
		found, err := dns.FindRecords(ctx, dns.FindRecordsInput{System: r.System, Zone: r.Zone, Owner: p.Owner()})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(found.Records, func(left dns.Published) bool { return left.Key == r.Key && left.Name == r.Name && left.Type == r.Type }) {
			return temporal.NewNonRetryableApplicationError(r.text()+" is still in zone "+r.Zone+": remove it by hand", string(fault.Conflict), nil)
		}
		if slices.ContainsFunc(asked, func(a dns.Record) bool { return a.Name == r.Name && a.Type == r.Type }) {
			continue
		}
		if _, err := dns.Confirm(ctx, dns.ConfirmInput{System: r.System, Record: r.Record, Absent: true}); err != nil {
			return err
		}
	}
	return nil
}
