package cloudx

import (
	"net/netip"
	"slices"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/firewall"
)

// Group is a security group as the cloud shows it.
type Group struct {
	ID, Name  string
	Rules     []Rule
	Addresses []netip.Addr // Of what is in the group.
}

// Rule is one of a group's rules: one protocol, one range of ports, one source.
type Rule struct {
	ID          string // Empty: it is to be made.
	Description string
	Ingress     bool
	Protocol    string
	From, To    int
	Source      netip.Prefix // Zero: it has another kind of source.
}

// view is the owner's security group as it was read: nil where there is none.
type view struct {
	group *Group
	paths []path
	ids   map[string][]string // Ids of the cloud's rules, by description.
	odd   map[string]bool     // Descriptions whose rules differ in more than the source.
}

func read(g *Group) view {
	v := view{group: g, ids: map[string][]string{}, odd: map[string]bool{}}
	if g == nil {
		return v
	}
	for _, r := range g.Rules {
		p, known := readPath(r.Description)
		if !known {
			continue
		}
		p.protocol, p.port = r.Protocol, r.From
		if r.Source.IsValid() {
			p.sources = []netip.Prefix{r.Source}
		}
		if !r.Source.IsValid() || r.From != r.To || !r.Ingress {
			v.odd[r.Description] = true
		}
		v.ids[r.Description] = append(v.ids[r.Description], r.ID)
		if have := Find(v.paths, p.is); have != nil && have.description() == p.description() {
			if have.protocol != p.protocol || have.port != p.port {
				v.odd[r.Description] = true
			}
			have.sources = append(have.sources, p.sources...)
			continue
		}
		v.paths = append(v.paths, p)
	}
	for i := range v.paths {
		slices.SortFunc(v.paths[i].sources, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	}
	slices.SortFunc(v.paths, func(a, b path) int { return strings.Compare(a.name, b.name) })
	return v
}

func (v view) installed(wanted func(path) bool) (list []firewall.Installed) {
	for _, p := range v.paths {
		if wanted(p) {
			list = append(list, p.installed())
		}
	}
	return list
}

// rules are the ids of the cloud's rules for the paths that are wanted.
func (v view) rules(wanted func(path) bool) (ids []string) {
	for _, p := range v.paths {
		if wanted(p) {
			ids = append(ids, v.ids[p.description()]...)
		}
	}
	return ids
}

// change is what is to be done to a group.
type change struct {
	add    []Rule
	remove []string // Ids.
	// removeFirst: what is added lets the same in as what goes, and clouds refuse to have it twice.
	removeFirst bool
}

func (c change) empty() bool { return len(c.add)+len(c.remove) == 0 }

// exchange plans which rules are missing and which are too many.
func (v view) exchange(out, in []path) (c change, err error) {
	if v.group == nil && len(in) > 0 {
		return c, fault.New(fault.NotFound, "%s has no security group: its instance is made first", in[0].owner)
	}
	for _, gone := range out {
		have := Find(v.paths, gone.is)
		if have == nil || slices.ContainsFunc(in, gone.is) {
			continue // It is out already, or comes back under its own key.
		}
		if !v.holds(*have, gone) {
			return c, fault.New(fault.Conflict, "rule %q of %s has another content by now: changed by others", gone.name, gone.owner)
		}
		c.remove = append(c.remove, v.ids[have.description()]...)
		c.removeFirst = c.removeFirst || slices.ContainsFunc(in, have.overlaps)
	}
	for _, want := range in {
		added, err := v.addition(want, out)
		if err != nil {
			return c, err
		}
		c.add = append(c.add, added...)
	}
	return c, nil
}

// holds compares a rule that is there with what it should be. Rules that are missing some of their sources still fit.
func (v view) holds(have, want path) bool {
	if v.odd[have.description()] {
		return false
	}
	for _, source := range have.sources {
		if !slices.Contains(want.sources, source) {
			return false
		}
	}
	have.sources = want.sources
	return have.same(want)
}

// addition plans what a rule still lacks. A rule of the same owner and name that is another one is a Conflict, unless it goes.
func (v view) addition(want path, out []path) ([]Rule, error) {
	if !slices.Contains(v.group.Addresses, want.destination) {
		return nil, fault.New(fault.NotFound, "nothing in the security group of %s has the address %s", want.owner, want.destination)
	}
	var have []netip.Prefix
	for _, p := range v.paths {
		switch {
		case p.name != want.name, slices.ContainsFunc(out, p.is) && !p.is(want):
			continue
		case p.key != want.key:
			return nil, fault.New(fault.Conflict, "rule %q of %s is there under the key %s", want.name, want.owner, p.key)
		case !v.holds(p, want):
			return nil, fault.New(fault.Conflict, "rule %q of %s is there with another content: changed by others", want.name, want.owner)
		}
		have = p.sources
	}
	return want.missing(have), nil
}
