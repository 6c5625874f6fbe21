package vaultsecret

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"fermata/activities/fault"
)

// Discard destroys the version that key wrote, where it is the newest.
//
// Vault goes back to no earlier version by itself: once the newest is destroyed, reading the secret finds nothing. So what was
// current before is written again first, as a version of its own, and there is no moment without one.
func (p *Provider) Discard(ctx context.Context, name, key string) error {
	doing := fmt.Sprintf("discarding secret %q", name)
	at, err := p.begin(ctx, doing, name, key, nil)
	if err != nil {
		return err
	}
	err = p.discard(ctx, at, key)
	if fault.Is(err, fault.Conflict) { // Another attempt of the same operation may have been faster.
		err = p.discard(ctx, at, key)
	}
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, doing)
	}
	return nil
}

// discard looks for the operation's version from the newest on: the numbers are without gaps, and Vault forgets the oldest.
func (p *Provider) discard(ctx context.Context, at place, key string) error {
	newest, number, err := p.newest(ctx, at)
	if err != nil {
		return err
	}
	for v, n := newest, number; n > 0; {
		switch m := v.mark(); {
		case m.undid(key, at.field):
			return p.destroy(ctx, at, m.Undid.Versions)
		case m.isOf(key, at.field) && n < number:
			return fault.New(fault.Conflict, "version %d is the operation's, and version %d of another's stands after it: version %d is left as it is", n, number, n)
		case m.isOf(key, at.field):
			return p.replace(ctx, at, m)
		}
		if n--; n == 0 {
			break
		}
		gone := absence{}
		v, err = p.data(ctx, at, strconv.Itoa(n), &gone)
		switch {
		case fault.Is(err, fault.NotFound) && gone.newest == 0:
			return nil // Forgotten, as all before it.
		case fault.Is(err, fault.NotFound):
			v = versionData{}
		case err != nil:
			return err
		}
	}
	return nil
}

// replace puts back what was current before the marked version, which is the newest, and destroys that.
func (p *Provider) replace(ctx context.Context, at place, m mark) error {
	if m.After > 0 {
		earlier, err := p.data(ctx, at, strconv.Itoa(m.After), &absence{})
		switch {
		case fault.Is(err, fault.NotFound): // Deleted meanwhile: nothing is to count.
		case err != nil:
			return err
		default:
			fields, err := earlier.with(putBack(earlier, m), nil)
			if err != nil {
				return err
			}
			if err := p.write(ctx, at, m.Version, fields); err != nil {
				return err
			}
		}
	}
	return p.destroy(ctx, at, m.versions())
}

// destroy removes versions for good. It is no error if they are destroyed already.
func (p *Provider) destroy(ctx context.Context, at place, versions []int) error {
	return p.ask(ctx, call{
		method: http.MethodPost, path: at.mount + "/destroy/" + at.path, body: map[string][]int{"versions": versions},
		change: true, needs: at.policy("destroy", true), doing: "destroying what was kept",
	}, nil)
}
