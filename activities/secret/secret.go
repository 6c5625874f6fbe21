// Package secret resolves references to secrets.
//
// A spec or a configuration carries only references, secret://provider/name#field@version. An activity resolves one at the moment
// of use; the value is never returned from an activity, logged, or put in an error.
package secret

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// Scheme begins every reference.
const Scheme = "secret://"

// Ref is a reference to a secret: "secret://file/rt-token". It is safe to show.
//
// Where a provider has them, a field follows behind a hash sign and a version behind an at sign:
// "secret://vault/kv/web-01/db#password@3". Without a version, the current one is meant.
type Ref string

var (
	refPattern = regexp.MustCompile(`^secret://([a-z][a-z0-9-]*)/([A-Za-z0-9][A-Za-z0-9._/-]*(?:#[A-Za-z0-9][A-Za-z0-9._-]*)?)(?:@([A-Za-z0-9][A-Za-z0-9._-]{0,63}))?$`)
	// versionPattern is what may stand behind the at sign.
	versionPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// Parse checks the form of a reference and returns its provider and name. A field belongs to the name: "kv/db#password".
func (r Ref) Parse() (provider, name string, err error) {
	provider, name, _, err = r.split()
	return provider, name, err
}

// Version returns the version that the reference names; empty: the current one, or a malformed reference.
func (r Ref) Version() string {
	_, _, version, _ := r.split()
	return version
}

// At returns the reference to that version. The empty version leaves it as it is: its provider has none.
func (r Ref) At(version string) Ref {
	if version == "" || r.Version() == version {
		return r
	}
	return r + "@" + Ref(version)
}

func (r Ref) split() (provider, name, version string, err error) {
	m := refPattern.FindStringSubmatch(string(r))
	if m == nil || strings.Contains(string(r), "..") {
		return "", "", "", fmt.Errorf("%q is no secret reference: expected secret://provider/name, with #field and @version where the provider has them", string(r))
	}
	return m[1], m[2], m[3], nil
}

// CutField returns a name's part before the hash sign, and the field behind it; empty: there is none.
func CutField(name string) (path, field string) {
	path, field, _ = strings.Cut(name, "#")
	return path, field
}

// IsRef reports whether text begins like a reference.
func IsRef(text string) bool { return strings.HasPrefix(text, Scheme) }

// Value is a resolved secret. It prints as asterisks whatever the verb; Reveal gives the bytes to the one who needs
// them.
//
// The bytes stand behind a function, because fmt calls no method on a Value in another struct's private field: it
// would print the bytes of a slice there, and prints no more than an address of this.
type Value struct{ reveal func() []byte }

// NewValue takes the bytes of a secret.
func NewValue(b []byte) Value { return Value{reveal: func() []byte { return b }} }

// Reveal returns the secret itself, nil for the zero Value. Pass it on at once; do not keep it.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return v.reveal()
}

// Text returns the secret without the newline that files end with.
func (v Value) Text() string { return strings.TrimRight(string(v.Reveal()), "\r\n") }

// String hides the secret.
func (Value) String() string { return "******" }

// GoString hides the secret.
func (Value) GoString() string { return "******" }

// Format hides the secret whatever the verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("******")) }

// MarshalJSON hides the secret.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"******"`), nil }

// Provider holds secrets under names.
//
// Read returns a fault of kind NotFound where the name does not exist, Unauthorized where access is refused, and
// Unavailable where the provider cannot be reached. An error never holds the value.
type Provider interface {
	Read(ctx context.Context, name string) (Value, error)
}

// Versioned is a Provider that keeps a secret's older versions, and knows fields. The name of one may end in "#field".
type Versioned interface {
	Provider
	// ReadVersion returns the secret as it was in that version, and the version; "" asks for the current one. A version
	// that does not exist, or no longer, is NotFound; one of another form than the provider's Invalid. Other faults are
	// those of Read.
	ReadVersion(ctx context.Context, name, version string) (value Value, read string, err error)
}

// Resolver turns a reference to its value.
type Resolver interface {
	// Resolve returns the secret behind ref. Faults: Invalid for a malformed reference or an unknown provider, else
	// those of the provider.
	Resolve(ctx context.Context, ref Ref) (Value, error)
}
