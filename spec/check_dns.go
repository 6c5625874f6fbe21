package spec

import (
	"net/netip"
	"time"
)

func (c checker) dns(s *Server) {
	d := s.Spec.DNS
	if d == nil {
		return
	}
	const at = "spec.dns."
	c.form(at+"system", d.System, labelForm)
	c.form(at+"zone", d.Zone, domainForm)
	c.length(at+"zone", d.Zone, maxName)
	c.form(at+"reverseZone", d.ReverseZone, reverseForm)
	c.length(at+"reverseZone", d.ReverseZone, maxName)
	if c.Sound(at+"ttl") && (d.TTL < minTTL || d.TTL > maxTTL || d.TTL%Duration(time.Second) != 0) {
		c.Add(at+"ttl", "expected whole seconds from %s to %s, found %s", minTTL, maxTTL, d.TTL)
	}
	domain := s.Spec.Network.Domain
	switch {
	case d.Zone == "" && domain == "" && s.Spec.Network.Range == "": // A range may have a domain.
		c.Add(at+"zone", "expected a zone, found none, and no spec.network.domain to take it from")
	case c.Sound(at+"zone") && c.Sound("spec.network.domain") && !below(domain, d.Zone):
		c.Add(at+"zone", "expected the zone of %s, found %s", domain, d.Zone)
	}
	if d.Reverse != nil && !*d.Reverse && c.Sound(at+"reverseZone") {
		c.Add(at+"reverseZone", "expected no reverseZone, found %s: reverse is false", d.ReverseZone)
	}
	if prefix, err := netip.ParsePrefix(s.Spec.Network.Address); err == nil && c.Sound(at+"reverseZone") {
		if name := ReverseName(prefix.Addr(), d.ReverseZone); !below(name, d.ReverseZone) {
			c.Add(at+"reverseZone", "expected a zone that holds %s, found %s", name, d.ReverseZone)
		}
	}
}
