package cloudx

import (
	"context"
	"errors"
	"slices"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// Groups is the part of a cloud that the firewall works on.
type Groups interface {
	// Check proves that the cloud shows security groups to the credential.
	Check(ctx context.Context) error
	// Look reads the security group that the cloud made for an owner; nil: there is none.
	Look(ctx context.Context, owner operation.Owner) (*Group, error)
	// Add adds rules, all or none. Conflict: one of them is there.
	Add(ctx context.Context, g *Group, list []Rule) error
	// Remove removes rules by their ids. NotFound: one of them is gone.
	Remove(ctx context.Context, g *Group, ids []string) error
}

// Firewall opens paths through security groups: an owner's rules go into the group that the cloud made for the same owner. A
// rule is in force and kept in one place, so Runtime and Saved are the same.
//
// An exchange adds first, so that a path that stays is never closed in between, and an attempt that ends early is completed by
// the next.
type Firewall struct{ Groups }

// OnlyByName says that a rule without a system is for another firewall.
func (Firewall) OnlyByName() {}

var _ firewall.Firewall = Firewall{}

// mostRounds is how often a call looks again after an answer was lost, or after others changed what it had looked at.
const mostRounds = 5

// FindByOwner lists the owner's rules.
func (f Firewall) FindByOwner(ctx context.Context, owner operation.Owner) ([]firewall.Installed, error) {
	if err := cloud.ValidOwner(owner); err != nil {
		return nil, err
	}
	g, err := f.Look(ctx, owner)
	return read(g).installed(func(path) bool { return true }), err
}

// EnsureRules adds what is missing of the rules.
func (f Firewall) EnsureRules(ctx context.Context, op operation.Op, rules []firewall.Rule, p operation.Progress) ([]firewall.Installed, error) {
	var wants []path
	for _, r := range rules {
		want, err := newPath(op.Key.String(), op.Owner, r)
		if err != nil {
			return nil, err
		}
		wants = append(wants, want)
	}
	if err := cloud.ValidOp(op); err != nil {
		return nil, err
	}
	return f.apply(ctx, op.Owner, nil, wants, p)
}

// ExchangeRules adds rules and then takes others out.
func (f Firewall) ExchangeRules(ctx context.Context, op operation.Op, out, in []firewall.Installed, p operation.Progress) ([]firewall.Installed, error) {
	if err := cloud.ValidOp(op); err != nil {
		return nil, err
	}
	leaving, err := paths(op, out)
	if err != nil {
		return nil, err
	}
	coming, err := paths(op, in)
	if err != nil {
		return nil, err
	}
	return f.apply(ctx, op.Owner, leaving, coming, p)
}

func paths(op operation.Op, list []firewall.Installed) (paths []path, err error) {
	for _, i := range list {
		if i.Owner != op.Owner {
			return nil, fault.New(fault.Invalid, "rule %q is of %s, not of %s", i.Name, i.Owner, op.Owner)
		}
		made, err := newPath(i.Key, i.Owner, i.Rule)
		if err != nil {
			return nil, err
		}
		paths = append(paths, made)
	}
	return paths, nil
}

// apply brings the rules of one owner to where they should be, and reads them back.
func (f Firewall) apply(ctx context.Context, owner operation.Owner, out, in []path, p operation.Progress) ([]firewall.Installed, error) {
	for i, want := range in {
		if slices.ContainsFunc(in[:i], func(other path) bool { return other.name == want.name }) {
			return nil, fault.New(fault.Invalid, "rule %q is there twice: names are unique within an owner", want.name)
		}
	}
	if len(in)+len(out) == 0 {
		return nil, nil
	}
	p.Say("changing the security group of " + string(owner))
	v, err := f.settle(ctx, owner, func(v view) (change, error) { return v.exchange(out, in) })
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "changing the security group of "+string(owner))
	}
	var made []firewall.Installed
	for _, want := range in {
		made = append(made, v.installed(want.is)...)
	}
	return made, nil
}

// RemoveRules removes what carries the key.
func (f Firewall) RemoveRules(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := cloud.ValidOp(op); err != nil {
		return err
	}
	p.Say("removing rules from the security group of " + string(op.Owner))
	_, err := f.settle(ctx, op.Owner, func(v view) (change, error) {
		return change{remove: v.rules(func(have path) bool { return have.key == op.Key.String() })}, nil
	})
	return err
}

// RemoveOwned removes all rules of the owner but the worker's own path, and returns what they were.
func (f Firewall) RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) ([]firewall.Installed, error) {
	if err := cloud.ValidOp(op); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "removing the rules of an owner")
	}
	p.Say("removing all rules from the security group of " + string(op.Owner))
	everything := func(path) bool { return true }
	var image []firewall.Installed
	_, err := f.settle(ctx, op.Owner, func(v view) (change, error) {
		if seen := v.installed(everything); len(seen) > len(image) {
			image = seen // An answer that was lost does not take from what there was before.
		}
		return change{remove: v.rules(everything)}, nil
	})
	return image, err
}

// settle looks, acts and looks again until nothing is left to do. It returns what is there in the end.
func (f Firewall) settle(ctx context.Context, owner operation.Owner, plan func(view) (change, error)) (view, error) {
	var last error
	for range mostRounds {
		g, err := f.Look(ctx, owner)
		if err != nil {
			return view{}, errors.Join(err, last)
		}
		v := read(g)
		c, err := plan(v)
		if err != nil || c.empty() {
			return v, err
		}
		last = f.act(ctx, v, c)
		switch {
		case last == nil, fault.Is(last, fault.Ambiguous), fault.Is(last, fault.NotFound): // Look what is there now.
		case fault.Is(last, fault.Conflict) && ctx.Err() == nil: // Others have added the same: the next look tells whose it is.
		default:
			return v, last
		}
	}
	if last == nil {
		last = fault.New(fault.Unavailable, "the rules of %s are changed by others all the time", owner)
	}
	return view{}, last
}

// act adds rules and removes others.
func (f Firewall) act(ctx context.Context, v view, c change) error {
	steps := []func() error{
		func() error {
			if len(c.add) == 0 {
				return nil
			}
			return f.Add(ctx, v.group, c.add)
		},
		func() error {
			if len(c.remove) == 0 {
				return nil
			}
			return f.Groups.Remove(ctx, v.group, c.remove)
		},
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
