package directory

import (
	"regexp"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// Mark says whose an account is. Directories keep it in an attribute, as text that people can read.
type Mark struct {
	Key   string
	Owner operation.Owner
}

// MarkOf is the mark of an account that op makes.
func MarkOf(op operation.Op) Mark { return Mark{Key: op.Key.String(), Owner: op.Owner} }

// markForm is the one way to write a mark; what differs is nobody's mark.
var markForm = regexp.MustCompile(`^fermata owner=(\S+) key=(\S+)$`)

// String is the mark on one line: "fermata owner=instance/web-01 key=01J…/accounts/ada". What stands before the key is the same
// for all that the owner has, and ends in a space, so that no owner's begins another's.
func (m Mark) String() string { return "fermata owner=" + string(m.Owner) + " key=" + m.Key }

// ParseMark finds the mark among an attribute's values. Two marks are none: nobody can tell whose the account is.
func ParseMark(values []string) (m Mark, ok bool) {
	for _, value := range values {
		words := markForm.FindStringSubmatch(value)
		if words == nil || !wordForm.MatchString(words[1]) || !wordForm.MatchString(words[2]) {
			continue
		}
		if ok {
			return Mark{}, false
		}
		m, ok = Mark{Owner: operation.Owner(words[1]), Key: words[2]}, true
	}
	return m, ok
}

// MadeBy refuses an account that op did not make. Fault: Conflict.
func (h Held) MadeBy(op operation.Op) error {
	switch {
	case h.Key == "":
		return fault.New(fault.Conflict, "account %s exists already (%s) and was not made by Fermata", h.Name, h.DN)
	case h.Key != op.Key.String() || h.Owner != op.Owner:
		return fault.New(fault.Conflict, "account %s exists already: it belongs to %s (key %s)", h.Name, h.Owner, h.Key)
	}
	return nil
}

// OwnedBy refuses an account that is not the owner's. Fault: Conflict.
func (h Held) OwnedBy(owner operation.Owner) error {
	switch {
	case h.Key == "":
		return fault.New(fault.Conflict, "account %s (%s) was not made by Fermata", h.Name, h.DN)
	case h.Owner != owner:
		return fault.New(fault.Conflict, "account %s belongs to %s", h.Name, h.Owner)
	}
	return nil
}
