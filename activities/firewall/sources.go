package firewall

import (
	"net/netip"
	"slices"
)

// Canonical returns the shortest list of prefixes that covers the same addresses, in order. The kernel joins neighbours
// on its own terms; both sides of a comparison are brought to this form first.
func Canonical(list []netip.Prefix) []netip.Prefix {
	sorted := make([]netip.Prefix, 0, len(list))
	for _, p := range list {
		sorted = append(sorted, p.Masked())
	}
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var kept []netip.Prefix
	for _, p := range sorted {
		if n := len(kept); n > 0 && kept[n-1].Overlaps(p) {
			continue // The earlier one is the wider one.
		}
		kept = append(kept, p)
		for joined := true; joined; {
			kept, joined = joinLast(kept)
		}
	}
	return kept
}

// joinLast replaces the last two prefixes by the one that they are the halves of.
func joinLast(list []netip.Prefix) ([]netip.Prefix, bool) {
	n := len(list)
	if n < 2 || list[n-1].Bits() != list[n-2].Bits() || list[n-1].Bits() == 0 {
		return list, false
	}
	parent := netip.PrefixFrom(list[n-2].Addr(), list[n-2].Bits()-1).Masked()
	if parent.Addr() != list[n-2].Addr() || !parent.Contains(list[n-1].Addr()) {
		return list, false
	}
	return append(list[:n-2], parent), true
}
