package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/gowebpki/jcs"

	"fermata/activities/fault"
)

// maxInteger is the largest integer that RFC 8785 keeps exactly: numbers in it are IEEE 754 doubles.
var maxInteger = new(big.Float).SetInt64(1 << 53)

// Canonical returns the canonical JSON (RFC 8785) of a record, the form that stores keep and compare.
// Faults: Invalid for a record of another version, without a run, or with a number that the canonical form would change.
func Canonical(r Record) (json.RawMessage, error) {
	if r.Version != Version {
		return nil, fault.New(fault.Invalid, "writing the record of run %q: version %d: this program writes version %d", r.Run, r.Version, Version)
	}
	if r.Run == "" {
		return nil, fault.New(fault.Invalid, "writing a record: it names no run")
	}
	text, err := canonical(r)
	if err != nil {
		return nil, fault.New(fault.Invalid, "writing the record of run %q: %w", r.Run, err)
	}
	return text, nil
}

// Seal puts a record in its place in the chain, behind previous; the zero Entry stands before the first.
// Faults: as Canonical.
func Seal(previous Entry, r Record, now time.Time) (Entry, error) {
	text, err := Canonical(r)
	if err != nil {
		return Entry{}, err
	}
	entry := Entry{
		Sequence: previous.Sequence + 1,
		Previous: previous.Hash,
		Written:  now.UTC().Round(0), // Without the monotonic reading, which JSON drops.
		Record:   text,
	}
	if entry.Hash, err = entry.sum(); err != nil {
		return Entry{}, fault.New(fault.Invalid, "writing the record of run %q: %w", r.Run, err)
	}
	return entry, nil
}

// sum hashes what the entry says, without its own hash: "sha256:" and lower-case hexadecimal digits.
func (e Entry) sum() (string, error) {
	text, err := e.Covered()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// Covered is the text that the hash is of: what the entry says, without its own hash. Whoever has it needs nothing but a
// SHA-256 to check the hash.
func (e Entry) Covered() ([]byte, error) {
	return canonical(struct {
		Sequence int             `json:"sequence"`
		Previous string          `json:"previous"`
		Written  time.Time       `json:"written"`
		Record   json.RawMessage `json:"record"`
	}{e.Sequence, e.Previous, e.Written, e.Record})
}

// Bytes returns the one form in which an entry is written down: canonical JSON and a newline. A store that keeps files
// compares them with it, so that not even a space can be changed unseen.
func (e Entry) Bytes() ([]byte, error) {
	text, err := canonical(e)
	if err != nil {
		return nil, fmt.Errorf("writing entry %d: %w", e.Sequence, err)
	}
	return append(text, '\n'), nil
}

// CheckEntry tells whether an entry follows previous and says what its hash covers. Faults: Invalid, by sequence and
// reason.
func CheckEntry(previous, e Entry) error {
	sum, err := e.sum()
	switch {
	case e.Sequence != previous.Sequence+1:
		return broken(previous.Sequence+1, "entry %d stands in its place: an entry is missing, was added or was moved", e.Sequence)
	case err != nil:
		return broken(e.Sequence, "it cannot be read: %v", err)
	case sum != e.Hash:
		return broken(e.Sequence, "its content does not fit its hash: it was changed after it was written")
	case e.Previous != previous.Hash:
		return broken(e.Sequence, "it does not follow from entry %d: one of the two was replaced", previous.Sequence)
	}
	return nil
}

// CheckChain walks a whole chain, from the first entry. Faults: Invalid, naming the first entry that does not fit.
// It cannot see that entries are missing at the end: compare with a hash that was noted elsewhere.
func CheckChain(entries []Entry) error {
	var previous Entry
	for _, e := range entries {
		if err := CheckEntry(previous, e); err != nil {
			return err
		}
		previous = e
	}
	return nil
}

func broken(sequence int, format string, args ...any) error {
	return fault.New(fault.Invalid, "checking the chain of records: entry %d: "+format, append([]any{sequence}, args...)...)
}

func canonical(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if err := exact(text); err != nil {
		return nil, err
	}
	return jcs.Transform(text)
}

// exact refuses numbers whose digits the canonical form would change: two records that differ must not look the same.
func exact(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if token == nil && err != nil {
			return nil //nolint:nilerr // The end, or a fault that jcs reports.
		}
		number, ok := token.(json.Number)
		if !ok {
			continue
		}
		value, _, err := big.ParseFloat(number.String(), 10, 256, big.ToNearestEven)
		if err != nil || value.Abs(value).Cmp(maxInteger) > 0 {
			return fmt.Errorf("number %s is beyond 2^53, which JSON readers round: write it as text", number)
		}
	}
}
