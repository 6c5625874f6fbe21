package nftables

import (
	"context"
	"slices"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// RemoveRules removes what carries op.Key from kernel and file.
func (f *Firewall) RemoveRules(ctx context.Context, op operation.Op, p operation.Progress) error {
	key := op.Key.String()
	_, err := f.remove(ctx, func(r rule) bool { return r.key == key }, p)
	return err
}

// RemoveOwned removes what carries op.Owner, whichever run made it, and returns it as it was.
func (f *Firewall) RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) ([]firewall.Installed, error) {
	if op.Owner == "" {
		return nil, fault.New(fault.Invalid, "removing an owner's rules: no owner is given")
	}
	return f.remove(ctx, func(r rule) bool { return r.owner == string(op.Owner) }, p)
}

// remove takes the chosen rules out. The image is gathered over all attempts: after a lost answer the rules are gone
// already.
func (f *Firewall) remove(ctx context.Context, chosen func(rule) bool, p operation.Progress) ([]firewall.Installed, error) {
	var image []firewall.Installed
	err := f.settle(ctx, func(v view) (change, error) {
		for _, i := range v.installed(chosen) {
			if !slices.ContainsFunc(image, func(have firewall.Installed) bool {
				return have.Key == i.Key && have.Owner == i.Owner && have.Name == i.Name
			}) {
				image = append(image, i)
			}
		}
		c := change{saved: slices.DeleteFunc(slices.Clone(v.saved), chosen)}
		c.needed = len(c.saved) != len(v.saved)
		for _, l := range v.kernel {
			if chosen(l.rule) {
				c.commands = append(c.commands, f.deletion(l))
				c.needed = true
			}
		}
		if c.needed {
			p.Say("removing rules from chain " + f.place())
		}
		return c, nil
	})
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "removing rules from chain "+f.place())
	}
	return image, nil
}
