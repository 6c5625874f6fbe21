package openstack

import (
	"slices"
	"strings"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// What servers and volumes carry as metadata.
const (
	keyField   = "fermata_key"
	ownerField = "fermata_owner"
)

// objectWord begins the descriptions of ports, groups and addresses: "fermata KEY OWNER".
const objectWord = "fermata"

// mostDescription is what Neutron keeps of a description.
const mostDescription = 255

// textOf is a mark as a description.
func textOf(m cloudx.Mark) string { return objectWord + " " + m.Key + " " + string(m.Owner) }

// metadata is a mark as metadata, with what else there is.
func metadata(m cloudx.Mark, more map[string]string) map[string]string {
	all := map[string]string{keyField: m.Key, ownerField: string(m.Owner)}
	for name, value := range more {
		all[name] = value
	}
	return all
}

// readMark reads a description of a port, a group or an address; the zero mark: it is not ours.
func readMark(description string) cloudx.Mark {
	words := strings.Split(description, " ")
	if len(words) != 3 || words[0] != objectWord {
		return cloudx.Mark{}
	}
	return cloudx.Mark{Key: words[1], Owner: operation.Owner(words[2])}
}

// markIn reads metadata.
func markIn(fields map[string]string) cloudx.Mark {
	return cloudx.Mark{Key: fields[keyField], Owner: operation.Owner(fields[ownerField])}
}

// valid checks an operation, and that Neutron keeps its mark. Fault: Invalid.
func valid(op operation.Op) error {
	if err := cloud.ValidOp(op); err != nil {
		return err
	}
	if n := len(textOf(cloudx.MarkOf(op))); n > mostDescription {
		return fault.New(fault.Invalid, "key and owner of %s make a description of %d bytes, Neutron keeps %d: shorten the names", op.Owner, n, mostDescription)
	}
	return nil
}

// owned picks what carries the owner, whatever the key.
func owned[T any](list []T, of func(T) cloudx.Mark, owner operation.Owner) []T {
	return slices.DeleteFunc(slices.Clone(list), func(each T) bool { return of(each).Owner != owner })
}
