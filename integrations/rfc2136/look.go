package rfc2136

import (
	"context"
	"slices"

	miekg "github.com/miekg/dns"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/dnsx"
)

// seen is what the server holds of one name and type.
type seen struct {
	records []dns.Record // Of the type, and an alias.
	mark    *dns.Mark    // Nil: none.
	raw     *miekg.TXT   // The mark as it stands there.
}

// look asks the primary for a record and its mark. NotFound: the server has no such zone.
func (d *Driver) look(ctx context.Context, r dns.Record) (seen, error) {
	doing := "looking for " + string(r.Type) + " of " + r.Name
	answers, err := d.primary.Query(ctx, r.Name, miekg.StringToType[string(r.Type)], doing)
	if err != nil {
		return seen{}, err
	}
	var s seen
	for _, rr := range answers {
		if found, ok := dnsx.RecordOf(r.Zone, rr); ok && found.Name == r.Name {
			s.records = append(s.records, found)
		}
	}
	marks, err := d.primary.Query(ctx, markName(r), miekg.TypeTXT, doing)
	if err != nil {
		return seen{}, err
	}
	for _, rr := range marks {
		if txt, ok := rr.(*miekg.TXT); ok && s.mark == nil && dnsx.Plain(txt.Hdr.Name) == dnsx.Plain(markName(r)) {
			if m, ok := dns.ParseMark(txt.Txt); ok {
				s.mark, s.raw = &m, txt
			}
		}
	}
	return s, nil
}

// published says whose each record is. A mark whose record is gone stands for it, with the value that it names.
func (s seen) published(zone, name string, t dns.Type) []dns.Published {
	var all []dns.Published
	marked := false
	for _, r := range s.records {
		p := dns.Published{Record: r}
		if s.mark != nil && r.Type == t && r.Value == s.mark.Value {
			p.Key, p.Owner, marked = s.mark.Key, s.mark.Owner, true
		}
		all = append(all, p)
	}
	if s.mark != nil && !marked {
		all = append(all, dns.Published{
			Record: dns.Record{Zone: zone, Name: name, Type: t, Value: s.mark.Value}, Key: s.mark.Key, Owner: s.mark.Owner,
		})
	}
	return all
}

// Find returns the records of a name, or those of an owner in the zone.
func (d *Driver) Find(ctx context.Context, zone, name string, owner operation.Owner) ([]dns.Published, error) {
	if err := dns.CheckName(zone); err != nil {
		return nil, err
	}
	if name == "" {
		return d.findOwned(ctx, zone, owner)
	}
	if err := dns.CheckName(name); err != nil {
		return nil, err
	}
	if err := d.serves(ctx, zone); err != nil {
		return nil, err
	}
	var all []dns.Published
	for _, t := range types {
		s, err := d.look(ctx, dns.Record{Zone: zone, Name: name, Type: t})
		if err != nil {
			return nil, err
		}
		for _, p := range s.published(zone, name, t) {
			if !slices.Contains(all, p) { // An alias answers every question.
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// serves asks for the zone's start of authority.
func (d *Driver) serves(ctx context.Context, zone string) error {
	doing := "looking for zone " + zone
	answers, err := d.primary.Query(ctx, zone, miekg.TypeSOA, doing)
	if fault.Is(err, fault.Unauthorized) { // REFUSED: that is how servers say that a zone is not theirs.
		return fault.New(fault.NotFound, "%w: zone %s is not served to us", err, zone)
	}
	if err != nil {
		return err
	}
	for _, rr := range answers {
		if rr.Header().Rrtype == miekg.TypeSOA && dnsx.Plain(rr.Header().Name) == zone {
			return nil
		}
	}
	return fault.New(fault.NotFound, "%s: %s has no such zone", doing, d.primary.Address)
}

// Check asks for each zone, sends an update that changes nothing, and begins a zone transfer.
func (d *Driver) Check(ctx context.Context, zones []string) error {
	doing := "checking DNS server " + d.config.Address
	if len(zones) == 0 { // Nothing is known of its zones: that it answers must do.
		m := new(miekg.Msg)
		m.SetQuestion(".", miekg.TypeSOA)
		key, err := d.key(ctx, doing)
		if err != nil {
			return err
		}
		_, err = d.primary.Exchange(ctx, "tcp", m, key, false, doing)
		return err
	}
	for _, zone := range zones {
		if err := dns.CheckName(zone); err != nil {
			return err
		}
		if err := d.serves(ctx, zone); err != nil {
			return err
		}
		if err := d.update(ctx, new(miekg.Msg).SetUpdate(miekg.Fqdn(zone)), "checking the right to update zone "+zone); err != nil {
			return err
		}
		if err := d.transfer(ctx, zone, func(miekg.RR) bool { return false }); err != nil {
			return err
		}
	}
	return nil
}
