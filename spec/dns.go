package spec

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// maxName is how long a zone may be: a mark and a host's label go before it (RFC 1035, section 2.3.4).
const maxName = 160

// Bounds of a TTL: a day that a name is wrong is long, and RFC 8767 has resolvers keep nothing longer than a week.
const (
	minTTL = Duration(time.Second)
	maxTTL = Duration(7 * 24 * time.Hour)
)

// ApplyDefaults fills in what the document leaves open. Zones stay empty where the network does not tell them.
func (d *DNS) ApplyDefaults(network Network) {
	fill(&d.Zone, network.Domain)
	fill(&d.TTL, DefaultTTL)
	if d.Reverse == nil {
		yes := true
		d.Reverse = &yes
	}
	if prefix, err := netip.ParsePrefix(network.Address); err == nil && *d.Reverse {
		fill(&d.ReverseZone, ReverseZone(prefix))
	}
}

// FQDN is the server's full name: its domain's, or else its zone's. It is empty where neither is known.
func (s *Server) FQDN() string {
	domain := s.Spec.Network.Domain
	if domain == "" && s.Spec.DNS != nil {
		domain = s.Spec.DNS.Zone
	}
	if domain == "" {
		return ""
	}
	return s.Metadata.Name + "." + domain
}

// ReverseName is the name that leads back from an address (RFC 1035, section 3.5; RFC 3596, section 2.5). Zone is where it is
// kept: below a zone of RFC 2317 ("0/26.0.20.10.in-addr.arpa") the last octet is put before the whole zone.
func ReverseName(addr netip.Addr, zone string) string {
	labels := reversed(addr)
	first, rest, _ := strings.Cut(zone, ".")
	if addr.Is4() && rest == strings.Join(labels[1:], ".")+".in-addr.arpa" && strings.ContainsAny(first, "/-") {
		return labels[0] + "." + zone
	}
	if addr.Is4() {
		return strings.Join(labels, ".") + ".in-addr.arpa"
	}
	return strings.Join(labels, ".") + ".ip6.arpa"
}

// ReverseZone is the zone of a network's reverse names where nothing else is said: that of the whole octets (IPv4) or digits
// (IPv6) of its prefix.
func ReverseZone(prefix netip.Prefix) string {
	labels := reversed(prefix.Addr())
	if prefix.Addr().Is4() {
		whole := min(max(prefix.Bits()/8, 1), 3)
		return strings.Join(labels[4-whole:], ".") + ".in-addr.arpa"
	}
	whole := min(max(prefix.Bits()/4, 1), 31)
	return strings.Join(labels[32-whole:], ".") + ".ip6.arpa"
}

// reversed are an address's octets or digits, the last first.
func reversed(addr netip.Addr) []string {
	var labels []string
	if addr.Is4() {
		for _, b := range addr.As4() {
			labels = append([]string{fmt.Sprint(b)}, labels...)
		}
		return labels
	}
	for _, b := range addr.As16() {
		labels = append([]string{fmt.Sprintf("%x", b&0xf), fmt.Sprintf("%x", b>>4)}, labels...)
	}
	return labels
}

// below reports whether a name is the zone or in it.
func below(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }
