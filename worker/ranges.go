package worker

import (
	"net/netip"

	"fermata/activities/ranges"
	"fermata/config"
)

// rangesOf are the ranges of an installation, whose description was checked when it was read.
func rangesOf(in *config.Installation) []ranges.Range {
	var all []ranges.Range
	for _, r := range in.Ranges {
		made := ranges.Range{Name: r.Name, Site: r.Site, Nameservers: r.Nameservers, Domain: r.Domain}
		made.Prefix, _ = netip.ParsePrefix(r.Prefix)
		made.First, _ = netip.ParseAddr(r.First)
		made.Last, _ = netip.ParseAddr(r.Last)
		made.Gateway, _ = netip.ParseAddr(r.Gateway)
		for _, text := range r.Exclude {
			if out, err := config.ParseExcluded(text); err == nil {
				made.Exclude = append(made.Exclude, out)
			}
		}
		all = append(all, made)
	}
	return all
}
