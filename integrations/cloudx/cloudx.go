// Package cloudx is what the drivers of clouds share: whose an object is, which of two that carry the same mark stays, names
// that are resolved to ids, the console's host keys, and a firewall over security groups.
package cloudx

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"fermata/activities/fault"
)

// Until looks again and again, poll apart, until done says so. The context bounds it: Unavailable.
func Until(ctx context.Context, poll time.Duration, doing string, done func() (bool, error)) error {
	for {
		if good, err := done(); good || err != nil {
			return err
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), doing)
		}
	}
}

// Unless turns a fault of that kind to none: what is to be removed and is gone.
func Unless(kind fault.Kind, err error) error {
	if fault.Is(err, kind) {
		return nil
	}
	return err
}

// Find returns the first that fits; nil: none.
func Find[T any](list []T, fits func(T) bool) *T {
	for i := range list {
		if fits(list[i]) {
			return &list[i]
		}
	}
	return nil
}

// Access says from where workers reach instances by SSH: a rule in each security group that is made.
type Access struct {
	From []string `yaml:"from,omitempty"` // CIDRs of workers or jump hosts; empty: no rule is made.
	Port int      `yaml:"port,omitempty"` // 22 if absent.
}

// Check reports what is wrong.
func (a Access) Check() error {
	for _, text := range a.From {
		if _, err := netip.ParsePrefix(text); err != nil {
			return fmt.Errorf("access.from: expected CIDRs such as 10.99.0.0/24, found %q", text)
		}
	}
	if a.Port < 1 || a.Port > 65535 {
		return fmt.Errorf("access.port: expected 1 to 65535, found %d", a.Port)
	}
	return nil
}

// Prefixes are the networks, without host bits. Access was checked.
func (a Access) Prefixes() (list []netip.Prefix) {
	for _, text := range a.From {
		list = append(list, netip.MustParsePrefix(text).Masked())
	}
	return list
}

// TimedOut tells whether an error is a deadline's, so that a text can say what to do about it.
func TimedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
