package openstack

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"

	"fermata/activities/fault"
)

// nameWord is what stands in a description: no blank, quote or end of line.
var nameWord = regexp.MustCompile(`^[A-Za-z0-9._/@:+-]+$`)

// change is what is to be done to a group.
type change struct {
	add    []rules.CreateOpts
	remove []string // Ids.
	// removeFirst: what is added lets the same in as what goes, and Neutron refuses to have it twice.
	removeFirst bool
}

func (c change) empty() bool { return len(c.add)+len(c.remove) == 0 }

// exchange plans which rules are missing and which are too many.
func (v view) exchange(out, in []path) (c change, err error) {
	if v.group == nil && len(in) > 0 {
		return c, fault.New(fault.NotFound, "%s has no security group: its instance is made first", in[0].owner)
	}
	for _, gone := range out {
		have := find(v.paths, gone.is)
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

// overlaps reports whether one of Neutron's rules for the two would be the same.
func (p path) overlaps(other path) bool {
	return p.protocol == other.protocol && p.port == other.port &&
		slices.ContainsFunc(p.sources, func(s netip.Prefix) bool { return slices.Contains(other.sources, s) })
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
func (v view) addition(want path, out []path) ([]rules.CreateOpts, error) {
	if !slices.Contains(v.held, want.destination) {
		return nil, fault.New(fault.NotFound, "no port in the security group of %s has the address %s", want.owner, want.destination)
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
	return want.options(v.group.ID, have), nil
}

// act adds rules, all or none, and removes others one by one.
func (f *Firewall) act(ctx context.Context, v view, c change) error {
	s, err := f.d.session.connect(ctx)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return s.addRules(ctx, v.group.Name, c.add) },
		func() error { return s.deleteRules(ctx, c.remove) },
	}
	if c.removeFirst {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (s *services) addRules(ctx context.Context, group string, list []rules.CreateOpts) error {
	if len(list) == 0 {
		return nil
	}
	return translate(rules.CreateBulk(ctx, s.network, list).Err, fmt.Sprintf("adding %d rules to security group %s", len(list), group))
}

func (s *services) deleteRules(ctx context.Context, ids []string) error {
	for _, id := range ids {
		if err := unless(fault.NotFound, s.deleteRule(ctx, id)); err != nil {
			return err
		}
	}
	return nil
}
