package powerdns

import (
	"context"
	"slices"
	"strings"

	miekg "github.com/miekg/dns"
)

// update does a dynamic update (RFC 2136, section 3). It returns false where the answer is lost.
func (s *Server) update(m, r *miekg.Msg, signer string) (answered bool) {
	if s.options.Faults.Refuse(context.Background()) {
		m.Rcode = miekg.RcodeServerFailure
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.ToLower(r.Question[0].Name)
	z := s.zones[name]
	switch {
	case r.Question[0].Qtype != miekg.TypeSOA:
		m.Rcode = miekg.RcodeFormatError
	case z == nil:
		m.Rcode = miekg.RcodeNotAuth
	case !s.may(signer):
		m.Rcode = miekg.RcodeRefused
	default:
		m.Rcode = z.prerequisites(name, r.Answer)
	}
	if m.Rcode == miekg.RcodeSuccess {
		m.Rcode = prescan(name, r.Ns)
	}
	if m.Rcode != miekg.RcodeSuccess || len(r.Ns) == 0 {
		return true
	}
	for _, rr := range r.Ns {
		z.apply(rr)
	}
	if s.save() != nil {
		m.Rcode = miekg.RcodeServerFailure
	}
	return !s.options.Faults.Lose()
}

// prerequisites checks section 3.2; those with values are compared set by set.
func (z *zone) prerequisites(zoneName string, all []miekg.RR) int {
	type place struct {
		name string
		kind uint16
	}
	wanted := map[place][]string{}
	for _, rr := range all {
		h := rr.Header()
		if !miekg.IsSubDomain(zoneName, h.Name) {
			return miekg.RcodeNotZone
		}
		there := z.live(h.Name, h.Rrtype)
		switch {
		case h.Class == miekg.ClassANY && h.Rrtype == miekg.TypeANY && !z.named(h.Name):
			return miekg.RcodeNameError
		case h.Class == miekg.ClassANY && h.Rrtype != miekg.TypeANY && len(there) == 0:
			return miekg.RcodeNXRrset
		case h.Class == miekg.ClassNONE && h.Rrtype == miekg.TypeANY && z.named(h.Name):
			return miekg.RcodeYXDomain
		case h.Class == miekg.ClassNONE && h.Rrtype != miekg.TypeANY && len(there) > 0:
			return miekg.RcodeYXRrset
		case h.Class == miekg.ClassINET:
			at := place{strings.ToLower(h.Name), h.Rrtype}
			wanted[at] = append(wanted[at], content(rr))
		}
	}
	for at, contents := range wanted {
		var have []string
		for _, rr := range z.live(at.name, at.kind) {
			have = append(have, content(rr))
		}
		slices.Sort(have)
		slices.Sort(contents)
		if !slices.Equal(have, contents) {
			return miekg.RcodeNXRrset
		}
	}
	return miekg.RcodeSuccess
}

// prescan is section 3.4.1: an update with a mistake changes nothing.
func prescan(zoneName string, all []miekg.RR) int {
	for _, rr := range all {
		h := rr.Header()
		if !miekg.IsSubDomain(zoneName, h.Name) {
			return miekg.RcodeNotZone
		}
		if (h.Class == miekg.ClassANY || h.Class == miekg.ClassNONE) && h.Ttl != 0 {
			return miekg.RcodeFormatError
		}
	}
	return miekg.RcodeSuccess
}

// apply is section 3.4.2. An alias beside other records is ignored without a word, as it says.
func (z *zone) apply(rr miekg.RR) {
	h := rr.Header()
	kind := miekg.TypeToString[h.Rrtype]
	old := z.set(h.Name, kind)
	changed := &set{Name: strings.ToLower(h.Name), Type: kind, TTL: int(h.Ttl), Comments: []comment{}}
	if old != nil {
		changed.Records, changed.Comments = slices.Clone(old.Records), old.Comments
	}
	is := func(e entry) bool { return e.Content == content(rr) }
	switch h.Class {
	case miekg.ClassINET:
		alias := len(z.live(h.Name, miekg.TypeCNAME)) > 0
		if alias != (kind == "CNAME") && z.named(h.Name) && (alias || kind == "CNAME") {
			return
		}
		if !slices.ContainsFunc(changed.Records, is) {
			changed.Records = append(changed.Records, entry{Content: content(rr)})
		}
	case miekg.ClassNONE:
		if changed.Records = slices.DeleteFunc(changed.Records, is); old != nil {
			changed.TTL = old.TTL
		}
	case miekg.ClassANY:
		changed.Records = nil
	}
	if len(changed.Records) == 0 {
		changed.Comments = nil
	}
	z.put(changed)
}

// live are the records that DNS has of a name and type.
func (z *zone) live(name string, kind uint16) []miekg.RR {
	if s := z.set(name, miekg.TypeToString[kind]); s != nil {
		return z.resources(s)
	}
	return nil
}

func (z *zone) named(name string) bool {
	return slices.ContainsFunc(z.Sets, func(s *set) bool { return strings.EqualFold(s.Name, name) && len(z.resources(s)) > 0 })
}
