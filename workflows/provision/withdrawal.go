package provision

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/dns"
	"fermata/activities/operation"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

func (p *decommission) findNames(found *estate) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := runbook.System(dns.Capability, p.server.Spec.DNS.System)
		for _, zone := range zonesOf(p.server) {
			out, err := dns.FindRecords(ctx, dns.FindRecordsInput{System: p.server.Spec.DNS.System, Zone: zone, Owner: p.Owner()})
			if err != nil {
				return runbook.Failed(name, err)
			}
			found.Names = append(found.Names, out.Records...)
		}
		seen := []wire.Observation{runbook.Fine(name, "%d records of this owner", len(found.Names))}
		for _, want := range publications(p.server) {
			if !publishes(found.Names, want) {
				seen = append(seen, runbook.Fine(name, "%s of %s of the record is gone; somebody else removed or changed it", want.Type, want.Name))
			}
		}
		return seen
	}
}

func publishes(names []dns.Published, want dns.Record) bool {
	for _, n := range names {
		if n.Type == want.Type && n.Name == want.Name && n.Value == want.Value && n.TTL > 0 {
			return true
		}
	}
	return false
}

// withdraw takes the names away before the grace period, as the rules: who still asks for the name is told that there is none,
// and not sent to a machine that is off. A restore puts them back as they were, each under the key that it had.
func (p *decommission) withdraw(found estate) runbook.Planned {
	name := p.server.Spec.DNS.System
	var lines []string
	for _, r := range found.Names {
		lines = append(lines, recordText(r.Record))
	}
	return runbook.Planned{
		Step: run.Step{
			ID: stepNames, Title: "withdraw the names", After: []string{stepDrain}, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				_, err := dns.RemoveOwned(ctx, dns.RemoveOwnedInput{System: name, Op: op, Zones: zonesOf(p.server)})
				return run.Result{Lines: lines}, err
			},
			Undo: func(ctx workflow.Context, _ operation.Op) error { return p.republish(ctx, found) },
		},
		Action: wire.Remove, Object: fmt.Sprintf("%d DNS records", len(found.Names)), Detail: lines,
	}
}

func (p *decommission) republish(ctx workflow.Context, found estate) error {
	for _, r := range found.Names {
		key, err := operation.ParseKey(r.Key)
		if err != nil {
			return runbook.Invalid("putting a name back", err)
		}
		if r.TTL == 0 {
			continue // Only its mark was there: somebody had removed the record.
		}
		op := operation.Op{Key: key, Owner: r.Owner}
		if _, err := dns.Publish(ctx, dns.PublishInput{System: p.server.Spec.DNS.System, Op: op, Record: r.Record}); err != nil {
			return err
		}
	}
	return nil
}

// unanswered asks for the names as a resolver would: the nameserver must not lead to the machine any more.
func (p *decommission) unanswered(ctx workflow.Context, found estate) error {
	for _, r := range found.Names {
		_, err := dns.Confirm(ctx, dns.ConfirmInput{System: p.server.Spec.DNS.System, Record: r.Record, Absent: true})
		if err != nil {
			return err
		}
	}
	return nil
}
