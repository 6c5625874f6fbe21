package nftables

import (
	"context"
	"fmt"
	"slices"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// ExchangeRules takes rules out of kernel and file and puts others in, in one transaction.
func (f *Firewall) ExchangeRules(ctx context.Context, op operation.Op, out, in []firewall.Installed, p operation.Progress) ([]firewall.Installed, error) {
	leaving, err := f.ofOwner(op.Owner, out)
	if err != nil {
		return nil, err
	}
	wants, err := f.ofOwner(op.Owner, in)
	if err != nil {
		return nil, err
	}
	doing := fmt.Sprintf("taking %d rules out of chain %s and putting %d in", len(leaving), f.place(), len(wants))
	p.Say(doing)
	err = f.settle(ctx, func(v view) (change, error) { return f.exchange(v, leaving, wants) })
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, doing)
	}
	v, err := f.look(ctx)
	if err != nil {
		return nil, err
	}
	return v.installed(func(r rule) bool { return slices.ContainsFunc(wants, r.is) }), nil
}

// ofOwner reads rules that stand under keys of their own. Faults: Invalid for one of another owner.
func (f *Firewall) ofOwner(owner operation.Owner, rules []firewall.Installed) ([]rule, error) {
	var read []rule
	for _, r := range rules {
		if r.Owner != owner {
			return nil, fault.New(fault.Invalid, "rule %q belongs to %q, not to %q", r.Name, r.Owner, owner)
		}
		key, err := operation.ParseKey(r.Key)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "reading the key of rule "+r.Name)
		}
		one, err := f.fitting(operation.Op{Owner: owner, Key: key}, r.Rule)
		if err != nil {
			return nil, err
		}
		read = append(read, one)
	}
	return read, nil
}

// exchange plans what is to go, and then what is missing.
func (f *Firewall) exchange(v view, leaving, wants []rule) (change, error) {
	rest := v
	rest.saved, rest.kernel = nil, nil
	var removal []string
	gone := func(have rule, odd string) (bool, error) {
		i := slices.IndexFunc(leaving, have.is)
		if i < 0 {
			return false, nil
		}
		if odd != "" || !have.same(leaving[i]) {
			return false, fault.New(fault.Conflict, "rule %q of %s has another content: changed by others", have.name, have.owner)
		}
		return true, nil
	}
	for _, r := range v.saved {
		leaves, err := gone(r, "")
		if err != nil {
			return change{}, err
		}
		if !leaves {
			rest.saved = append(rest.saved, r)
		}
	}
	for _, l := range v.kernel {
		leaves, err := gone(l.rule, l.odd)
		if err != nil {
			return change{}, err
		}
		if leaves {
			removal = append(removal, f.deletion(l))
		} else {
			rest.kernel = append(rest.kernel, l)
		}
	}
	c, err := f.completion(rest, wants)
	c.commands = append(removal, c.commands...)
	c.needed = c.needed || len(removal) > 0 || len(rest.saved) != len(v.saved)
	return c, err
}
