package vaultsecret

import (
	"encoding/json"
	"slices"

	"fermata/activities/fault"
)

// markField stands beside the values in the data of a version, and says which operation wrote it.
//
// The custom metadata would not do: they are the secret's and not the version's, and they are written by another request,
// outside of the check-and-set, whose answer can be lost by itself. The mark comes and goes with the value.
const markField = "fermata_key"

// mark is the text of that field, in JSON, because some who read whole secrets take only texts for fields.
type mark struct {
	Key   string `json:"key,omitempty"` // Empty: Fermata put back what another had written.
	Field string `json:"field,omitempty"`
	// Version that the mark was written into. Who changes a secret by hand often copies all of its fields: in another version the
	// mark does not count.
	Version int   `json:"version"`
	After   int   `json:"after,omitempty"`  // The version that is put back when this one is discarded; 0: none.
	Copies  []int `json:"copies,omitempty"` // Earlier versions with the same content.
	Undid   *undo `json:"undid,omitempty"`  // What was discarded by writing this version.
}

// undo is a version that was discarded, with its copies. They are destroyed after the earlier content was put back; an attempt
// that got no further finds them here.
type undo struct {
	Key      string `json:"key"`
	Field    string `json:"field"`
	Versions []int  `json:"versions"`
}

// mark returns the version's mark; the zero one where it has none that counts.
func (v versionData) mark() mark {
	var text string
	var m mark
	if json.Unmarshal(v.Data[markField], &text) != nil || json.Unmarshal([]byte(text), &m) != nil || m.Version != v.Metadata.Version {
		return mark{}
	}
	return m
}

// isOf reports whether the operation wrote the field in the marked version.
func (m mark) isOf(key, field string) bool { return m.Key == key && m.Field == field }

// undid reports whether the marked version was written to discard the operation's.
func (m mark) undid(key, field string) bool {
	return m.Undid != nil && m.Undid.Key == key && m.Undid.Field == field
}

// versions are those that go when the marked one is discarded.
func (m mark) versions() []int { return append(slices.Clone(m.Copies), m.Version) }

// putBack is the mark of the version that gives earlier, which was discarded's last, its place again. Who kept the earlier one
// finds it still, and can discard it.
func putBack(earlier versionData, discarded mark) mark {
	m := earlier.mark()
	if m.Key != "" {
		m.Copies = append(m.Copies, earlier.Metadata.Version)
	} else {
		m = mark{}
	}
	m.Version = discarded.Version + 1
	m.Undid = &undo{Key: discarded.Key, Field: discarded.Field, Versions: discarded.versions()}
	return m
}

// with returns the version's fields with the mark, and with what set names.
func (v versionData) with(m mark, set map[string]string) (map[string]json.RawMessage, error) {
	inner, err := json.Marshal(m)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "marking the version")
	}
	fields := map[string]json.RawMessage{}
	for name, raw := range v.Data {
		fields[name] = raw
	}
	texts := map[string]string{markField: string(inner)}
	for name, value := range set {
		texts[name] = value
	}
	for name, value := range texts {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fault.New(fault.Invalid, "field %q is no text", name)
		}
		fields[name] = raw
	}
	return fields, nil
}
