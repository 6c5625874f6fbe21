package provision

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/dns"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps that publish names, and of the one that withdraws them. They stand in keys of objects in the field: never
// rename one.
const (
	stepName    = "name"
	stepReverse = "reverse-name"
	stepResolve = "resolve"
	stepNames   = "names" // Of a decommission.
)

// named are the steps that must be done before anybody is let near the machine. Names come after all that is inside it, so
// that nobody finds a machine that is not ready, and before firewall and pool, which let people in: from the first request
// on, logs and peers that ask for the name of an address get it.
func (p *provision) named() []string { return append(p.inner(), stepName, stepReverse, stepResolve) }

// publications are the records that the server gets: its name, and the way back if it is wanted.
func publications(server *spec.Server) []dns.Record {
	d := server.Spec.DNS
	addr, err := netip.ParsePrefix(server.Spec.Network.Address)
	if d == nil || err != nil {
		return nil
	}
	ttl := int(time.Duration(d.TTL) / time.Second)
	t := dns.A
	if addr.Addr().Is6() {
		t = dns.AAAA
	}
	records := []dns.Record{{Zone: d.Zone, Name: server.FQDN(), Type: t, Value: addr.Addr().String(), TTL: ttl}}
	if d.Reverse != nil && *d.Reverse {
		records = append(records, dns.Record{
			Zone: d.ReverseZone, Name: spec.ReverseName(addr.Addr(), d.ReverseZone), Type: dns.PTR, Value: server.FQDN(), TTL: ttl,
		})
	}
	return records
}

// zonesOf are the zones that the server has records in, each once.
func zonesOf(server *spec.Server) []string {
	var zones []string
	for _, r := range publications(server) {
		if !slices.Contains(zones, r.Zone) {
			zones = append(zones, r.Zone)
		}
	}
	return zones
}

// names publishes the server's records and asks for them.
func (p *provision) names() []runbook.Planned {
	records := publications(p.server)
	if len(records) == 0 {
		return nil
	}
	steps := []runbook.Planned{p.publish(stepName, "publish the name", p.inner(), records[0])}
	if len(records) > 1 {
		steps = append(steps, p.publish(stepReverse, "publish the reverse name", []string{stepName}, records[1]))
	}
	return append(steps, p.resolve(records))
}

func (p *provision) publish(id, title string, after []string, r dns.Record) runbook.Planned {
	name := p.server.Spec.DNS.System
	return runbook.Planned{
		Step: run.Step{
			ID: id, Title: title, After: after, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				out, err := dns.Publish(ctx, dns.PublishInput{System: name, Op: op, Record: r})
				return run.Result{Output: out.Record, Lines: []string{recordText(r)}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := dns.Withdraw(ctx, dns.WithdrawInput{System: name, Op: op, Record: r})
				return err
			},
		},
		Action: wire.Create, Object: string(r.Type) + " " + r.Name, Detail: []string{recordText(r), "in zone " + r.Zone},
	}
}

func recordText(r dns.Record) string {
	return fmt.Sprintf("%s %d %s %s", r.Name, r.TTL, r.Type, r.Value)
}

// resolve asks the nameserver, not the interface that wrote the records.
func (p *provision) resolve(records []dns.Record) runbook.Planned {
	var lines []string
	for _, r := range records {
		lines = append(lines, fmt.Sprintf("%s of %s is answered with %s", r.Type, r.Name, r.Value))
	}
	return runbook.Planned{
		Step: run.Step{
			ID: stepResolve, Title: "ask for the name as a resolver would", After: []string{stepName, stepReverse}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				for _, r := range records {
					if _, err := dns.Confirm(ctx, dns.ConfirmInput{System: p.server.Spec.DNS.System, Record: r}); err != nil {
						return run.Result{}, err
					}
				}
				return run.Result{Lines: lines}, nil
			},
		},
		Action: wire.Observe, Object: p.server.FQDN(), Detail: lines,
	}
}

// lookAtNames finds what stands in the way of the records: those of somebody else.
func (p *provision) lookAtNames(ctx workflow.Context) []wire.Observation {
	name := runbook.System(dns.Capability, p.server.Spec.DNS.System)
	records := publications(p.server)
	for _, r := range records {
		if r.Zone == "" {
			return []wire.Observation{runbook.Problem(name, "no zone is known for %s: give spec.dns.zone, or the range a domain", r.Name)}
		}
	}
	if _, err := dns.Check(ctx, dns.CheckInput{System: p.server.Spec.DNS.System, Zones: zonesOf(p.server)}); err != nil {
		return runbook.Failed(name, err)
	}
	seen := []wire.Observation{runbook.Fine(name, "reachable; serves %s", strings.Join(zonesOf(p.server), " and "))}
	for _, r := range records {
		found, err := dns.FindRecords(ctx, dns.FindRecordsInput{System: p.server.Spec.DNS.System, Zone: r.Zone, Name: r.Name})
		if err != nil {
			return runbook.Failed(name, err)
		}
		for _, other := range found.Records {
			if !p.made(other.Key) {
				seen = append(seen, runbook.Problem(name, "%s of %s exists already (%s) and %s: remove it or choose another name", other.Type, other.Name, other.Value, whose(other)))
			}
		}
	}
	return seen
}

func whose(r dns.Published) string {
	if r.Owner == "" {
		return "was not made by Fermata"
	}
	return "belongs to " + string(r.Owner)
}
