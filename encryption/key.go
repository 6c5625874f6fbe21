// Package encryption keeps what Temporal stores unreadable without the installation's keys: payloads, and the messages,
// stack traces and details of failures. It promises that a payload is either returned as it was encrypted or refused
// with the id of the key and how to mend it, and that no secret of a key is printed, logged or put in an error.
//
// Ids of workflows, search attributes, names of types and queues, and the types of errors stay clear: Temporal needs them.
package encryption

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// secretSize is of AES-256, in bytes.
const secretSize = 32

// maxID is the longest id of a key, in bytes. It stands in clear text beside every payload.
const maxID = 64

// Key is a named AES-256 key. Every way to print it shows the id only; [Key.Encode] is the exception.
type Key struct {
	ID     string `json:"id"`
	Secret []byte `json:"-"` // 32 bytes
}

// GenerateKey makes a key from the system's randomness.
func GenerateKey(id string) (Key, error) {
	k := Key{ID: id, Secret: make([]byte, secretSize)}
	_, _ = rand.Read(k.Secret) // never fails: it ends the program when the system has no randomness
	if err := k.check(); err != nil {
		return Key{}, fmt.Errorf("generating a key: %w", err)
	}
	return k, nil
}

// ParseKey reads what [Key.Encode] writes: the id, a colon, and 32 bytes in base64. Blanks and newlines around it do not
// matter. Errors do not repeat the text.
func ParseKey(text string) (Key, error) {
	id, encoded, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok {
		return Key{}, errors.New("parsing a key: expected an id, a colon, and 32 bytes in base64")
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Key{}, errors.New("parsing a key: what follows the colon is not base64")
	}
	k := Key{ID: id, Secret: secret}
	if err := k.check(); err != nil {
		return Key{}, fmt.Errorf("parsing a key: %w", err)
	}
	return k, nil
}

// Encode returns the key in clear text, for a secret store and nothing else.
func (k Key) Encode() string { return k.ID + ":" + base64.StdEncoding.EncodeToString(k.Secret) }

// String returns the id without the secret.
func (k Key) String() string { return "key " + k.ID + " (secret not shown)" }

// Format prints String for every verb, since %d and %#v would otherwise show the bytes.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue is String for slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

func (k Key) check() error {
	if k.ID == "" || len(k.ID) > maxID || strings.Trim(k.ID, idCharacters) != "" {
		return fmt.Errorf("a key's id has 1 to %d letters, digits, dots, dashes and underscores", maxID)
	}
	if len(k.Secret) != secretSize {
		return fmt.Errorf("the secret of the key %q has %d bytes instead of %d", k.ID, len(k.Secret), secretSize)
	}
	if strings.Trim(string(k.Secret), "\x00") == "" {
		return fmt.Errorf("the secret of the key %q is all zeros: generate one", k.ID)
	}
	return nil
}

const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
