package database

import (
	"strings"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// Mark says whose a database or role is. Servers keep it in a comment, as text that people can read, or in a table.
type Mark struct {
	Key   string
	Owner operation.Owner
}

// MarkOf is the mark of what op makes.
func MarkOf(op operation.Op) Mark { return Mark{Key: op.Key.String(), Owner: op.Owner} }

// Made reports whether it is a mark of Fermata's.
func (m Mark) Made() bool { return m.Key != "" && m.Owner != "" }

// String is the mark on one line: "fermata owner=instance/web-01 key=…".
func (m Mark) String() string { return "fermata owner=" + string(m.Owner) + " key=" + m.Key }

// ParseMark reads a mark; any other text is the zero Mark.
func ParseMark(text string) Mark {
	words := strings.Fields(text)
	if len(words) != 3 || words[0] != "fermata" {
		return Mark{}
	}
	owner, hasOwner := strings.CutPrefix(words[1], "owner=")
	key, hasKey := strings.CutPrefix(words[2], "key=")
	if !hasOwner || !hasKey || owner == "" || key == "" {
		return Mark{}
	}
	return Mark{Key: key, Owner: operation.Owner(owner)}
}

// Against compares the mark that would be written with the one that is there. what names the object. Conflict: it is another's,
// or was not made by Fermata.
func (m Mark) Against(there Mark, what string) error {
	switch {
	case !there.Made():
		return fault.New(fault.Conflict, "%s exists already and was not made by Fermata", what)
	case there != m:
		return fault.New(fault.Conflict, "%s exists already: it belongs to %s (key %s)", what, there.Owner, there.Key)
	}
	return nil
}

// OwnedBy is a Conflict where what is there is not the owner's.
func (m Mark) OwnedBy(owner operation.Owner, what string) error {
	switch {
	case !m.Made():
		return fault.New(fault.Conflict, "%s was not made by Fermata", what)
	case m.Owner != owner:
		return fault.New(fault.Conflict, "%s belongs to %s (key %s), not to %s", what, m.Owner, m.Key, owner)
	}
	return nil
}
