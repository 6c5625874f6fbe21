package encryption

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.temporal.io/sdk/converter"
)

// Keyring has one active key, which encrypts, and older ones, which only decrypt. It never changes and is safe for
// concurrent use.
//
// To rotate: give every process the new key as an older one, then make it the active one everywhere and keep the former
// as older until Temporal's retention has passed. Rotate before 2^32 payloads, where random nonces of AES-GCM end.
type Keyring struct {
	active string
	keys   map[string]opener
}

// opener is one key, ready for use.
type opener struct {
	aead  cipher.AEAD
	bound bool
}

// NewKeyring makes a keyring. Two keys of one id are an error.
func NewKeyring(active Key, older ...Key) (*Keyring, error) {
	r := &Keyring{active: active.ID, keys: map[string]opener{}}
	for _, k := range append([]Key{active}, older...) {
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("making the keyring: %w", err)
		}
		if _, ok := r.keys[k.ID]; ok {
			return nil, fmt.Errorf("making the keyring: there are two keys with the id %q", k.ID)
		}
		aead, err := newAEAD(k.Secret)
		if err != nil {
			return nil, fmt.Errorf("making the keyring: key %q: %w", k.ID, err)
		}
		r.keys[k.ID] = opener{aead: aead, bound: k.Bound}
	}
	return r, nil
}

func newAEAD(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block) // a 96-bit nonce stands before the ciphertext
}

// Codec encrypts payloads, metadata included. It takes the SDK's serialisation context.
func (r *Keyring) Codec() converter.PayloadCodec { return codec{keys: r} }

// DataConverter is the SDK's default with the codec on top. All clients and workers of a namespace need it.
func (r *Keyring) DataConverter() converter.DataConverter { return codec{keys: r}.dataConverter() }

// FailureConverter encrypts the messages and stack traces of failures, which would stay clear otherwise.
func (r *Keyring) FailureConverter() converter.FailureConverter { return codec{keys: r}.failures() }

// ids names the keys there are, for an error.
func (r *Keyring) ids() string { return strings.Join(slices.Sorted(maps.Keys(r.keys)), ", ") }
