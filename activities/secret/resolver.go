package secret

import (
	"context"
	"slices"
	"strings"

	"fermata/activities/fault"
)

// Providers resolves references by the provider's name.
type Providers map[string]Provider

// Resolve returns the secret behind ref.
func (p Providers) Resolve(ctx context.Context, ref Ref) (Value, error) {
	provider, name, err := ref.Parse()
	if err != nil {
		return Value{}, fault.New(fault.Invalid, "resolving a secret: %w", err)
	}
	source, ok := p[provider]
	if !ok {
		return Value{}, fault.New(fault.Invalid, "resolving %s: no secret provider %q is configured (there are: %s)",
			ref, provider, strings.Join(p.names(), ", "))
	}
	value, err := source.Read(ctx, name)
	if err != nil {
		return Value{}, fault.Wrap(fault.KindOf(err), err, "resolving "+string(ref))
	}
	return value, nil
}

func (p Providers) names() []string {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
