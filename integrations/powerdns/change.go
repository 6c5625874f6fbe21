package powerdns

import (
	"context"
	"slices"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// EnsureRecord makes the record set with its comment, if there is none, and reads it back.
func (d *Driver) EnsureRecord(ctx context.Context, op operation.Op, r dns.Record, p operation.Progress) (dns.Published, error) {
	if err := dns.CheckChange(op, r); err != nil {
		return dns.Published{}, err
	}
	mine := dns.MarkOf(op, r)
	there, done, err := d.judge(ctx, mine, r)
	if err != nil || done {
		return published(op, there, r), err
	}
	p.Say("changing zone " + r.Zone)
	made := rrset{
		Name: r.Name + ".", Type: string(r.Type), TTL: r.TTL, Change: "REPLACE",
		Records:  []entry{{Content: content(r)}},
		Comments: append(foreign(there), comment{Content: mine.String(), Account: account}),
	}
	if err := d.put(ctx, r.Zone, made, "publishing "+r.Name); err != nil {
		return dns.Published{}, err
	}
	there, done, err = d.judge(ctx, mine, r)
	if err == nil && !done {
		err = fault.New(fault.Unavailable, "publishing %s: the server took it, and does not have it", r.Name)
	}
	return published(op, there, r), err
}

// judge looks whether the record is there as wanted. Conflict: something else is.
func (d *Driver) judge(ctx context.Context, mine dns.Mark, r dns.Record) (there rrset, done bool, err error) {
	sets, err := d.sets(ctx, r.Zone, r.Name)
	if err != nil {
		return rrset{}, false, err
	}
	for _, s := range sets {
		switch {
		case s.Type == string(dns.CNAME) && len(s.Records) > 0:
			return s, false, fault.New(fault.Conflict, "%s is an alias of %s", r.Name, value(dns.CNAME, s.Records[0].Content))
		case s.Type == string(r.Type):
			there = s
		}
	}
	mark, marked := there.markOf()
	if marked {
		if err := mine.Against(mark, r); err != nil {
			return there, false, err
		}
	} else if len(there.Records) > 0 {
		return there, false, fault.New(fault.Conflict, "%s of %s exists already (%s) and was not made by Fermata", r.Type, r.Name, there.Records[0].Content)
	}
	for _, e := range there.Records {
		if e.Disabled || value(r.Type, e.Content) != r.Value {
			return there, false, fault.New(fault.Conflict, "%s of %s was changed by others: it holds %s", r.Type, r.Name, e.Content)
		}
	}
	return there, marked && len(there.Records) > 0, nil
}

// EnsureTTL replaces the record set by one that differs in its TTL only.
func (d *Driver) EnsureTTL(ctx context.Context, op operation.Op, r dns.Record, p operation.Progress) (dns.Published, error) {
	if err := dns.CheckChange(op, r); err != nil {
		return dns.Published{}, err
	}
	there, err := d.own(ctx, op, r)
	if err != nil || there.TTL == r.TTL {
		return published(op, there, r), err
	}
	p.Say("changing zone " + r.Zone)
	there.Change, there.TTL = "REPLACE", r.TTL
	if err := d.put(ctx, r.Zone, there, "changing the TTL of "+r.Name); err != nil {
		return dns.Published{}, err
	}
	if there, err = d.own(ctx, op, r); err == nil && there.TTL != r.TTL {
		err = fault.New(fault.Unavailable, "changing the TTL of %s: the server holds %d", r.Name, there.TTL)
	}
	return published(op, there, r), err
}

// own is the record set that carries the operation's key.
func (d *Driver) own(ctx context.Context, op operation.Op, r dns.Record) (rrset, error) {
	there, done, err := d.judge(ctx, dns.MarkOf(op, r), r)
	if err == nil && !done {
		err = fault.New(fault.NotFound, "no %s of %s carries the key %s", r.Type, r.Name, op.Key)
	}
	return there, err
}

// foreign are the comments that others wrote.
func foreign(s rrset) []comment {
	return slices.DeleteFunc(slices.Clone(s.Comments), func(c comment) bool { return c.Account == account })
}

func published(op operation.Op, there rrset, r dns.Record) dns.Published {
	if len(there.Records) > 0 {
		r.TTL = there.TTL
	}
	return dns.Published{Record: r, Key: op.Key.String(), Owner: op.Owner}
}

// RemoveRecord removes our value and our comment from the record set that carries op's key.
func (d *Driver) RemoveRecord(ctx context.Context, op operation.Op, r dns.Record, p operation.Progress) error {
	if err := dns.CheckChange(op, r); err != nil {
		return err
	}
	p.Say("changing zone " + r.Zone)
	return d.remove(ctx, r, func(m dns.Mark) bool { return m.Key == op.Key.String() })
}

// remove removes what is ours of a set. What others added to it stays, and so does the set then.
func (d *Driver) remove(ctx context.Context, r dns.Record, ours func(dns.Mark) bool) error {
	sets, err := d.sets(ctx, r.Zone, r.Name)
	if err != nil {
		return err
	}
	for _, s := range sets {
		mark, marked := s.markOf()
		if s.Type != string(r.Type) || !marked || !ours(mark) {
			continue
		}
		s.Change, s.Comments = "REPLACE", foreign(s)
		s.Records = slices.DeleteFunc(s.Records, func(e entry) bool { return value(r.Type, e.Content) == mark.Value })
		if len(s.Records)+len(s.Comments) == 0 {
			s.Change = "DELETE"
		}
		if err := d.put(ctx, r.Zone, s, "removing "+r.Name); err != nil {
			return err
		}
	}
	return nil
}

// RemoveOwned removes every record of the owner.
func (d *Driver) RemoveOwned(ctx context.Context, op operation.Op, zones []string, p operation.Progress) ([]dns.Published, error) {
	return dns.RemoveEach(op, zones, p, func(zone string) ([]dns.Published, error) { return d.findOwned(ctx, zone, op.Owner) },
		func(r dns.Published) error {
			return d.remove(ctx, r.Record, func(m dns.Mark) bool { return m.Owner == op.Owner })
		})
}
