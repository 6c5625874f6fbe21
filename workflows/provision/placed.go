package provision

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/dns"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// placed is a record with the DNS server that holds it.
type placed struct {
	System string `json:"system,omitempty"`
	dns.Published
}

func (r placed) text() string { return string(r.Type) + " " + r.Name }

// sameName reports whether two records stand in one place: there is room for one of them.
func (r placed) sameName(other placed) bool {
	return r.System == other.System && r.Zone == other.Zone && r.Name == other.Name && r.Type == other.Type
}

// op is the operation under the key that the record carries, or the step's own.
func (r placed) op(op operation.Op) (operation.Op, error) {
	if r.Key == "" {
		return op, nil
	}
	key, err := operation.ParseKey(r.Key)
	if err != nil {
		return op, runbook.Invalid("reading the key of "+r.text(), err)
	}
	return operation.Op{Key: key, Owner: op.Owner}, nil
}

func (r placed) publish(ctx workflow.Context, op operation.Op) error {
	op, err := r.op(op)
	if err == nil {
		_, err = dns.Publish(ctx, dns.PublishInput{System: r.System, Op: op, Record: r.Record})
	}
	return err
}

func (r placed) withdraw(ctx workflow.Context, op operation.Op) error {
	record := r.Record
	record.TTL = max(record.TTL, 1) // That of a mark alone is not known, and of a removal it says nothing.
	op, err := r.op(op)
	if err == nil {
		_, err = dns.Withdraw(ctx, dns.WithdrawInput{System: r.System, Op: op, Record: record})
	}
	return err
}

func (r placed) setTTL(ctx workflow.Context, op operation.Op) error {
	op, err := r.op(op)
	if err == nil {
		_, err = dns.SetTTL(ctx, dns.SetTTLInput{System: r.System, Op: op, Record: r.Record})
	}
	return err
}

// exchangeNames publishes a record where another stood.
func exchangeNames(ctx workflow.Context, op operation.Op, was, is placed) error {
	if err := was.withdraw(ctx, op); err != nil {
		return err
	}
	return is.publish(ctx, op)
}

// zones are the places that servers have, or had, names in.
func zones(servers ...*spec.Server) (places []placed) {
	for _, s := range servers {
		for _, zone := range zonesOf(s) {
			place := placed{System: s.Spec.DNS.System, Published: dns.Published{Record: dns.Record{Zone: zone}}}
			if !slices.ContainsFunc(places, place.sameName) {
				places = append(places, place)
			}
		}
	}
	return places
}

// seeNames reads which names the owner has, and who else has what this spec asks for. Other specs say where to look as well.
func (p *provision) seeNames(now *reality, others ...*spec.Server) runbook.Reading {
	return func(ctx workflow.Context) (seen []wire.Observation) {
		for _, place := range zones(append(others, p.server)...) {
			name := runbook.System(dns.Capability, place.System)
			if place.Zone == "" {
				return append(seen, runbook.Problem(name, "no zone is known for %s: give spec.dns.zone, or the range a domain", p.server.Metadata.Name))
			}
			if _, err := dns.Check(ctx, dns.CheckInput{System: place.System, Zones: []string{place.Zone}}); err != nil {
				return append(seen, runbook.Failed(name, err)...)
			}
			found, err := dns.FindRecords(ctx, dns.FindRecordsInput{System: place.System, Zone: place.Zone, Owner: p.Owner()})
			if err != nil {
				return append(seen, runbook.Failed(name, err)...)
			}
			for _, r := range found.Records {
				now.names = append(now.names, placed{System: place.System, Published: r})
			}
			seen = append(seen, runbook.Fine(name, "serves %s; %d records of this owner", place.Zone, len(found.Records)))
		}
		now.named = true
		return append(seen, p.seeStrangers(ctx, now)...)
	}
}

// seeStrangers finds the records of others at names that the owner has not, or not any more.
func (p *provision) seeStrangers(ctx workflow.Context, now *reality) []wire.Observation {
	for _, r := range publications(p.server) {
		want := placed{System: p.server.Spec.DNS.System, Published: dns.Published{Record: r}}
		if i := slices.IndexFunc(now.names, want.sameName); i >= 0 && now.names[i].TTL > 0 {
			continue
		}
		found, err := dns.FindRecords(ctx, dns.FindRecordsInput{System: want.System, Zone: r.Zone, Name: r.Name})
		if err != nil {
			return runbook.Failed(runbook.System(dns.Capability, want.System), err)
		}
		for _, other := range found.Records {
			if other.Owner != p.Owner() {
				now.strangers = append(now.strangers, placed{System: want.System, Published: other})
			}
		}
	}
	return nil
}

// inTheWay are the records of others that a publication would meet.
func inTheWay(now reality) (seen []wire.Observation) {
	for _, other := range now.strangers {
		seen = append(seen, runbook.Problem(runbook.System(dns.Capability, other.System),
			"%s exists already (%s) and %s: remove it or choose another name", other.text(), other.Value, whose(other.Published)))
	}
	return seen
}

// names are compared with what the nameserver holds.
func (c *comparison) names(p *provision, now reality) {
	var wanted []placed
	for _, r := range publications(p.server) {
		want := placed{System: p.server.Spec.DNS.System, Published: dns.Published{Record: r}}
		wanted = append(wanted, want)
		actual := "none"
		for _, have := range slices.Concat(now.strangers, now.names) {
			if want.sameName(have) && have.TTL > 0 {
				actual = have.held()
				if have.Owner != p.Owner() {
					actual += ", " + whose(have.Published)
				}
			}
		}
		c.add("name "+want.text(), want.held(), actual)
	}
	for _, have := range now.names {
		if !slices.ContainsFunc(wanted, have.sameName) {
			c.add("name "+have.text(), "none", have.held())
		}
	}
}

func (r placed) held() string { return fmt.Sprintf("%s, TTL %d", r.Value, r.TTL) }
