package secret

import (
	"context"
)

// Pinned is a reference with the version that a plan holds on to. The version is the provider's own word for it and never
// derived from the value: a hash of a short secret would give it away.
type Pinned struct {
	Ref     Ref    `json:"ref"`               // As the spec has it.
	Version string `json:"version,omitempty"` // Empty: the provider has no versions, the secret is read as it is then.
}

// Exact returns the reference that reads the pinned version.
func (p Pinned) Exact() Ref { return p.Ref.At(p.Version) }

// Pinner is a Resolver that tells versions.
type Pinner interface {
	Resolver
	// Pin returns the version that the reference stands for now; empty: its provider has none. Faults: those of Resolve.
	Pin(ctx context.Context, ref Ref) (version string, err error)
}

// PinAll pins every reference, each once, in the order of the list. Fields of one secret that name no version get the same
// one, also where it changes between two readings: a user name goes with its password.
func PinAll(ctx context.Context, p Pinner, refs []Ref) ([]Pinned, error) {
	var pinned []Pinned
	seen, versions := map[Ref]bool{}, map[string]string{}
	for _, ref := range refs {
		if seen[ref] {
			continue
		}
		seen[ref] = true
		provider, name, err := ref.Parse()
		path, _ := CutField(name)
		whole := provider + "/" + path
		ask := ref
		if err == nil && ref.Version() == "" {
			ask = ref.At(versions[whole])
		}
		version, err := p.Pin(ctx, ask)
		if err != nil {
			return nil, err
		}
		if ref.Version() == "" {
			versions[whole] = version
		}
		pinned = append(pinned, Pinned{Ref: ref, Version: version})
	}
	return pinned, nil
}
