package haproxy

import (
	"context"
	"fmt"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// EnsureState brings the member of op.Owner into a state, at once and in the file. The file knows two states: a member
// that drains or is in maintenance is saved as disabled.
func (b *Balancer) EnsureState(ctx context.Context, op operation.Op, backend, name string, s loadbalancer.State, p operation.Progress) (loadbalancer.Status, error) {
	if err := validName("backend", backend); err != nil {
		return loadbalancer.Status{}, err
	}
	if err := validName("server", name); err != nil {
		return loadbalancer.Status{}, err
	}
	doing := fmt.Sprintf("bringing server %s of backend %s to %s", name, backend, s)
	work := b.stateWork(s)
	if work == nil {
		return loadbalancer.Status{}, fault.New(fault.Invalid, "%s: expected ready, drain or maint", doing)
	}
	p.Say(doing)
	err := b.converge(ctx, func() error {
		v, err := b.look(ctx, backend)
		if err != nil {
			return err
		}
		saved := v.document.find(backend, name)
		switch {
		case saved == nil:
			return fault.New(fault.NotFound, "%s has no member %s in backend %s", b.cfg.File, name, backend)
		case saved.owner != op.Owner:
			return fault.New(fault.Conflict, "server %s in backend %s belongs to %s", name, backend, saved.owner)
		}
		l := v.live(backend, name)
		if err := conflictLive(l, saved); err != nil {
			return err
		}
		if l, err = b.ensureLiveFor(ctx, s, l, saved); err != nil {
			return err
		}
		return work(ctx, l, saved, p)
	})
	if err != nil {
		return loadbalancer.Status{}, fault.Wrap(fault.KindOf(err), err, doing)
	}
	return b.status(ctx, backend, name)
}

// ensureLiveFor repairs a lost runtime half; a server in maintenance that is to stay there is left alone.
func (b *Balancer) ensureLiveFor(ctx context.Context, s loadbalancer.State, l *live, saved *entry) (*live, error) {
	if l != nil && s == loadbalancer.Maintenance {
		return l, nil
	}
	return b.ensureLive(ctx, l, saved)
}

type stateWork func(ctx context.Context, l *live, saved *entry, p operation.Progress) error

func (b *Balancer) stateWork(s loadbalancer.State) stateWork {
	switch s {
	case loadbalancer.Ready:
		return b.makeReady
	case loadbalancer.Drain:
		return b.makeDrained
	case loadbalancer.Maintenance:
		return b.makeMaintained
	case loadbalancer.Absent:
	}
	return nil
}

func (b *Balancer) makeReady(ctx context.Context, l *live, saved *entry, p operation.Progress) error {
	now, err := b.await(ctx, l, p, "the check succeeds", loadbalancer.Maintenance, func(now *live) bool { return now.healthy() })
	if err != nil {
		return err
	}
	if now.state() != loadbalancer.Ready {
		if err := b.orderQuietly(ctx, "set server "+l.backend+"/"+l.name+" state ready"); err != nil {
			return err
		}
	}
	if err := b.save(ctx, saved, func(*entry) bool { return false }); err != nil {
		return err
	}
	return b.still(ctx, l.backend, l.name, func(now *live) bool { return now.state() == loadbalancer.Ready })
}

func (b *Balancer) makeDrained(ctx context.Context, l *live, saved *entry, p operation.Progress) error {
	if l.state() != loadbalancer.Drain {
		if err := b.drain(ctx, l); err != nil {
			return err
		}
	}
	if err := b.save(ctx, saved, func(*entry) bool { return true }); err != nil {
		return err
	}
	_, err := b.await(ctx, l, p, "no session is left", loadbalancer.Ready, func(now *live) bool { return now.sessions == 0 })
	return err
}

func (b *Balancer) makeMaintained(ctx context.Context, l *live, saved *entry, _ operation.Progress) error {
	if l.state() != loadbalancer.Maintenance {
		if err := b.orderQuietly(ctx, "set server "+l.backend+"/"+l.name+" state maint"); err != nil {
			return err
		}
	}
	if err := b.save(ctx, saved, func(*entry) bool { return true }); err != nil {
		return err
	}
	return b.still(ctx, l.backend, l.name, func(now *live) bool { return now.state() == loadbalancer.Maintenance })
}

// still looks whether HAProxy holds what was changed. One that was restarted or reloaded meanwhile runs what its file said
// before.
func (b *Balancer) still(ctx context.Context, backend, name string, holds func(now *live) bool) error {
	servers, err := b.runtime(ctx, backend)
	if err != nil {
		return err
	}
	if now := (view{servers: servers}).live(backend, name); !holds(now) {
		return fault.New(fault.Ambiguous, "HAProxy began anew meanwhile: server %s in backend %s is %s now", name, backend, now.state())
	}
	return nil
}

// await looks at a server until it is as wanted. Unavailable: ctx ended first; the text has the check's last words.
// Ambiguous: the server is in the state lost, as after a restart of HAProxy, or gone.
func (b *Balancer) await(ctx context.Context, l *live, p operation.Progress, until string, lost loadbalancer.State, enough func(*live) bool) (*live, error) {
	said := ""
	for {
		servers, err := b.runtime(ctx, l.backend)
		if err != nil && ctx.Err() == nil {
			return nil, err
		}
		now := view{servers: servers}.live(l.backend, l.name)
		switch {
		case err == nil && now == nil:
			return nil, fault.New(fault.Ambiguous, "server %s has gone from backend %s meanwhile", l.name, l.backend)
		case err == nil && now.state() == lost:
			return nil, fault.New(fault.Ambiguous, "HAProxy began anew meanwhile: server %s in backend %s is %s now", l.name, l.backend, lost)
		case err == nil && enough(now):
			return now, nil
		case err == nil:
			text := fmt.Sprintf("waiting until %s: %s/%s is %q, %d sessions", until, l.backend, l.name, now.check, now.sessions)
			if text != said {
				p.Say(text)
				said = text
			}
		}
		if err := pause(ctx, b.cfg.Poll); err != nil {
			if said == "" {
				said = "waiting until " + until
			}
			return nil, fault.Wrap(fault.Unavailable, ctx.Err(), said)
		}
	}
}
