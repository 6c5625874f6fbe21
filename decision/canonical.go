package decision

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/gowebpki/jcs"
)

const hashPrefix = "sha256:"

// Canonical returns the bytes that are signed: RFC 8785 JSON with times in UTC and whole seconds. It refuses an envelope
// that [Parse] would not read back.
func (e Envelope) Canonical() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	e.Issued = e.Issued.UTC().Truncate(time.Second)
	e.Expires = e.Expires.UTC().Truncate(time.Second)
	b, err := canonical(e)
	if err != nil {
		return nil, err
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%d bytes are more than the %d allowed: shorten the reason", len(b), MaxSize)
	}
	return b, nil
}

// ID is the identity of a decision, for dropping copies: the hexadecimal SHA-256 of the canonical bytes. It is empty for
// an envelope that cannot be signed.
func (e Envelope) ID() string {
	b, err := e.Canonical()
	if err != nil {
		return ""
	}
	return identify(b)
}

func identify(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// Hash returns "sha256:<hex>" of v's canonical JSON. It is what a person signs of a plan or a spec, and the same in every
// process. It refuses integers beyond 2^53, which RFC 8785 would round: two different plans must not share a hash.
func Hash(v any) (string, error) {
	b, err := canonical(v)
	if err != nil {
		return "", fmt.Errorf("hashing %T: %w", v, err)
	}
	return hashPrefix + identify(b), nil
}

// NewNonce returns 128 random bits in base64url, 22 characters.
func NewNonce() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: it ends the program when the system has no randomness
	return base64.RawURLEncoding.EncodeToString(b)
}

func isHash(s string) bool {
	digits, ok := strings.CutPrefix(s, hashPrefix)
	if !ok || len(digits) != 2*sha256.Size || strings.ToLower(digits) != digits {
		return false
	}
	_, err := hex.DecodeString(digits)
	return err == nil
}

func canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if err := checkNumbers(b); err != nil {
		return nil, err
	}
	return jcs.Transform(b)
}

// checkNumbers refuses integers that a double cannot hold exactly.
func checkNumbers(b []byte) error {
	limit := new(big.Int).Lsh(big.NewInt(1), 53)
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n, ok := t.(json.Number)
		if !ok {
			continue
		}
		if i, ok := new(big.Int).SetString(n.String(), 10); ok && i.CmpAbs(limit) > 0 {
			return fmt.Errorf("the number %s is beyond 2^53 and would lose digits: write it as a string", n)
		}
	}
}
