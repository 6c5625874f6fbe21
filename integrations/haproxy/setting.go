package haproxy

import (
	"context"
	"fmt"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// EnsureSetting gives a member another port and weight, the runtime half first. It keeps its key, its id and its state. A
// runtime half that was lost is made anew, in drain.
func (b *Balancer) EnsureSetting(ctx context.Context, op operation.Op, was, m loadbalancer.Member, p operation.Progress) (loadbalancer.Status, error) {
	m, err := validMember(m)
	if err != nil {
		return loadbalancer.Status{}, err
	}
	if was.Backend != m.Backend || was.Name != m.Name || !sameAddress(was.Address, m.Address) {
		return loadbalancer.Status{}, fault.New(fault.Invalid, "server %s/%s at %s cannot become %s/%s at %s: expected another port or weight only",
			was.Backend, was.Name, was.Address, m.Backend, m.Name, m.Address)
	}
	doing := fmt.Sprintf("changing server %s of backend %s", m.Name, m.Backend)
	p.Say(doing)
	err = b.converge(ctx, func() error { return b.setting(ctx, op, was, m) })
	if err != nil {
		return loadbalancer.Status{}, fault.Wrap(fault.KindOf(err), err, doing)
	}
	return b.status(ctx, m.Backend, m.Name)
}

func (b *Balancer) setting(ctx context.Context, op operation.Op, was, m loadbalancer.Member) error {
	v, err := b.look(ctx, m.Backend)
	if err != nil {
		return err
	}
	saved := v.document.find(m.Backend, m.Name)
	if err := b.ours(saved, op.Owner, was, m); err != nil {
		return err
	}
	want := *saved
	want.Port, want.Weight = m.Port, m.Weight
	l := v.live(m.Backend, m.Name)
	switch {
	case l == nil:
		if _, err := b.ensureLive(ctx, nil, &want); err != nil {
			return err
		}
	case l.id != want.id || !sameAddress(l.address, m.Address) || (l.port != was.Port && l.port != m.Port):
		return fault.New(fault.Conflict, "server %s in backend %s runs with the address %s port %d: changed by others", m.Name, m.Backend, l.address, l.port)
	default:
		if err := b.retune(ctx, l, &want); err != nil {
			return err
		}
	}
	if err := b.rewrite(ctx, op.Owner, was, &want); err != nil {
		return err
	}
	return b.still(ctx, m.Backend, m.Name, func(now *live) bool { return now != nil && now.port == m.Port && now.weight == weightOf(m) })
}

// ours refuses an entry that is not the owner's, or that is neither as it was nor as it is to be.
func (b *Balancer) ours(saved *entry, owner operation.Owner, was, m loadbalancer.Member) error {
	switch {
	case saved == nil:
		return fault.New(fault.NotFound, "%s has no member %s in backend %s", b.cfg.File, m.Name, m.Backend)
	case saved.owner != owner:
		return fault.New(fault.Conflict, "server %s in backend %s belongs to %s", m.Name, m.Backend, saved.owner)
	case !sameAddress(saved.Address, m.Address), !sameSetting(saved.Member, was) && !sameSetting(saved.Member, m):
		return fault.New(fault.Conflict, "server %s in backend %s is saved as %s weight %d: changed by others", m.Name, m.Backend, joinAddress(saved.Member), weightOf(saved.Member))
	}
	return nil
}

func sameSetting(a, b loadbalancer.Member) bool {
	return a.Port == b.Port && weightOf(a) == weightOf(b)
}

// weightOf is the weight that HAProxy gives a member whose line names none.
func weightOf(m loadbalancer.Member) int { return max(m.Weight, 1) }

// retune changes what differs in the runtime. HAProxy tells in words what it changed, so what it holds is looked at afterwards.
func (b *Balancer) retune(ctx context.Context, l *live, want *entry) error {
	at := want.Backend + "/" + want.Name
	if l.weight != weightOf(want.Member) {
		if err := b.orderQuietly(ctx, fmt.Sprintf("set server %s weight %d", at, weightOf(want.Member))); err != nil {
			return err
		}
	}
	if l.port == want.Port {
		return nil
	}
	answer, err := b.order(ctx, fmt.Sprintf("set server %s addr %s port %d", at, want.Address, want.Port))
	if err != nil {
		return err
	}
	servers, err := b.runtime(ctx, want.Backend)
	if err != nil {
		return err
	}
	if now := (view{servers: servers}).live(want.Backend, want.Name); now != nil && now.port != want.Port {
		return fault.New(fault.Conflict, "HAProxy does not give server %s the port %d: %s", at, want.Port, strings.TrimSpace(answer))
	}
	return nil
}

// rewrite puts the new setting into the file. The flag that says whether it takes traffic stays.
func (b *Balancer) rewrite(ctx context.Context, owner operation.Owner, was loadbalancer.Member, want *entry) error {
	return b.change(ctx, func(d *document) (bool, error) {
		old := d.find(want.Backend, want.Name)
		if err := b.ours(old, owner, was, want.Member); err != nil {
			return false, err
		}
		e := *want
		e.disabled = old.disabled
		return d.put(b.render, &e), nil
	})
}
