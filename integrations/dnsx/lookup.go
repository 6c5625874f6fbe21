package dnsx

import (
	"context"
	"strings"

	"github.com/miekg/dns"

	names "fermata/activities/dns"
	"fermata/activities/fault"
)

// Lookup asks over UDP, and over TCP if the answer does not fit, for a name and a type, and returns what the server answers
// with authority. A name that is not there is no error. It is Lookup of the port names.Reader.
func (s Server) Lookup(ctx context.Context, zone, name string, t names.Type) ([]names.Record, error) {
	doing := "asking for " + string(t) + " of " + name
	if err := names.CheckName(zone); err != nil {
		return nil, err
	}
	if err := names.CheckName(name); err != nil {
		return nil, err
	}
	code, known := dns.StringToType[string(t)]
	if !known {
		return nil, fault.New(fault.Invalid, "%s: no such type", doing)
	}
	answer, err := s.ask(ctx, "udp", name, code, doing)
	if err == nil && answer.Truncated {
		answer, err = s.ask(ctx, "tcp", name, code, doing)
	}
	if err != nil {
		return nil, err
	}
	var found []names.Record
	for _, rr := range answer.Answer {
		if r, ok := RecordOf(zone, rr); ok {
			found = append(found, r)
		}
	}
	return found, nil
}

// Query asks over TCP and returns the answer section of a server that answers with authority; nothing if there is no such
// name.
func (s Server) Query(ctx context.Context, name string, code uint16, doing string) ([]dns.RR, error) {
	answer, err := s.ask(ctx, "tcp", name, code, doing)
	if err != nil {
		return nil, err
	}
	return answer.Answer, nil
}

func (s Server) ask(ctx context.Context, network, name string, code uint16, doing string) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), code)
	m.RecursionDesired = false
	m.SetEdns0(dns.DefaultMsgSize, false)
	answer, err := s.Exchange(ctx, network, m, Key{}, false, doing)
	switch {
	case err != nil:
		return nil, err
	case answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
		return nil, s.Fault(answer, false, doing)
	case !answer.Authoritative:
		return nil, fault.New(fault.NotFound, "%s: %s has no authority for it: does it serve the zone?", doing, s.Address)
	}
	return answer, nil
}

// RecordOf reads an address, reverse or alias record; ok is false for others.
func RecordOf(zone string, rr dns.RR) (r names.Record, ok bool) {
	h := rr.Header()
	r = names.Record{Zone: zone, Name: Plain(h.Name), Type: names.Type(dns.TypeToString[h.Rrtype]), TTL: int(h.Ttl)}
	switch rr := rr.(type) {
	case *dns.A:
		r.Value = rr.A.String()
	case *dns.AAAA:
		r.Value = rr.AAAA.String()
	case *dns.PTR:
		r.Value = Plain(rr.Ptr)
	case *dns.CNAME:
		r.Value = Plain(rr.Target)
	default:
		return names.Record{}, false
	}
	return r, true
}

// Plain is a name without the dot at its end and in lower case: DNS compares without regard to case (RFC 4343).
func Plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
