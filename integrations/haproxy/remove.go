package haproxy

import (
	"context"
	"fmt"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// RemoveMember drains and removes the member that carries op.Key, the runtime half first. A server of that name that
// carries another key stays.
func (b *Balancer) RemoveMember(ctx context.Context, op operation.Op, backend, name string, p operation.Progress) error {
	if err := validName("backend", backend); err != nil {
		return err
	}
	if err := validName("server", name); err != nil {
		return err
	}
	return b.remove(ctx, backend, name, op.Key.String(), p)
}

// RemoveOwned removes the members of op.Owner in all backends. A member is found by its entry in the file.
func (b *Balancer) RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) ([]loadbalancer.Status, error) {
	if op.Owner == "" {
		return nil, fault.New(fault.Invalid, "removing an owner's members: no owner is given")
	}
	v, err := b.look(ctx, "")
	if err != nil {
		return nil, err
	}
	var removed []loadbalancer.Status
	for _, e := range v.document.owned(op.Owner) {
		before := v.status(e.Backend, e.Name)
		if err := b.remove(ctx, e.Backend, e.Name, e.key, p); err != nil {
			return removed, err
		}
		removed = append(removed, before)
	}
	return removed, nil
}

func (b *Balancer) remove(ctx context.Context, backend, name, key string, p operation.Progress) error {
	doing := fmt.Sprintf("removing server %s from backend %s", name, backend)
	err := b.converge(ctx, func() error {
		v, err := b.look(ctx, "")
		if err != nil {
			return err
		}
		saved, l := v.document.find(backend, name), v.live(backend, name)
		if saved != nil && saved.key != key {
			saved = nil
		}
		if l != nil && l.id != serverID(key) {
			l = nil // Somebody else's, under our name.
		}
		if l == nil && saved == nil {
			return nil
		}
		p.Say(doing)
		if l != nil {
			if err := b.removeLive(ctx, l, saved, p); err != nil {
				return err
			}
		}
		if err := b.forget(ctx, saved); err != nil {
			return err
		}
		return b.still(ctx, backend, name, func(now *live) bool { return now == nil || now.id != serverID(key) })
	})
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, doing)
	}
	return nil
}

// removeLive drains, waits, and deletes. Meanwhile the entry says disabled, so that a reload brings no traffic back.
func (b *Balancer) removeLive(ctx context.Context, l *live, saved *entry, p operation.Progress) error {
	at := l.backend + "/" + l.name
	if l.state() == loadbalancer.Ready {
		if err := b.drain(ctx, l); err != nil {
			return err
		}
	}
	if saved != nil {
		if err := b.save(ctx, saved, func(*entry) bool { return true }); err != nil {
			return err
		}
	}
	if _, err := b.await(ctx, l, p, "no session is left", loadbalancer.Ready, func(now *live) bool { return now.sessions == 0 }); err != nil {
		return err
	}
	if l.state() != loadbalancer.Maintenance {
		if err := b.orderQuietly(ctx, "set server "+at+" state maint"); err != nil {
			return err
		}
	}
	for {
		answer, err := b.order(ctx, "del server "+at)
		if err != nil {
			return err
		}
		switch text := strings.TrimSpace(answer); {
		case strings.HasPrefix(text, "Server deleted"), strings.HasPrefix(text, "No such server"):
			return nil
		case !strings.Contains(text, "still has connections"):
			return fault.New(fault.Conflict, "HAProxy does not delete server %s: %s", at, text)
		}
		if err := pause(ctx, b.cfg.Poll); err != nil {
			return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting until no connection is left to "+at)
		}
	}
}

// forget takes the entry out of the file.
func (b *Balancer) forget(ctx context.Context, saved *entry) error {
	if saved == nil {
		return nil
	}
	return b.change(ctx, func(d *document) (bool, error) {
		now := d.find(saved.Backend, saved.Name)
		if now == nil || now.key != saved.key {
			return false, nil
		}
		d.drop(now)
		return true, nil
	})
}
