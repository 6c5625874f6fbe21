package encryption

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
)

// Keyring has one active key, which encrypts, and older ones, which only decrypt. It never changes and is safe for
// concurrent use.
//
// To rotate: give every process the new key as an older one, then make it the active one everywhere and keep the former
// as older until Temporal's retention has passed. Rotate before 2^32 payloads, where random nonces of AES-GCM end.
type Keyring struct {
	active string
	keys   map[string]cipher.AEAD
}

// NewKeyring makes a keyring. Two keys of one id are an error.
func NewKeyring(active Key, older ...Key) (*Keyring, error) {
	r := &Keyring{active: active.ID, keys: map[string]cipher.AEAD{}}
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
		r.keys[k.ID] = aead
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

// Codec encrypts payloads, metadata included.
func (r *Keyring) Codec() converter.PayloadCodec { return codec{r} }

// DataConverter is the SDK's default with the codec on top. All clients and workers of a namespace need it.
func (r *Keyring) DataConverter() converter.DataConverter {
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), r.Codec())
}

// FailureConverter encrypts the messages and stack traces of failures, which would stay clear otherwise.
func (r *Keyring) FailureConverter() converter.FailureConverter {
	return temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter:          r.DataConverter(),
		EncodeCommonAttributes: true,
	})
}

// ids names the keys there are, for an error.
func (r *Keyring) ids() string { return strings.Join(slices.Sorted(maps.Keys(r.keys)), ", ") }
