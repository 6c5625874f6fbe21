package nft

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// packet is the first packet of a connection that is routed through the host.
type packet struct {
	from, to netip.AddrPort
	proto    string
}

// Allows judges a new connection that is routed through the host (hook forward): whether all base chains let it pass.
// Without a base chain everything passes, as without nftables. Interfaces are not known here: a rule that asks for one
// matches nothing.
func (r *Ruleset) Allows(from, to netip.AddrPort, proto string) bool {
	return r.judge("forward", packet{unmap(from), unmap(to), proto})
}

// AllowsInput judges a new connection to the host itself (hook input).
func (r *Ruleset) AllowsInput(from, to netip.AddrPort, proto string) bool {
	return r.judge("input", packet{unmap(from), unmap(to), proto})
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (r *Ruleset) judge(hook string, p packet) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	type base struct {
		table *table
		chain *chain
	}
	var chains []base
	for _, t := range r.state.Tables {
		if !t.sees(p) {
			continue
		}
		for _, c := range t.Chains {
			if c.Hook == hook && c.Type == "filter" {
				chains = append(chains, base{t, c})
			}
		}
	}
	slices.SortStableFunc(chains, func(a, b base) int { return a.chain.Priority - b.chain.Priority })
	for _, b := range chains {
		verdict := b.table.walk(b.chain, p, 0)
		if verdict == "" || verdict == "return" {
			verdict = b.chain.Policy
		}
		if verdict != "accept" {
			return false
		}
	}
	return true
}

func (t *table) sees(p packet) bool {
	switch t.Family {
	case "inet":
		return true
	case "ip":
		return p.to.Addr().Is4()
	case "ip6":
		return p.to.Addr().Is6()
	}
	return false
}

// walk runs a packet through a chain: accept, drop, reject, or nothing if it falls out at the end.
func (t *table) walk(c *chain, p packet, depth int) string {
	if depth > 16 {
		return "drop"
	}
	for _, r := range c.Rules {
		verdict := t.run(r, p, depth)
		switch verdict {
		case "", "continue":
		case "return":
			return ""
		case "goto end":
			return ""
		default:
			return verdict
		}
	}
	return ""
}

func (t *table) run(r *rule, p packet, depth int) string {
	for _, e := range r.Parts {
		switch e.Kind {
		case "match":
			if t.matches(e, p) == e.Not {
				return ""
			}
		case "accept", "drop", "reject", "return", "continue":
			return e.Kind
		case "jump", "goto":
			next := t.chain(e.Target)
			if next == nil {
				return ""
			}
			verdict := t.walk(next, p, depth+1)
			if verdict == "" && e.Kind == "goto" {
				return "goto end"
			}
			return verdict
		}
	}
	return ""
}

func (t *table) matches(e expression, p packet) bool {
	protocol, field, _ := strings.Cut(e.Left, " ")
	values := e.Values
	if e.Target != "" {
		values = nil
		if s := t.set(e.Target); s != nil {
			for _, el := range s.living() {
				values = append(values, el.Value)
			}
		}
	}
	switch field {
	case "saddr", "daddr":
		addr := p.from.Addr()
		if field == "daddr" {
			addr = p.to.Addr()
		}
		if addr.Is6() != (protocol == "ip6") {
			return e.Not // A packet of the other family matches neither way.
		}
		return slices.ContainsFunc(values, func(v string) bool {
			first, last, ok := interval(v)
			return ok && first.Compare(addr) <= 0 && addr.Compare(last) <= 0
		})
	case "sport", "dport":
		port := p.from.Port()
		if field == "dport" {
			port = p.to.Port()
		}
		if protocol != "th" && protocol != p.proto {
			return e.Not
		}
		return slices.ContainsFunc(values, func(v string) bool { return inRange(v, int(port)) })
	case "state":
		return slices.Contains(values, "new")
	case "l4proto", "protocol", "nexthdr":
		return slices.Contains(values, p.proto)
	case "nfproto":
		name := "ipv4"
		if p.to.Addr().Is6() {
			name = "ipv6"
		}
		return slices.Contains(values, name)
	}
	return e.Not
}

func inRange(text string, port int) bool {
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		to = from
	}
	low, err1 := strconv.Atoi(from)
	high, err2 := strconv.Atoi(to)
	return err1 == nil && err2 == nil && low <= port && port <= high
}
