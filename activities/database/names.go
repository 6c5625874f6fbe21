package database

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

var (
	databaseForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	roleForm     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	// What marks hold: no space, no quote, no backslash.
	wordForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/@:+-]{0,199}$`)
	pathForm  = regexp.MustCompile(`^/[A-Za-z0-9._/-]{1,200}$`)
	ownerForm = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}(:[a-z_][a-z0-9_-]{0,31})?$`)
)

// reserved are names that servers keep for themselves, and the database that holds Fermata's marks.
var reserved = []string{
	"fermata", "information_schema", "mariadb", "mysql", "none", "performance_schema", "postgres", "public", "root", "sys",
	"template0", "template1",
}

// modes are those of files that hold a password: others read nothing.
var modes = []string{"0400", "0440", "0600", "0640"}

// CheckDatabase refuses a name that no server should be asked for. Fault: Invalid.
func CheckDatabase(name string) error {
	if !databaseForm.MatchString(name) || isReserved(name) {
		return fault.New(fault.Invalid, "expected the name of a database, up to 63 lower case letters, digits and underscores and none that servers keep for themselves, found %q", name)
	}
	return nil
}

// CheckRole refuses a name that no server should be asked for. Fault: Invalid.
func CheckRole(name string) error {
	if !roleForm.MatchString(name) || isReserved(name) {
		return fault.New(fault.Invalid, "expected the name of a role, up to 32 lower case letters, digits and underscores and none that servers keep for themselves, found %q", name)
	}
	return nil
}

func isReserved(name string) bool {
	return slices.Contains(reserved, name) || strings.HasPrefix(name, "pg_") || strings.HasPrefix(name, "mysql_") || strings.HasPrefix(name, "mariadb_")
}

// Check refuses an access that there is not. Fault: Invalid.
func (a Access) Check() error {
	switch a {
	case ReadOnly, ReadWrite, Owner:
		return nil
	}
	return fault.New(fault.Invalid, "expected the access readonly, readwrite or owner, found %q", string(a))
}

// Check refuses a role that no server should be asked for. Fault: Invalid.
func (r Role) Check() error {
	if err := CheckRole(r.Name); err != nil {
		return err
	}
	if err := CheckDatabase(r.Database); err != nil {
		return err
	}
	return r.Access.Check()
}

// CheckOp refuses an operation whose key and owner cannot be written beside an object. Fault: Invalid.
func CheckOp(op operation.Op) error {
	if err := CheckOwner(op.Owner); err != nil {
		return err
	}
	if _, err := operation.ParseKey(op.Key.String()); err != nil || !wordForm.MatchString(op.Key.String()) {
		return fault.New(fault.Invalid, "expected an operation key of run, step and target, found %q", op.Key.String())
	}
	return nil
}

// CheckOwner refuses an owner that cannot be written beside an object. Fault: Invalid.
func CheckOwner(owner operation.Owner) error {
	if !wordForm.MatchString(string(owner)) {
		return fault.New(fault.Invalid, "expected an owner such as instance/web-01, found %q", owner)
	}
	return nil
}

// Check refuses a file that should not hold a password. Fault: Invalid.
func (f ConnectionFile) Check() error {
	switch {
	case !pathForm.MatchString(f.Path) || path.Clean(f.Path) != f.Path || path.Dir(f.Path) == "/":
		return fault.New(fault.Invalid, "connection file: expected an absolute path without \".\" and \"..\" in a folder of its own, found %q", f.Path)
	case !ownerForm.MatchString(f.Owner):
		return fault.New(fault.Invalid, "connection file %s: expected the owner user or user:group, found %q", f.Path, f.Owner)
	case !slices.Contains(modes, f.Mode):
		return fault.New(fault.Invalid, "connection file %s: expected a mode that lets others read nothing, one of %s, found %q", f.Path, strings.Join(modes, ", "), f.Mode)
	}
	return nil
}

// CA is the file beside it that holds the certificates to trust, where the server has some.
func (f ConnectionFile) CA() ConnectionFile {
	return ConnectionFile{Path: f.Path + ".ca.pem", Owner: f.Owner, Mode: f.Mode}
}
