package haproxy

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// EnsureMember adds the member in drain, with its checks running, and saves it as disabled: a reload before it is ready
// gives it no traffic. A half that is missing is repaired; a member that takes traffic already goes on doing so.
func (b *Balancer) EnsureMember(ctx context.Context, op operation.Op, m loadbalancer.Member, p operation.Progress) (loadbalancer.Status, error) {
	m, err := validMember(m)
	if err != nil {
		return loadbalancer.Status{}, err
	}
	if err := validOp(op); err != nil {
		return loadbalancer.Status{}, err
	}
	key := op.Key.String()
	want := &entry{Member: m, key: key, owner: op.Owner, id: serverID(key)}
	doing := fmt.Sprintf("adding server %s to backend %s", m.Name, m.Backend)
	p.Say(doing)
	err = b.converge(ctx, func() error {
		v, err := b.look(ctx, m.Backend)
		if err != nil {
			return err
		}
		if err := b.claim(v, want); err != nil {
			return err
		}
		l, err := b.ensureLive(ctx, v.live(m.Backend, m.Name), want)
		if err != nil {
			return err
		}
		err = b.save(ctx, want, func(old *entry) bool {
			if old != nil {
				return old.disabled
			}
			return l.state() != loadbalancer.Ready
		})
		if err != nil {
			return err
		}
		return b.still(ctx, m.Backend, m.Name, func(now *live) bool { return now != nil })
	})
	if err != nil {
		return loadbalancer.Status{}, fault.Wrap(fault.KindOf(err), err, doing)
	}
	return b.status(ctx, m.Backend, m.Name)
}

// attempts bounds how often lost answers are looked after before the caller is told.
const attempts = 6

// converge repeats work that looks before it acts, as long as an answer was lost.
func (b *Balancer) converge(ctx context.Context, work func() error) error {
	var err error
	for range attempts {
		if err = work(); !fault.Is(err, fault.Ambiguous) || ctx.Err() != nil {
			return err
		}
		if pause(ctx, min(b.cfg.Poll, 100*time.Millisecond)) != nil {
			return err
		}
	}
	return err
}

// claim finds out whether the name is free or ours.
func (b *Balancer) claim(v view, want *entry) error {
	if v.document.blocks[want.Backend] == nil {
		return fault.New(fault.Invalid, "%s has no marked block in backend %s: add the lines %q and %q there", b.cfg.File, want.Backend, Begin, End)
	}
	saved := v.document.find(want.Backend, want.Name)
	if err := conflict(saved, want); err != nil {
		return err
	}
	if v.document.foreign[want.Backend][want.Name] != nil {
		return fault.New(fault.Conflict, "%s has a server %s in backend %s outside the marked block", b.cfg.File, want.Name, want.Backend)
	}
	return conflictLive(v.live(want.Backend, want.Name), want)
}

func conflict(saved, want *entry) error {
	switch {
	case saved == nil:
		return nil
	case saved.key != want.key:
		return fault.New(fault.Conflict, "server %s in backend %s belongs to %s under the key %s", want.Name, want.Backend, saved.owner, saved.key)
	case saved.Address != want.Address || saved.Port != want.Port:
		return fault.New(fault.Conflict, "server %s in backend %s has the address %s, not %s", want.Name, want.Backend, joinAddress(saved.Member), joinAddress(want.Member))
	}
	return nil
}

func conflictLive(l *live, want *entry) error {
	switch {
	case l == nil:
		return nil
	case l.id != want.id:
		return fault.New(fault.Conflict, "a server %s runs in backend %s that was not made under the key %s (its id is %d, not %d)", want.Name, want.Backend, want.key, l.id, want.id)
	case !sameAddress(l.address, want.Address) || l.port != want.Port:
		return fault.New(fault.Conflict, "server %s in backend %s runs with the address %s port %d, not %s: changed by others", want.Name, want.Backend, l.address, l.port, joinAddress(want.Member))
	}
	return nil
}

func sameAddress(a, b string) bool {
	x, err := netip.ParseAddr(a)
	y, err2 := netip.ParseAddr(b)
	return err == nil && err2 == nil && x.Unmap() == y.Unmap()
}

// ensureLive gives the member its runtime half: there, checked, and out of maintenance if it was just made.
func (b *Balancer) ensureLive(ctx context.Context, l *live, want *entry) (*live, error) {
	at := want.Backend + "/" + want.Name
	if l == nil {
		answer, err := b.order(ctx, fmt.Sprintf("add server %s %s %s", at, joinAddress(want.Member), b.render.options(want)))
		if err != nil {
			return nil, err
		}
		switch text := strings.TrimSpace(answer); {
		case strings.HasPrefix(text, "New server registered"):
		case strings.HasPrefix(text, "Already exists"):
			return nil, fault.New(fault.Ambiguous, "another server %s was added meanwhile", at)
		default:
			return nil, fault.New(fault.Conflict, "HAProxy does not take server %s: %s", at, text)
		}
		l = &live{backend: want.Backend, name: want.Name, id: want.id, admin: 1}
	}
	if l.checks&checksEnabled == 0 {
		if err := b.orderQuietly(ctx, "enable health "+at); err != nil {
			return nil, err
		}
	}
	if l.state() == loadbalancer.Maintenance {
		if err := b.drain(ctx, l); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// drain takes traffic away. A server that comes from maintenance is taken for up until a check says otherwise; it is told
// down in the same breath, so that only checks of now can bring it up.
func (b *Balancer) drain(ctx context.Context, l *live) error {
	at := l.backend + "/" + l.name
	orders := []string{"set server " + at + " state drain"}
	if l.state() == loadbalancer.Maintenance {
		orders = append(orders, "set server "+at+" health down")
	}
	if err := b.orderQuietly(ctx, orders...); err != nil {
		return err
	}
	l.admin = drainBits
	return nil
}

func (b *Balancer) orderQuietly(ctx context.Context, commands ...string) error {
	answer, err := b.order(ctx, commands...)
	if err != nil {
		return err
	}
	return quiet(answer)
}

// save writes the member's entry. disabled is asked for the flag, given the entry that is there (nil: none).
func (b *Balancer) save(ctx context.Context, want *entry, disabled func(old *entry) bool) error {
	return b.change(ctx, func(d *document) (bool, error) {
		if d.blocks[want.Backend] == nil {
			return false, fault.New(fault.Conflict, "%s has lost the marked block of backend %s", b.cfg.File, want.Backend)
		}
		old := d.find(want.Backend, want.Name)
		if err := conflict(old, want); err != nil {
			return false, err
		}
		e := *want
		e.disabled = disabled(old)
		return d.put(b.render, &e), nil
	})
}

// status reads a member back.
func (b *Balancer) status(ctx context.Context, backend, name string) (loadbalancer.Status, error) {
	v, err := b.look(ctx, backend)
	if err != nil {
		return loadbalancer.Status{}, err
	}
	return v.status(backend, name), nil
}

func cutLine(text string) (first, rest string, more bool) { return strings.Cut(text, "\n") }
