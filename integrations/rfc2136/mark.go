package rfc2136

import (
	"net"
	"strings"

	miekg "github.com/miekg/dns"

	"fermata/activities/dns"
	"fermata/integrations/dnsx"
)

// markPrefix begins the label that a mark stands at; the record's type in lower case follows.
const markPrefix = "_fermata-"

// types are the types of records that are made.
var types = []dns.Type{dns.A, dns.AAAA, dns.PTR} //nolint:gochecknoglobals // A list that nobody changes.

func markName(r dns.Record) string {
	return miekg.Fqdn(markPrefix + strings.ToLower(string(r.Type)) + "." + r.Name)
}

// marked reads the label of a mark: which name and type it is about.
func marked(name string) (of string, t dns.Type, ok bool) {
	label, of, _ := strings.Cut(dnsx.Plain(name), ".")
	for _, t := range types {
		if label == markPrefix+strings.ToLower(string(t)) && of != "" {
			return of, t, true
		}
	}
	return "", "", false
}

// Each update gets records of its own: making a prerequisite of one changes it.

func header(name string, code uint16, ttl int) miekg.RR_Header {
	return miekg.RR_Header{Name: name, Rrtype: code, Class: miekg.ClassINET, Ttl: uint32(ttl)} //nolint:gosec // Checked: 1 to 2147483647.
}

func text(r dns.Record, m dns.Mark) miekg.RR {
	return &miekg.TXT{Hdr: header(markName(r), miekg.TypeTXT, r.TTL), Txt: m.Fields()}
}

func resource(r dns.Record) miekg.RR {
	name := miekg.Fqdn(r.Name)
	switch r.Type {
	case dns.AAAA:
		return &miekg.AAAA{Hdr: header(name, miekg.TypeAAAA, r.TTL), AAAA: net.ParseIP(r.Value)}
	case dns.PTR:
		return &miekg.PTR{Hdr: header(name, miekg.TypePTR, r.TTL), Ptr: miekg.Fqdn(r.Value)}
	case dns.A, dns.CNAME:
	}
	return &miekg.A{Hdr: header(name, miekg.TypeA, r.TTL), A: net.ParseIP(r.Value)}
}

func alias(r dns.Record) miekg.RR {
	return &miekg.CNAME{Hdr: header(miekg.Fqdn(r.Name), miekg.TypeCNAME, 0)}
}
