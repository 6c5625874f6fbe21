package secret

import (
	"context"
	"slices"
	"strings"

	"fermata/activities/fault"
)

// Providers resolves references by the provider's name.
type Providers map[string]Provider

// Resolve returns the secret behind ref, in the version that it names.
func (p Providers) Resolve(ctx context.Context, ref Ref) (Value, error) {
	value, _, err := p.read(ctx, ref)
	return value, err
}

// Pin returns the version that ref stands for now; empty: its provider has none. It reads the secret to know that it can
// be read.
func (p Providers) Pin(ctx context.Context, ref Ref) (version string, err error) {
	_, version, err = p.read(ctx, ref)
	return version, err
}

func (p Providers) read(ctx context.Context, ref Ref) (Value, string, error) {
	provider, name, version, err := ref.split()
	if err != nil {
		return Value{}, "", fault.New(fault.Invalid, "resolving a secret: %w", err)
	}
	source, ok := p[provider]
	if !ok {
		return Value{}, "", fault.New(fault.Invalid, "resolving %s: no secret provider %q is configured (there are: %s)",
			ref, provider, strings.Join(p.names(), ", "))
	}
	value, read, err := readFrom(ctx, source, name, version)
	if err != nil {
		return Value{}, "", fault.Wrap(fault.KindOf(err), err, "resolving "+string(ref))
	}
	return value, read, nil
}

func readFrom(ctx context.Context, source Provider, name, version string) (Value, string, error) {
	if versioned, ok := source.(Versioned); ok {
		value, read, err := versioned.ReadVersion(ctx, name, version)
		if err == nil && read != "" && (!versionPattern.MatchString(read) || strings.Contains(read, "..")) {
			return Value{}, "", fault.New(fault.Invalid, "the provider calls the version %.80q: expected up to 64 letters, digits, dots, dashes and underscores", read)
		}
		return value, read, err
	}
	if _, field := CutField(name); field != "" || version != "" {
		return Value{}, "", fault.New(fault.Invalid, "this provider has neither fields nor versions: leave #field and @version out")
	}
	value, err := source.Read(ctx, name)
	return value, "", err
}

func (p Providers) names() []string {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
