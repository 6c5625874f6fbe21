package ldap

import (
	"time"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/directory"
	"fermata/activities/fault"
)

// flavour is how a kind of directory writes an account down.
type flavour interface {
	// class and login are the object class and the attribute that accounts are looked for by.
	class() string
	login() string
	// rdn is the attribute that an account's DN begins with.
	rdn() string
	// takes refuses what this kind cannot keep. Fault: Invalid.
	takes(a directory.Account) error
	// born is what an entry is added with and what then stays as others change it.
	born(name string) map[string][]string
	// wanted is what follows the account; an attribute without values must be absent.
	wanted(a directory.Account) map[string][]string
	// state names the attributes that expires and disabled read.
	state() []string
	expires(e *ldap.Entry) *time.Time
	disabled(e *ldap.Entry) bool
	// disable is the change that disables the entry or enables it again.
	disable(e *ldap.Entry, off bool) *ldap.ModifyRequest
	// check proves that the directory enforces what disable writes. Faults: NotFound, Invalid.
	check(s *session) error
}

// generalizedTime is the form of points in time (RFC 4517, section 3.3.13) that both kinds write.
const generalizedTime = "20060102150405Z"

// some is a list of one value, none of an empty one.
func some(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// takesKeys refuses keys where there is no attribute for them: whoever asked for them would wait in vain.
func takesKeys(c Config, a directory.Account) error {
	if len(a.Keys) > 0 && c.Keys.Attribute == "" {
		return fault.New(fault.Invalid, "account %s: this directory keeps no SSH keys (keys.attribute of its configuration names none)", a.Name)
	}
	return nil
}

// pick returns an attribute's values, nil for none, whatever the case that the server writes its name in.
func pick(e *ldap.Entry, attribute string) []string {
	return append([]string(nil), e.GetEqualFoldAttributeValues(attribute)...)
}

func first(e *ldap.Entry, attribute string) string { return e.GetEqualFoldAttributeValue(attribute) }
