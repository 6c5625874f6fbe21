package openstack

import (
	"slices"
	"strings"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// What servers and volumes carry as metadata.
const (
	keyField   = "fermata_key"
	ownerField = "fermata_owner"
)

// The first words of descriptions.
const (
	objectWord = "fermata"        // "fermata KEY OWNER" on ports, groups and addresses, with a name and an address on rules.
	accessWord = "fermata-access" // "fermata-access KEY OWNER" on the rule that lets the worker in.
)

// mostDescription is what Neutron keeps of a description.
const mostDescription = 255

// mark says whose an object is.
type mark struct {
	key   string
	owner operation.Owner
}

func markOf(op operation.Op) mark { return mark{op.Key.String(), op.Owner} }

// text is the mark as a description.
func (m mark) text() string { return objectWord + " " + m.key + " " + string(m.owner) }

// metadata is the mark as metadata, with what else there is.
func (m mark) metadata(more map[string]string) map[string]string {
	all := map[string]string{keyField: m.key, ownerField: string(m.owner)}
	for name, value := range more {
		all[name] = value
	}
	return all
}

// readMark reads a description of a port, a group or an address; the zero mark: it is not ours.
func readMark(description string) mark {
	words := strings.Split(description, " ")
	if len(words) != 3 || words[0] != objectWord {
		return mark{}
	}
	return mark{words[1], operation.Owner(words[2])}
}

// markIn reads metadata.
func markIn(metadata map[string]string) mark {
	return mark{metadata[keyField], operation.Owner(metadata[ownerField])}
}

// valid checks an operation, and that Neutron keeps its mark. Fault: Invalid.
func valid(op operation.Op) error {
	if err := cloud.ValidOp(op); err != nil {
		return err
	}
	if n := len(markOf(op).text()); n > mostDescription {
		return fault.New(fault.Invalid, "key and owner of %s make a description of %d bytes, Neutron keeps %d: shorten the names", op.Owner, n, mostDescription)
	}
	return nil
}

// ours picks from a list what carries the mark. Conflict: something of the same owner and purpose is there under another key.
func ours[T any](list []T, of func(T) mark, want mark, rival func(T) bool, what string) ([]T, error) {
	var mine []T
	for _, each := range list {
		switch m := of(each); {
		case m == want:
			mine = append(mine, each)
		case m.owner == want.owner && rival(each):
			return nil, fault.New(fault.Conflict, "%s of %s is there already under the key %s", what, want.owner, m.key)
		}
	}
	return mine, nil
}

// carrying picks what carries the mark.
func carrying[T any](list []T, of func(T) mark, want mark) []T {
	return slices.DeleteFunc(slices.Clone(list), func(each T) bool { return of(each) != want })
}

// owned picks what carries the owner, whatever the key.
func owned[T any](list []T, of func(T) mark, owner operation.Owner) []T {
	return slices.DeleteFunc(slices.Clone(list), func(each T) bool { return of(each).owner != owner })
}
