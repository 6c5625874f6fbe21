package powerdns

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	miekg "github.com/miekg/dns"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/dnsx"
)

// account is who our comments are by.
const account = "fermata"

// most is how many comments a search may find, the API's own limit for what is asked.
const most = 1000

// Check asks for each zone. Without zones it asks for the server.
func (d *Driver) Check(ctx context.Context, zones []string) error {
	if len(zones) == 0 {
		var about struct {
			Type string `json:"daemon_type"`
		}
		if err := d.call(ctx, http.MethodGet, nil, nil, nil, &about, "asking for the server"); err != nil {
			return err
		}
		if about.Type != "authoritative" {
			return fault.New(fault.Invalid, "checking PowerDNS: %s is no authoritative server but %q", d.config.URL, about.Type)
		}
	}
	for _, zone := range zones {
		if err := dns.CheckName(zone); err != nil {
			return err
		}
		if _, err := d.sets(ctx, zone, zone); err != nil {
			return err
		}
		answers, err := d.nameserver.Query(ctx, zone, miekg.TypeSOA, "asking for zone "+zone)
		if err != nil {
			return err
		}
		if len(answers) == 0 {
			return fault.New(fault.NotFound, "checking PowerDNS: nameserver %s does not answer for zone %s", d.config.Nameserver, zone)
		}
	}
	return nil
}

// markOf returns our mark on a set, if there is one.
func (s rrset) markOf() (m dns.Mark, marked bool) {
	for _, c := range s.Comments {
		if c.Account == account {
			if m, ok := dns.ParseMark(strings.Fields(c.Content)); ok {
				return m, true
			}
		}
	}
	return dns.Mark{}, false
}

// published says whose each record of a set is. A mark whose record is gone stands for it.
func (s rrset) published(zone string) []dns.Published {
	t := dns.Type(s.Type)
	if !slices.Contains([]dns.Type{dns.A, dns.AAAA, dns.PTR, dns.CNAME}, t) {
		return nil
	}
	mark, marked := s.markOf()
	var all []dns.Published
	found := false
	for _, e := range s.Records {
		p := dns.Published{Record: dns.Record{Zone: zone, Name: dnsx.Plain(s.Name), Type: t, Value: value(t, e.Content), TTL: s.TTL}}
		if marked && p.Value == mark.Value {
			p.Key, p.Owner, found = mark.Key, mark.Owner, true
		}
		all = append(all, p)
	}
	if marked && !found {
		all = append(all, dns.Published{
			Record: dns.Record{Zone: zone, Name: dnsx.Plain(s.Name), Type: t, Value: mark.Value}, Key: mark.Key, Owner: mark.Owner,
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
	sets, err := d.sets(ctx, zone, name)
	if err != nil {
		return nil, err
	}
	var all []dns.Published
	for _, s := range sets {
		all = append(all, s.published(zone)...)
	}
	return all, nil
}

// findOwned searches the comments of all zones for the owner, then reads each set whose comment it is.
func (d *Driver) findOwned(ctx context.Context, zone string, owner operation.Owner) ([]dns.Published, error) {
	if err := dns.CheckOwner(owner); err != nil {
		return nil, err
	}
	if _, err := d.sets(ctx, zone, zone); err != nil { // A zone that is not there has no owner's records.
		return nil, err
	}
	var hits []hit
	query := url.Values{"q": {"owner=" + string(owner) + " *"}, "max": {"1000"}, "object_type": {"comment"}}
	if err := d.call(ctx, http.MethodGet, []string{"search-data"}, query, nil, &hits, "looking for what "+string(owner)+" has"); err != nil {
		return nil, err
	}
	if len(hits) >= most {
		return nil, fault.New(fault.Conflict, "looking for what %s has: PowerDNS found %d comments or more", owner, most)
	}
	var all []dns.Published
	for _, h := range hits {
		if h.Object != "comment" || dnsx.Plain(h.Zone) != zone {
			continue
		}
		sets, err := d.sets(ctx, zone, dnsx.Plain(h.Name))
		if err != nil {
			return nil, err
		}
		for _, s := range sets {
			for _, p := range s.published(zone) {
				if s.Type == h.Type && p.Owner == owner && !slices.Contains(all, p) {
					all = append(all, p)
				}
			}
		}
	}
	return all, nil
}
