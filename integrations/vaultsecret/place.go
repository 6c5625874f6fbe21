package vaultsecret

import (
	"fmt"
	"regexp"
	"strings"

	"fermata/activities/fault"
)

// plainField is the field of a name that has none.
const plainField = "value"

var fieldForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// place is where a name leads to: a field of a secret below an engine's mount.
type place struct{ mount, path, field string }

// placeOf reads MOUNT/PATH#FIELD.
func placeOf(name string) (place, error) {
	path, field, named := strings.Cut(name, "#")
	if !named {
		field = plainField
	}
	mount, inner, _ := strings.Cut(path, "/")
	if inner == "" || !plain(path) || !fieldForm.MatchString(field) || strings.Contains(field, "..") {
		return place{}, fault.New(fault.Invalid, "expected MOUNT/PATH#FIELD such as kv/web-01/db#password")
	}
	return place{mount, inner, field}, nil
}

// writableAt returns the place of a name that may be written.
func (p *Provider) writableAt(name string) (place, error) {
	at, err := placeOf(name)
	if err != nil {
		return place{}, err
	}
	if at.field == markField {
		return place{}, fault.New(fault.Invalid, "field %s is where versions are marked: name another", markField)
	}
	whole := at.mount + "/" + at.path
	for _, path := range p.writable {
		if whole == path || strings.HasPrefix(whole, path+"/") {
			return at, nil
		}
	}
	return place{}, fault.New(fault.Invalid, "%s may not be written: add it, or a path above it, to secrets.vault.writable", whole)
}

// policy is the rule that a call needs, as Vault's policies write it.
func (at place) policy(kind string, write bool) string {
	capabilities := `"read"`
	switch {
	case kind != "data":
		capabilities = `"update"`
	case write:
		capabilities = `"create", "read", "update"`
	}
	return fmt.Sprintf(`path "%s/%s/%s" { capabilities = [%s] }`, at.mount, kind, at.path, capabilities)
}
