// Package encryption keeps what Temporal stores unreadable without the installation's keys: payloads, and the messages,
// stack traces and details of failures. It promises that a payload is either returned as it was encrypted or refused
// with the id of the key and how to mend it, and that no secret of a key is printed, logged or put in an error.
//
// A key made by [GenerateKey] binds: what it seals for one workflow is refused where another's is expected. Keys of the
// older form (an id, a colon, 32 bytes in base64) do not, and builds from before binding read no other.
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
	"time"
)

// secretSize is of AES-256, in bytes.
const secretSize = 32

// maxID is the longest id of a key, in bytes. It stands in clear text beside every payload.
const maxID = 64

// Key is a named AES-256 key. Every way to print it shows the id only; [Key.Encode] is the exception.
type Key struct {
	ID      string    `json:"id"`
	Secret  []byte    `json:"-"`       // 32 bytes
	Bound   bool      `json:"bound"`   // What it seals belongs to one workflow and is refused elsewhere.
	Created time.Time `json:"created"` // UTC, in seconds; zero: not known, as of keys of the older form.
}

// GenerateKey makes a key from the system's randomness. It binds.
func GenerateKey(id string) (Key, error) {
	k := Key{ID: id, Secret: make([]byte, secretSize), Bound: true, Created: time.Now().UTC().Truncate(time.Second)}
	_, _ = rand.Read(k.Secret) // never fails: it ends the program when the system has no randomness
	if err := k.check(); err != nil {
		return Key{}, fmt.Errorf("generating a key: %w", err)
	}
	return k, nil
}

// boundPrefix begins the text of a key that binds. No id of a key is followed by three colons, so no key of the older form
// is read as one of this; and builds that do not know it refuse it, rather than use the key otherwise.
const boundPrefix = "fermata-key-2:"

// createdForm has no colon.
const createdForm = "20060102T150405Z"

// ParseKey reads what [Key.Encode] writes. Blanks and newlines around it do not matter. Errors do not repeat the text.
func ParseKey(text string) (Key, error) {
	k, encoded, err := head(strings.TrimSpace(text))
	if err != nil {
		return Key{}, err
	}
	if k.Secret, err = base64.StdEncoding.Strict().DecodeString(encoded); err != nil {
		return Key{}, errors.New("parsing a key: what follows the colon is not base64")
	}
	if err := k.check(); err != nil {
		return Key{}, fmt.Errorf("parsing a key: %w", err)
	}
	return k, nil
}

// head reads what stands before the secret.
func head(text string) (k Key, encoded string, err error) {
	if rest, ok := strings.CutPrefix(text, boundPrefix); ok && strings.Count(rest, ":") == 2 {
		fields := strings.Split(rest, ":")
		created, err := time.Parse(createdForm, fields[1])
		if err != nil {
			return Key{}, "", errors.New("parsing a key: the time it was made at has the form " + createdForm)
		}
		return Key{ID: fields[0], Bound: true, Created: created}, fields[2], nil
	}
	id, encoded, ok := strings.Cut(text, ":")
	if !ok {
		return Key{}, "", errors.New("parsing a key: expected an id, a colon, and 32 bytes in base64")
	}
	return Key{ID: id}, encoded, nil
}

// Encode returns the key in clear text, for a secret store and nothing else: fermata-key-2, the id, when it was made, and
// 32 bytes in base64, with colons between them; or of a key that does not bind, the id and the 32 bytes.
func (k Key) Encode() string {
	secret := base64.StdEncoding.EncodeToString(k.Secret)
	if k.Bound {
		return boundPrefix + k.ID + ":" + k.Created.UTC().Format(createdForm) + ":" + secret
	}
	return k.ID + ":" + secret
}

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
