package nftables

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"fermata/activities/firewall"
)

// live is a rule of ours as the kernel holds it.
type live struct {
	rule
	handle int
	odd    string // Why its content is not of the driver's form; empty if it is.
}

// chainRule is a rule in nft's JSON (libnftables-json(5)).
type chainRule struct {
	Chain   string                       `json:"chain"`
	Handle  int                          `json:"handle"`
	Comment string                       `json:"comment"`
	Expr    []map[string]json.RawMessage `json:"expr"`
}

func readRules(data []byte) ([]chainRule, error) {
	var doc struct {
		Nftables []struct {
			Rule *chainRule `json:"rule"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("reading the JSON of nft: %w", err)
	}
	if doc.Nftables == nil {
		return nil, fmt.Errorf("reading the JSON of nft: expected \"nftables\"")
	}
	var rules []chainRule
	for _, o := range doc.Nftables {
		if o.Rule != nil {
			rules = append(rules, *o.Rule)
		}
	}
	return rules, nil
}

// parseKernel returns the driver's rules of a listing, in order; rules without its comment are others' and left out.
func parseKernel(data []byte) ([]live, error) {
	rules, err := readRules(data)
	if err != nil {
		return nil, err
	}
	var ours []live
	for _, r := range rules {
		marks, ok := readComment(r.Comment)
		if !ok {
			continue
		}
		l := live{rule: marks, handle: r.Handle}
		if err := l.read(r.Expr); err != nil {
			l.odd = err.Error()
		}
		ours = append(ours, l)
	}
	return ours, nil
}

// jumps reports whether a rule of the listing leads to the chain.
func jumps(data []byte, chain string) (bool, error) {
	rules, err := readRules(data)
	if err != nil {
		return false, err
	}
	for _, r := range rules {
		for _, e := range r.Expr {
			for _, verdict := range []string{"jump", "goto"} {
				var to struct {
					Target string `json:"target"`
				}
				if raw, ok := e[verdict]; ok && json.Unmarshal(raw, &to) == nil && to.Target == chain && r.Chain != chain {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

type match struct {
	Op   string `json:"op"`
	Left struct {
		Payload struct {
			Protocol string `json:"protocol"`
			Field    string `json:"field"`
		} `json:"payload"`
	} `json:"left"`
	Right json.RawMessage `json:"right"`
}

func (l *live) read(expr []map[string]json.RawMessage) error {
	accepted := false
	for _, e := range expr {
		if accepted {
			return fmt.Errorf("something follows accept")
		}
		_, accepted = e["accept"]
		raw, isMatch := e["match"]
		if !accepted && (!isMatch || len(e) != 1) {
			return fmt.Errorf("an expression is neither a match nor accept")
		}
		if isMatch {
			if err := l.readMatch(raw); err != nil {
				return err
			}
		}
	}
	if !accepted || !l.destination.IsValid() || l.port == 0 {
		return fmt.Errorf("destination, port or accept is missing")
	}
	if l.sources == nil {
		l.sources = []netip.Prefix{everybody(l.destination)}
	}
	l.sources = firewall.Canonical(l.sources)
	return nil
}

func (l *live) readMatch(raw json.RawMessage) error {
	var m match
	if err := json.Unmarshal(raw, &m); err != nil || m.Op != "==" {
		return fmt.Errorf("a match is not of the driver's form")
	}
	p := m.Left.Payload
	switch {
	case (p.Protocol == "ip" || p.Protocol == "ip6") && p.Field == "saddr" && l.sources == nil:
		list, err := readAddresses(m.Right)
		if err != nil || len(list) == 0 {
			return fmt.Errorf("reading the sources: %w", err)
		}
		l.sources = list
		return nil
	case (p.Protocol == "ip" || p.Protocol == "ip6") && p.Field == "daddr" && !l.destination.IsValid():
		var text string
		if err := json.Unmarshal(m.Right, &text); err != nil {
			return fmt.Errorf("reading the destination: %w", err)
		}
		addr, err := netip.ParseAddr(text)
		l.destination = addr
		return err
	case (p.Protocol == "tcp" || p.Protocol == "udp") && p.Field == "dport" && l.port == 0:
		l.protocol = p.Protocol
		return json.Unmarshal(m.Right, &l.port)
	}
	return fmt.Errorf("a match on %s %s is not of the driver's form", p.Protocol, p.Field)
}

// readAddresses reads an address, a prefix, a range, or a set of them.
func readAddresses(raw json.RawMessage) ([]netip.Prefix, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		return []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	var o struct {
		Prefix *struct {
			Addr netip.Addr `json:"addr"`
			Len  int        `json:"len"`
		} `json:"prefix"`
		Range []netip.Addr      `json:"range"`
		Set   []json.RawMessage `json:"set"`
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	switch {
	case o.Prefix != nil:
		p := netip.PrefixFrom(o.Prefix.Addr, o.Prefix.Len)
		if !p.IsValid() {
			return nil, fmt.Errorf("no prefix: %.60s", raw)
		}
		return []netip.Prefix{p}, nil
	case len(o.Range) == 2:
		return fromRange(o.Range[0], o.Range[1]), nil
	}
	var list []netip.Prefix
	for _, one := range o.Set {
		more, err := readAddresses(one)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}
