package config

import (
	"fmt"
	"math/big"
	"net/netip"
)

// Range is a range of addresses that servers are given free ones of.
type Range struct {
	Name        string   `yaml:"name"`                  // Unique; specs choose the range by it: "servers".
	Site        string   `yaml:"site,omitempty"`        // Only servers of this site are given addresses of it; empty: those of the only site.
	Prefix      string   `yaml:"prefix"`                // Network that the range is in: 10.20.0.0/24.
	First       string   `yaml:"first"`                 // First address of the range.
	Last        string   `yaml:"last"`                  // Last address of the range, which is in it.
	Exclude     []string `yaml:"exclude,omitempty"`     // Addresses and networks in the range that are never chosen.
	Gateway     string   `yaml:"gateway,omitempty"`     // Default gateway of servers whose specs name none. Never chosen.
	Nameservers []string `yaml:"nameservers,omitempty"` // Of servers whose specs name none.
	Domain      string   `yaml:"domain,omitempty"`      // Of servers whose specs name none.
}

// maxRange is how many addresses a range may have.
const maxRange = 65536

func (c checker) ranges(ranges []Range) {
	names := map[string]string{}

	for i, r := range ranges {
		at := fmt.Sprintf("spec.ranges[%d].", i)
		c.label(at+"name", r.Name)
		c.unique(at+"name", r.Name, names)
		c.label(at+"site", r.Site)
		c.domain(at+"domain", r.Domain)
		for j, server := range r.Nameservers {
			c.addr(fmt.Sprintf("%snameservers[%d]", at, j), server)
		}
		prefix, ok := c.prefix(at+"prefix", r.Prefix)
		if !ok {
			continue
		}

		if gateway, ok := c.addr(at+"gateway", r.Gateway); ok && !prefix.Contains(gateway) {
			c.Add(at+"gateway", "expected an address in %s, found %s", prefix, gateway)
		}
		c.bounds(at, r, prefix)
		for j, text := range r.Exclude {
			c.excluded(fmt.Sprintf("%sexclude[%d]", at, j), text, prefix)
		}
	}
}

func (c checker) bounds(at string, r Range, prefix netip.Prefix) {
	first, ok := c.host(at+"first", r.First, prefix)
	last, also := c.host(at+"last", r.Last, prefix)
	if !ok || !also {
		return
	}
	if last.Less(first) {
		c.Add(at+"last", "expected an address from %s on, found %s", first, last)
		return
	}
	number := new(big.Int).Sub(new(big.Int).SetBytes(last.AsSlice()), new(big.Int).SetBytes(first.AsSlice()))
	if number.Cmp(big.NewInt(maxRange)) >= 0 {
		c.Add(at+"last", "expected at most %d addresses, found more: a range is looked through from its first address on", maxRange)
	}
}

// host is an address that a server of the network can have.
func (c checker) host(at, text string, prefix netip.Prefix) (netip.Addr, bool) {
	addr, ok := c.addr(at, text)
	if !ok {
		return addr, false
	}
	if !prefix.Contains(addr) {
		c.Add(at, "expected an address in %s, found %s", prefix, addr)
		return addr, false
	}
	if addr.Is4() && prefix.Bits() < 31 && (addr == prefix.Addr() || !prefix.Contains(addr.Next())) {
		c.Add(at, "expected the address of a host, found %s, the first or the last of %s", addr, prefix)
		return addr, false
	}
	return addr, true
}

func (c checker) prefix(at, text string) (netip.Prefix, bool) {
	if !c.Sound(at) {
		return netip.Prefix{}, false
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
		c.Add(at, "expected a network such as 10.20.0.0/24, found %q", text)
		return netip.Prefix{}, false
	}
	return prefix, true
}

func (c checker) addr(at, text string) (netip.Addr, bool) {
	if !c.Sound(at) {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() || addr.IsMulticast() {
		c.Add(at, "expected an IP address, found %q", text)
		return netip.Addr{}, false
	}
	return addr, true
}

// ParseExcluded reads what a range leaves out: an address, or a network.
func ParseExcluded(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

func (c checker) excluded(at, text string, prefix netip.Prefix) {
	if !c.Sound(at) {
		return
	}
	out, err := ParseExcluded(text)
	if err != nil || !out.IsValid() || !prefix.Overlaps(out) {
		c.Add(at, "expected an address or a network in %s, found %q", prefix, text)
	}
}

func (c checker) domain(at, value string) {
	if c.Sound(at) && !domainForm.MatchString(value) {
		c.Add(at, "expected a domain name in lower case such as estate.test, found %q", value)
	}
}
