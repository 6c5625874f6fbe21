package haproxy

import (
	"cmp"
	"context"
	"slices"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// view is runtime and file, read one after the other.
type view struct {
	servers  []*live
	document *document
}

func (b *Balancer) look(ctx context.Context, backend string) (view, error) {
	servers, err := b.runtime(ctx, backend)
	if err != nil {
		return view{}, err
	}
	d, _, err := b.document(ctx)
	if err != nil {
		return view{}, err
	}
	return view{servers, d}, nil
}

func (v view) live(backend, name string) *live {
	for _, s := range v.servers {
		if s.backend == backend && s.name == name {
			return s
		}
	}
	return nil
}

// status compares the two halves of a server.
func (v view) status(backend, name string) loadbalancer.Status {
	l, saved := v.live(backend, name), v.document.find(backend, name)
	s := loadbalancer.Status{Runtime: l.state(), Saved: saved.state(), Healthy: l.healthy()}
	switch {
	case saved != nil:
		s.Member, s.Key, s.Owner = saved.Member, saved.key, saved.owner
	case v.document.foreign[backend][name] != nil:
		foreign := v.document.foreign[backend][name]
		s.Member, s.Saved = foreign.Member, foreign.state()
	case l != nil:
		s.Member = loadbalancer.Member{Backend: backend, Name: name, Address: l.address, Port: l.port, Weight: l.weight}
	}
	if l != nil {
		s.Check, s.Sessions = l.check, l.sessions
	}
	return s
}

// Check proves that the socket has the level admin, that the file has a marked block, that HAProxy accepts it, and that it
// could be replaced. It leaves everything as it was.
func (b *Balancer) Check(ctx context.Context) error {
	level, err := b.ask(ctx, "show cli level")
	if err != nil {
		return err
	}
	if first, _, _ := cutLine(level); first != "admin" {
		return fault.New(fault.Unauthorized, "HAProxy's socket %s gives level %q: it needs \"level admin\"", b.cfg.Socket, first)
	}
	d, data, err := b.document(ctx)
	if err != nil {
		return err
	}
	if len(d.blocks) == 0 {
		return fault.New(fault.Invalid, "%s has no marked block: add the lines %q and %q to each backend that may be managed",
			b.cfg.File, Begin, End)
	}
	_, err = b.replace(ctx, data, data, "try")
	if err == errMoved { //nolint:errorlint // Somebody writes it right now, so it can be written.
		return nil
	}
	return err
}

// Find returns what the runtime, the file, or both know.
func (b *Balancer) Find(ctx context.Context, backend, name string, owner operation.Owner) ([]loadbalancer.Status, error) {
	for what, text := range map[string]string{"backend": backend, "server": name} {
		if text == "" {
			continue
		}
		if err := validName(what, text); err != nil {
			return nil, err
		}
	}
	v, err := b.look(ctx, backend)
	if err != nil {
		return nil, err
	}
	var found []loadbalancer.Status
	for at := range v.places(backend) {
		s := v.status(at.backend, at.name)
		if name != "" && at.name == name || name == "" && owner != "" && s.Owner == owner {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b loadbalancer.Status) int {
		return cmp.Or(cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Name, b.Name))
	})
	return found, nil
}

type place struct{ backend, name string }

// places are the servers that either half knows, of one backend or of all.
func (v view) places(backend string) map[place]bool {
	all := map[place]bool{}
	for _, s := range v.servers {
		all[place{s.backend, s.name}] = true
	}
	for name, b := range v.document.blocks {
		for _, e := range b.entries {
			all[place{name, e.Name}] = true
		}
	}
	for name, servers := range v.document.foreign {
		for server := range servers {
			all[place{name, server}] = true
		}
	}
	for at := range all {
		if backend != "" && at.backend != backend {
			delete(all, at)
		}
	}
	return all
}
