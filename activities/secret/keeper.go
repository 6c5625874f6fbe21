package secret

import (
	"bytes"
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"fermata/activities/fault"
)

// Keeper is a provider that Fermata may write to.
type Keeper interface {
	Versioned
	// Keep writes value as the newest version of the secret, marked with key, by compare-and-set: only if after is still the
	// newest version, as ReadVersion tells it ("": it finds none). A version that key wrote before is adopted while it is the
	// newest: it is returned, and value is forgotten. Ambiguous: the answer was lost; the same key again tells. Conflict:
	// the newest version is neither after nor key's. Invalid: the provider may not write that name.
	Keep(ctx context.Context, name, key, after string, value Value) (kept Value, version string, err error)
	// Discard removes the version that key wrote; what was current before is current again, under its version or a new one. None is
	// no error. Conflict where the provider cannot remove it alone because a newer one is there.
	Discard(ctx context.Context, name, key string) error
}

// The longest key and the longest value of a version, in bytes.
const (
	maxKey   = 512
	maxValue = 256 << 10
)

// CheckKey refuses what is no operation's key, for a Keeper: a version marked with nothing would be everybody's. Faults:
// Invalid.
func CheckKey(key string) error {
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return fault.New(fault.Invalid, "a version is marked with the key of an operation: expected one line of up to %d bytes, found %.60q", maxKey, key)
	}
	return nil
}

// CheckText refuses a value that a Keeper could not give back byte by byte. Faults: Invalid.
func CheckText(value Value) error {
	switch b := value.Reveal(); {
	case len(b) == 0:
		return fault.New(fault.Invalid, "an empty secret is none")
	case len(b) > maxValue:
		return fault.New(fault.Invalid, "the secret is longer than %d bytes", maxValue)
	case !utf8.Valid(b) || bytes.ContainsRune(b, 0):
		return fault.New(fault.Invalid, "the secret is no text: encode it, in base64 for example")
	}
	return nil
}

// Store is a Pinner that can also keep new versions.
type Store interface {
	Pinner
	// CanKeep says why nothing can be kept under the reference: Invalid for one that names a version, or whose provider cannot be
	// written to. That the place itself may be written shows only in writing.
	CanKeep(ref Ref) error
	// Keep writes value as the newest version of the secret behind ref, as the provider's Keeper does. Faults: Invalid for a
	// reference that names a version, or whose provider cannot be written to; else those of the Keeper.
	Keep(ctx context.Context, ref Ref, key, after string, value Value) (kept Value, version string, err error)
	// Discard removes the version that key wrote. None is no error.
	Discard(ctx context.Context, ref Ref, key string) error
}

// CanKeep says why nothing can be kept under the reference.
func (p Providers) CanKeep(ref Ref) error {
	_, _, err := p.keeper(ref)
	return err
}

// Keep writes value as the newest version of the secret behind ref.
func (p Providers) Keep(ctx context.Context, ref Ref, key, after string, value Value) (kept Value, version string, err error) {
	keeper, name, err := p.keeper(ref)
	if err != nil {
		return Value{}, "", err
	}
	kept, version, err = keeper.Keep(ctx, name, key, after, value)
	if err != nil {
		return Value{}, "", fault.Wrap(fault.KindOf(err), err, "keeping "+string(ref))
	}
	return kept, version, nil
}

// Discard removes the version that key wrote.
func (p Providers) Discard(ctx context.Context, ref Ref, key string) error {
	keeper, name, err := p.keeper(ref)
	if err != nil {
		return err
	}
	if err := keeper.Discard(ctx, name, key); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "discarding "+string(ref))
	}
	return nil
}

func (p Providers) keeper(ref Ref) (Keeper, string, error) {
	provider, name, version, err := ref.split()
	if err != nil {
		return nil, "", fault.New(fault.Invalid, "keeping a secret: %w", err)
	}
	if version != "" {
		return nil, "", fault.New(fault.Invalid, "keeping %s: a new version cannot be named in the reference, leave @%s out", ref, version)
	}
	keeper, ok := p[provider].(Keeper)
	if !ok {
		return nil, "", fault.New(fault.Invalid, "keeping %s: provider %q is not there or cannot be written to: use a Vault, or an age file with writable: true", ref, provider)
	}
	return keeper, name, nil
}
