package agesecret

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"filippo.io/age"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// keeper is a provider that may write to its file.
type keeper struct {
	provider
	recipients []age.Recipient
}

var _ secret.Keeper = keeper{}

var (
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)
	versionForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
)

// ReadVersion returns the secret in that version, a number. Fields there are none.
func (k keeper) ReadVersion(ctx context.Context, name, version string) (secret.Value, string, error) {
	doing := fmt.Sprintf("reading secret %q", name)
	if err := ctx.Err(); err != nil {
		return secret.Value{}, "", fmt.Errorf("%s: %w", doing, err)
	}
	err := checkName(name)
	if version != "" && !versionForm.MatchString(version) {
		err = fault.New(fault.Invalid, "versions are numbers, found %.40q", version)
	}
	var value, read string
	if err == nil {
		value, read, err = k.read(name, version)
	}
	if err != nil {
		return secret.Value{}, "", fault.Wrap(fault.KindOf(err), err, doing)
	}
	return secret.NewValue([]byte(value)), read, nil
}

// Keep writes the file anew, with value as the secret's newest version.
func (k keeper) Keep(ctx context.Context, name, key, after string, value secret.Value) (kept secret.Value, version string, err error) {
	doing := fmt.Sprintf("keeping secret %q", name)
	if err := begin(ctx, doing, name, key, secret.CheckText(value)); err != nil {
		return secret.Value{}, "", err
	}
	err = k.change(ctx, name, func(e entry) (entry, bool, error) {
		newest, there := e.newest()
		switch {
		case there && newest.Key == key:
		case e.current() != after:
			return e, false, fault.New(fault.Conflict, "the version to follow was %.20q, and the newest is %q", after, e.current())
		default:
			e = e.with(key, string(value.Reveal()))
			newest, _ = e.newest()
			kept, version = value, e.current()
			return e, true, nil
		}
		kept, version = secret.NewValue([]byte(newest.Value)), e.current()
		return e, false, nil
	})
	if err != nil {
		return secret.Value{}, "", fault.Wrap(fault.KindOf(err), err, doing)
	}
	return kept, version, nil
}

// Discard writes the file anew, without what key wrote. The version before it counts again.
func (k keeper) Discard(ctx context.Context, name, key string) error {
	doing := fmt.Sprintf("discarding secret %q", name)
	if err := begin(ctx, doing, name, key, nil); err != nil {
		return err
	}
	err := k.change(ctx, name, func(e entry) (entry, bool, error) {
		left, found := e.without(key)
		return left, found, nil
	})
	return fault.Wrap(fault.KindOf(err), err, doing)
}

// begin checks what a change is asked with.
func begin(ctx context.Context, doing, name, key string, valid error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err := checkName(name)
	if err == nil {
		err = secret.CheckKey(key)
	}
	if err == nil {
		err = valid
	}
	return fault.Wrap(fault.KindOf(err), err, doing)
}

func checkName(name string) error {
	if !nameForm.MatchString(name) || strings.Contains(name, "..") {
		return fault.New(fault.Invalid, "expected a name of letters, digits, dots, dashes and underscores, in parts between slashes; an age file has no fields")
	}
	return nil
}
