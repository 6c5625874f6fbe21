package rfc2136

import (
	"context"

	miekg "github.com/miekg/dns"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// EnsureRecord makes the record and its mark in one update, which the server takes only if neither is there.
func (d *Driver) EnsureRecord(ctx context.Context, op operation.Op, r dns.Record, p operation.Progress) (dns.Published, error) {
	if err := dns.CheckChange(op, r); err != nil {
		return dns.Published{}, err
	}
	if err := d.serves(ctx, r.Zone); err != nil {
		return dns.Published{}, err
	}
	s, err := d.look(ctx, r)
	if err != nil {
		return dns.Published{}, err
	}
	mine := dns.MarkOf(op, r)
	done, err := judge(s, mine, r)
	if err != nil || done {
		return published(op, s, r), err
	}
	p.Say("updating zone " + r.Zone)
	m := new(miekg.Msg).SetUpdate(miekg.Fqdn(r.Zone))
	m.RRsetNotUsed([]miekg.RR{resource(r), alias(r)})
	m.Insert([]miekg.RR{resource(r)})
	if s.mark == nil {
		m.RRsetNotUsed([]miekg.RR{text(r, mine)})
		m.Insert([]miekg.RR{text(r, mine)})
	} else { // An earlier attempt's, whose record somebody removed.
		m.Used([]miekg.RR{text(r, mine)})
	}
	// A prerequisite that does not hold means that somebody was faster: what is there now says who.
	if err := d.update(ctx, m, "publishing "+r.Name); err != nil && !fault.Is(err, fault.Conflict) {
		return dns.Published{}, err
	}
	if s, err = d.look(ctx, r); err != nil {
		return dns.Published{}, err
	}
	if done, err = judge(s, mine, r); err == nil && !done {
		return dns.Published{}, fault.New(fault.Unavailable, "publishing %s: the server took it, and does not answer it", r.Name)
	}
	return published(op, s, r), err
}

// judge says whether the record is there as wanted. Conflict: something else is.
func judge(s seen, mine dns.Mark, r dns.Record) (done bool, err error) {
	if s.mark != nil {
		if err := mine.Against(*s.mark, r); err != nil {
			return false, err
		}
	}
	for _, there := range s.records {
		switch {
		case there.Type == dns.CNAME:
			return false, fault.New(fault.Conflict, "%s is an alias of %s", r.Name, there.Value)
		case s.mark == nil:
			return false, fault.New(fault.Conflict, "%s of %s exists already (%s) and was not made by Fermata", r.Type, r.Name, there.Value)
		case there.Value != r.Value:
			return false, fault.New(fault.Conflict, "%s of %s was changed by others: it holds %s", r.Type, r.Name, there.Value)
		}
	}
	return s.mark != nil && len(s.records) > 0, nil
}

func published(op operation.Op, s seen, r dns.Record) dns.Published {
	if len(s.records) > 0 {
		r.TTL = s.records[0].TTL
	}
	return dns.Published{Record: r, Key: op.Key.String(), Owner: op.Owner}
}

// EnsureTTL adds the record and its mark once more with another TTL, which replaces the one that is there (RFC 2136, section
// 3.4.2.2). The server takes it only while both are as they were seen.
func (d *Driver) EnsureTTL(ctx context.Context, op operation.Op, r dns.Record, p operation.Progress) (dns.Published, error) {
	if err := dns.CheckChange(op, r); err != nil {
		return dns.Published{}, err
	}
	if err := d.serves(ctx, r.Zone); err != nil {
		return dns.Published{}, err
	}
	s, err := d.lookForOwn(ctx, op, r)
	if err != nil || s.records[0].TTL == r.TTL {
		return published(op, s, r), err
	}
	p.Say("updating zone " + r.Zone)
	mine := dns.MarkOf(op, r)
	m := new(miekg.Msg).SetUpdate(miekg.Fqdn(r.Zone))
	m.Used([]miekg.RR{resource(r), text(r, mine)})
	m.Insert([]miekg.RR{resource(r), text(r, mine)})
	if err := d.update(ctx, m, "changing the TTL of "+r.Name); err != nil && !fault.Is(err, fault.Conflict) {
		return dns.Published{}, err
	}
	if s, err = d.lookForOwn(ctx, op, r); err == nil && s.records[0].TTL != r.TTL {
		err = fault.New(fault.Unavailable, "changing the TTL of %s: the server answers with %d", r.Name, s.records[0].TTL)
	}
	return published(op, s, r), err
}

// lookForOwn looks for the record that carries the operation's key.
func (d *Driver) lookForOwn(ctx context.Context, op operation.Op, r dns.Record) (seen, error) {
	s, err := d.look(ctx, r)
	if err != nil {
		return seen{}, err
	}
	there, err := judge(s, dns.MarkOf(op, r), r)
	if err == nil && !there {
		err = fault.New(fault.NotFound, "no %s of %s carries the key %s", r.Type, r.Name, op.Key)
	}
	return s, err
}

// RemoveRecord removes the record with its mark, if the mark carries op's key.
func (d *Driver) RemoveRecord(ctx context.Context, op operation.Op, r dns.Record, p operation.Progress) error {
	if err := dns.CheckChange(op, r); err != nil {
		return err
	}
	if err := d.serves(ctx, r.Zone); err != nil {
		return err
	}
	s, err := d.look(ctx, r)
	if err != nil || s.mark == nil || s.mark.Key != op.Key.String() {
		return err
	}
	p.Say("updating zone " + r.Zone)
	return d.remove(ctx, r, s)
}

// remove removes the mark and the value that it names. The server takes it only while the mark stands there as it was seen.
func (d *Driver) remove(ctx context.Context, r dns.Record, s seen) error {
	r.Value = s.mark.Value
	if r.TTL == 0 {
		r.TTL = 1 // Of a removal it says nothing.
	}
	if err := r.Check(); err != nil {
		return err
	}
	m := new(miekg.Msg).SetUpdate(miekg.Fqdn(r.Zone))
	m.Used([]miekg.RR{&miekg.TXT{Hdr: header(markName(r), miekg.TypeTXT, 0), Txt: s.raw.Txt}})
	m.Remove([]miekg.RR{&miekg.TXT{Hdr: header(markName(r), miekg.TypeTXT, 0), Txt: s.raw.Txt}, resource(r)})
	err := d.update(ctx, m, "removing "+r.Name)
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	if again, lookErr := d.look(ctx, r); lookErr != nil || again.mark == nil || again.mark.Key != s.mark.Key {
		return lookErr // Somebody was faster.
	}
	return fault.New(fault.Unavailable, "%w: it is looked at again", err)
}

// RemoveOwned removes every record of the owner.
func (d *Driver) RemoveOwned(ctx context.Context, op operation.Op, zones []string, p operation.Progress) ([]dns.Published, error) {
	return dns.RemoveEach(op, zones, p, func(zone string) ([]dns.Published, error) { return d.findOwned(ctx, zone, op.Owner) },
		func(r dns.Published) error {
			s, err := d.look(ctx, r.Record)
			if err == nil && s.mark != nil && s.mark.Owner == op.Owner {
				err = d.remove(ctx, r.Record, s)
			}
			return err
		})
}

// update sends a signed update over TCP. Faults: Conflict where a prerequisite does not hold.
func (d *Driver) update(ctx context.Context, m *miekg.Msg, doing string) error {
	key, err := d.key(ctx, doing)
	if err != nil {
		return err
	}
	answer, err := d.primary.Exchange(ctx, "tcp", m, key, true, doing)
	if err != nil {
		return err
	}
	return d.primary.Fault(answer, true, doing)
}
