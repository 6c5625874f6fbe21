package nftables

import (
	"context"
	"fmt"
	"slices"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// Check proves that nft answers, the chain is there, a base chain leads to it, and the file can be replaced. It leaves
// everything as it was.
func (f *Firewall) Check(ctx context.Context) error {
	v, err := f.look(ctx)
	if err != nil {
		return err
	}
	table, err := f.nft(ctx, "-s", "-j", "list", "table", f.cfg.Family, f.cfg.Table)
	if err != nil {
		return err
	}
	reached, err := jumps(table, f.cfg.Chain)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "listing table "+f.cfg.Table)
	}
	if !reached {
		return fault.New(fault.Invalid, "no rule of table %s %s jumps to chain %s: rules in it would have no effect; add \"jump %s\" to the forward chain",
			f.cfg.Family, f.cfg.Table, f.cfg.Chain, f.cfg.Chain)
	}
	_, err = f.replace(ctx, v, change{saved: v.saved}, "try")
	if err == errMoved { //nolint:errorlint // Somebody writes right now, so it can be written.
		return nil
	}
	return err
}

// FindByOwner returns the owner's rules of kernel and file.
func (f *Firewall) FindByOwner(ctx context.Context, owner operation.Owner) ([]firewall.Installed, error) {
	v, err := f.look(ctx)
	if err != nil {
		return nil, err
	}
	return v.installed(func(r rule) bool { return r.owner == string(owner) }), nil
}

// installed compares kernel and file.
func (v view) installed(wanted func(rule) bool) []firewall.Installed {
	var rules []rule
	var found []firewall.Installed
	put := func(r rule) *firewall.Installed {
		i := slices.IndexFunc(rules, func(other rule) bool { return other.is(r) })
		if i < 0 {
			i = len(rules)
			rules, found = append(rules, r), append(found, r.installed())
		}
		return &found[i]
	}
	for _, r := range v.saved {
		if wanted(r) {
			put(r).Saved = true
		}
	}
	for _, l := range v.kernel {
		if wanted(l.rule) {
			put(l.rule).Runtime = true
		}
	}
	return found
}

// EnsureRules puts the rules in force and saves them, all or none. Sources are kept in their shortest form: neighbours are
// joined, what another one contains is left out.
func (f *Firewall) EnsureRules(ctx context.Context, op operation.Op, rules []firewall.Rule, p operation.Progress) ([]firewall.Installed, error) {
	wants := make([]rule, 0, len(rules))
	for _, r := range rules {
		want, err := f.fitting(op, r)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(wants, func(other rule) bool { return other.name == want.name }) {
			return nil, fault.New(fault.Invalid, "rule %q is there twice: names are unique within an owner", r.Name)
		}
		wants = append(wants, want)
	}
	doing := fmt.Sprintf("putting %d rules into chain %s", len(wants), f.place())
	p.Say(doing)
	err := f.settle(ctx, func(v view) (change, error) { return f.completion(v, wants) })
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, doing)
	}
	v, err := f.look(ctx)
	if err != nil {
		return nil, err
	}
	return v.installed(func(r rule) bool { return slices.ContainsFunc(wants, r.is) }), nil
}

// fitting checks a rule, and that the table can hold it.
func (f *Firewall) fitting(op operation.Op, r firewall.Rule) (rule, error) {
	want, err := newRule(op, r)
	if err == nil && f.cfg.Family != "inet" && (f.cfg.Family == "ip6") != want.destination.Is6() {
		err = fault.New(fault.Invalid, "destination %s of rule %q is not of the family of table %s %s", want.destination, want.name, f.cfg.Family, f.cfg.Table)
	}
	return want, err
}

// completion plans what is missing of the wanted rules.
func (f *Firewall) completion(v view, wants []rule) (change, error) {
	c := change{saved: v.saved}
	for _, want := range wants {
		if err := v.conflict(want); err != nil {
			return c, err
		}
		if !slices.ContainsFunc(v.saved, want.is) {
			c.saved = append(slices.Clone(c.saved), want)
			c.needed = true
		}
		there := 0
		for _, l := range v.kernel {
			if !l.is(want) {
				continue
			}
			if there++; there > 1 { // A file that was loaded twice.
				c.commands = append(c.commands, f.deletion(l))
			}
		}
		if there == 0 {
			c.commands = append(c.commands, fmt.Sprintf("add rule %s %s\n", f.place(), want.text()))
		}
	}
	c.needed = c.needed || len(c.commands) > 0
	return c, nil
}

func (f *Firewall) deletion(l live) string {
	return fmt.Sprintf("delete rule %s handle %d\n", f.place(), l.handle)
}

// conflict looks for a rule of the same owner and name that is not the wanted one.
func (v view) conflict(want rule) error {
	refuse := func(have rule, where, odd string) error {
		switch {
		case have.owner != want.owner || have.name != want.name:
			return nil
		case have.key != want.key:
			return fault.New(fault.Conflict, "rule %q of %s is %s under the key %s", want.name, want.owner, where, have.key)
		case odd != "" || !have.same(want):
			return fault.New(fault.Conflict, "rule %q of %s is %s with another content: changed by others", want.name, want.owner, where)
		}
		return nil
	}
	for _, r := range v.saved {
		if err := refuse(r, "saved", ""); err != nil {
			return err
		}
	}
	for _, l := range v.kernel {
		if err := refuse(l.rule, "in force", l.odd); err != nil {
			return err
		}
	}
	return nil
}
