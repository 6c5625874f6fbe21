package secret

import "context"

// Keeper is a provider that Fermata may write to.
type Keeper interface {
	Versioned
	// Keep writes value as the newest version of the secret, marked with key, by compare-and-set: only if after is still the
	// newest version ("": there is none). A version that key wrote before is adopted: it is returned, and value is forgotten.
	// Conflict: the newest version is neither after nor key's. Invalid: the provider may not write that name.
	Keep(ctx context.Context, name, key, after string, value Value) (kept Value, version string, err error)
	// Discard removes the version that key wrote. None is no error. Conflict where the provider cannot remove it alone because a
	// newer one is there.
	Discard(ctx context.Context, name, key string) error
}
