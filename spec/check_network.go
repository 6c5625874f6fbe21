package spec

import (
	"fmt"
	"net/netip"
	"net/url"
)

func (c checker) network(network Network) {
	const at = "spec.network."
	switch {
	case c.Has(at+"address") && c.Has(at+"range"):
		c.Add(at+"range", "expected either address or range, found both")
	case !c.Has(at+"address") && !c.Has(at+"range") && c.Sound("spec.network"):
		c.Add(at+"address", "expected address or range, found neither")
	}
	c.form(at+"range", network.Range, labelForm)
	prefix, good := c.hostAddress(at+"address", network.Address)
	if gateway, ok := c.ip(at+"gateway", network.Gateway); ok && good {
		switch {
		case !prefix.Contains(gateway):
			c.Add(at+"gateway", "expected an address in %s, found %s", prefix.Masked(), gateway)
		case gateway == prefix.Addr():
			c.Add(at+"gateway", "expected an address other than the server's own, found %s", gateway)
		default:
			c.usable(at+"gateway", netip.PrefixFrom(gateway, prefix.Bits()))
		}
	}
	seen := map[string]string{}
	for i, server := range network.Nameservers {
		place := fmt.Sprintf("%snameservers[%d]", at, i)
		c.ip(place, server)
		c.unique(place, server, seen)
	}
	c.form(at+"domain", network.Domain, domainForm)
	c.length(at+"domain", network.Domain, 253)
}

// hostAddress reads an address that a host can have, with the length of its network's prefix.
func (c checker) hostAddress(at, text string) (netip.Prefix, bool) {
	if !c.Sound(at) {
		return netip.Prefix{}, false
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		hint := ""
		if _, err := netip.ParseAddr(text); err == nil {
			hint = " without a prefix length"
		}
		c.Add(at, "expected %s, found %q%s", addrForm.what, text, hint)
		return netip.Prefix{}, false
	}
	if prefix.Addr().IsMulticast() || prefix.Addr().IsUnspecified() {
		c.Add(at, "expected the address of a host, found %s", prefix)
		return netip.Prefix{}, false
	}
	return prefix, c.usable(at, prefix)
}

// usable refuses the first and the last address of an IPv4 network. Networks of one or two addresses have neither
// (RFC 3021).
func (c checker) usable(at string, prefix netip.Prefix) bool {
	if !prefix.Addr().Is4() || prefix.Bits() >= 31 {
		return true
	}
	first := prefix.Masked().Addr()
	if prefix.Addr() == first {
		c.Add(at, "expected the address of a host, found %s, the address of the network %s", first, prefix.Masked())
		return false
	}
	last := first.As4()
	for bit := prefix.Bits(); bit < 32; bit++ {
		last[bit/8] |= 1 << (7 - bit%8)
	}
	if prefix.Addr() == netip.AddrFrom4(last) {
		c.Add(at, "expected the address of a host, found %s, the broadcast address of %s", prefix.Addr(), prefix.Masked())
		return false
	}
	return true
}

func (c checker) ip(at, text string) (netip.Addr, bool) {
	if !c.Sound(at) {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() || addr.IsMulticast() {
		c.Add(at, "expected %s, found %q", ipForm.what, text)
		return netip.Addr{}, false
	}
	return addr, true
}

func (c checker) firewall(rules []Rule, address string) {
	names := map[string]string{}
	server, err := netip.ParsePrefix(address)
	for i, rule := range rules {
		at := fmt.Sprintf("spec.firewall[%d].", i)
		c.form(at+"name", rule.Name, ruleForm)
		c.unique(at+"name", rule.Name, names)
		c.form(at+"system", rule.System, labelForm)
		c.oneOf(at+"protocol", rule.Protocol, "tcp", "udp")
		c.between(at+"port", rule.Port, 1, 65535)
		if c.Sound(at+"from") && len(rule.From) == 0 {
			c.Add(at+"from", "expected at least one network such as 10.10.0.0/24, found none")
		}
		seen := map[string]string{}
		for j, from := range rule.From {
			place := fmt.Sprintf("%sfrom[%d]", at, j)
			source, ok := c.source(place, from)
			if ok && err == nil && source.Addr().Is4() != server.Addr().Is4() {
				c.Add(place, "expected a network of the address's family, found %s for %s", source, server)
			}
			c.unique(place, from, seen)
		}
	}
}

func (c checker) source(at, text string) (netip.Prefix, bool) {
	if !c.Sound(at) {
		return netip.Prefix{}, false
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err == nil && !prefix.Addr().Is4In6():
	default:
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
			c.Add(at, "expected a network, found the address %s: for that one address write %s/%d", addr, addr, addr.BitLen())
		} else {
			c.Add(at, "expected a network such as 10.10.0.0/24, found %q", text)
		}
		return netip.Prefix{}, false
	}
	if prefix != prefix.Masked() {
		c.Add(at, "expected a network, found %s, an address in it: write %s, or %s/%d for that one address",
			prefix, prefix.Masked(), prefix.Addr(), prefix.Addr().BitLen())
		return netip.Prefix{}, false
	}
	return prefix, true
}

func (c checker) loadBalancer(lb *LoadBalancer) {
	if lb == nil {
		return
	}
	const at = "spec.loadBalancer."
	c.form(at+"system", lb.System, labelForm)
	c.form(at+"backend", lb.Backend, backendForm)
	c.between(at+"port", lb.Port, 1, 65535)
	c.between(at+"weight", lb.Weight, 1, 256)
	c.url(at+"verify", lb.Verify)
	c.form(at+"verifySystem", lb.VerifySystem, labelForm)
}

// url checks for an http or https URL without credentials. One that has some is not repeated.
func (c checker) url(at, text string) {
	if !c.Sound(at) {
		return
	}
	parsed, err := url.Parse(text)
	switch {
	case err != nil:
		c.Add(at, "expected %s, found text that is none", urlForm.what)
	case parsed.User != nil:
		c.Add(at, "expected a URL without user and password: a spec holds no secret")
	case parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "":
		c.Add(at, "expected %s, found %q", urlForm.what, text)
	}
}
