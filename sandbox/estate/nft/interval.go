package nft

import (
	"net/netip"
	"slices"
	"strings"
)

// interval reads an address, a prefix, or a range first-last.
func interval(text string) (first, last netip.Addr, ok bool) {
	if from, to, isRange := strings.Cut(text, "-"); isRange {
		a, err1 := netip.ParseAddr(from)
		b, err2 := netip.ParseAddr(to)
		return a, b, err1 == nil && err2 == nil && a.BitLen() == b.BitLen() && a.Compare(b) <= 0
	}
	p, ok := prefix(text)
	if !ok {
		return first, last, false
	}
	return p.Addr(), lastOf(p), true
}

func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// intervalText writes an interval the way nft lists it: a prefix where there is one.
func intervalText(first, last netip.Addr) string {
	for bits := 0; bits <= first.BitLen(); bits++ {
		p := netip.PrefixFrom(first, bits).Masked()
		if p.Addr() == first && lastOf(p) == last {
			if bits == first.BitLen() {
				return first.String()
			}
			return p.String()
		}
	}
	return first.String() + "-" + last.String()
}

// joined merges intervals that overlap or touch. Single addresses stay as they are, unless an interval takes them in.
func joined(values []string) []string {
	type span struct{ first, last netip.Addr }
	var spans []span
	for _, v := range values {
		first, last, ok := interval(v)
		if !ok {
			return values
		}
		spans = append(spans, span{first, last})
	}
	slices.SortFunc(spans, func(a, b span) int { return a.first.Compare(b.first) })
	merge := slices.ContainsFunc(values, func(v string) bool { return strings.ContainsAny(v, "/-") })
	var kept []span
	for _, s := range spans {
		n := len(kept)
		if n > 0 && (s.first.Compare(kept[n-1].last) <= 0 || merge && kept[n-1].last.Next() == s.first) {
			if s.last.Compare(kept[n-1].last) > 0 {
				kept[n-1].last = s.last
			}
			continue
		}
		kept = append(kept, s)
	}
	var texts []string
	for _, s := range kept {
		texts = append(texts, intervalText(s.first, s.last))
	}
	return texts
}
