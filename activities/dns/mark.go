package dns

import (
	"strings"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// Mark says whose a record is. Servers keep it in a comment or a TXT record, as text that people can read.
type Mark struct {
	Key   string
	Owner operation.Owner
	Value string // The value that was published: what others added to the record set is not ours.
}

// MarkOf is the mark of a record that op publishes.
func MarkOf(op operation.Op, r Record) Mark {
	return Mark{Key: op.Key.String(), Owner: op.Owner, Value: r.Value}
}

// Against compares the mark that would be written with the one that is there. Conflict: the record is another's, or was published
// with another value.
func (m Mark) Against(there Mark, r Record) error {
	switch {
	case there.Key != m.Key:
		return fault.New(fault.Conflict, "%s of %s exists already: it belongs to %s (key %s)", r.Type, r.Name, there.Owner, there.Key)
	case there != m:
		return fault.New(fault.Conflict, "%s of %s was published with the value %s", r.Type, r.Name, there.Value)
	}
	return nil
}

// Fields are the mark's words: "owner=server/web-01", "key=…", "value=…". None is longer than 255 bytes, the most that one
// string of a TXT record holds (RFC 1035, section 3.3.14).
func (m Mark) Fields() []string {
	return []string{"owner=" + string(m.Owner), "key=" + m.Key, "value=" + m.Value}
}

// String is the mark on one line.
func (m Mark) String() string { return strings.Join(m.Fields(), " ") }

// ParseMark reads the words of a mark; ok tells whether they are one.
func ParseMark(words []string) (m Mark, ok bool) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "owner":
			m.Owner = operation.Owner(value)
		case "key":
			m.Key = value
		case "value":
			m.Value = value
		}
	}
	return m, m.Owner != "" && m.Key != "" && m.Value != ""
}
