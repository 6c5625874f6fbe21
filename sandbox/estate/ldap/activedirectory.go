package ldap

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	ldap "github.com/go-ldap/ldap/v3"
)

// shortest is how many characters a password has by the domain's policy.
const shortest = 7

// activeRules are those of a domain controller: login names are unique, members exist, an account that is not disabled has a
// password (unless it needs none), and what nobody has asked for gets its default.
func (s *Server) activeRules(at string, e, _ *entry) result {
	classes, _ := s.schema.lineage(e.Values["objectclass"])
	for _, name := range []string{"samaccountname", "userprincipalname"} {
		for other, there := range s.entries {
			if other != at && e.one(name) != "" && strings.EqualFold(there.one(name), e.one(name)) {
				return refuse(ldap.LDAPResultEntryAlreadyExists, "00000524: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0")
			}
		}
	}
	for _, member := range e.Values["member"] {
		if to, _ := normal(member); s.entries[to] == nil {
			return refuse(ldap.LDAPResultNoSuchObject, "00000525: NameErr: DSID-031A1269, problem 2001 (NO_OBJECT), data 0")
		}
	}
	if !slices.Contains(classes, "user") {
		return success
	}
	if len(e.one("samaccountname")) > 20 || len(e.Values["description"]) > 1 {
		return refuse(ldap.LDAPResultConstraintViolation, "00000523: AtrErr: DSID-03152831, problem 1005 (CONSTRAINT_ATT_TYPE)")
	}
	if e.one("useraccountcontrol") == "" {
		e.Values["useraccountcontrol"] = []string{"546"} // Normal, needs no password, disabled.
	}
	if e.one("accountexpires") == "" {
		e.Values["accountexpires"] = []string{"9223372036854775807"}
	}
	flags, _ := strconv.Atoi(e.one("useraccountcontrol"))
	if flags&(disabledBit|passwordNotNeeds) == 0 && e.Secret == "" {
		return tooWeak()
	}
	return success
}

func tooWeak() result {
	return refuse(ldap.LDAPResultUnwillingToPerform, "0000052D: SvcErr: DSID-031A1248, problem 5003 (WILL_NOT_PERFORM), data 0")
}

// setPassword keeps the hash of a password. Active Directory takes it in quotes and in UTF-16 (MS-ADTS, section 3.1.1.3.1.5).
func (s *Server) setPassword(e *entry, operation int, values []string) result {
	if operation == ldap.DeleteAttribute || len(values) == 0 {
		e.Secret = ""
		return success
	}
	password := values[0]
	if s.options.Flavour == ActiveDirectory {
		var ok bool
		if password, ok = unquote(password); !ok || len(password) < shortest {
			return tooWeak()
		}
	}
	if len(values) > 1 || password == "" {
		return refuse(ldap.LDAPResultConstraintViolation, "one password is kept")
	}
	e.Secret = hash(password)
	return success
}

func unquote(value string) (string, bool) {
	if len(value)%2 != 0 {
		return "", false
	}
	var units []uint16
	for i := 0; i < len(value); i += 2 {
		units = append(units, binary.LittleEndian.Uint16([]byte(value[i:i+2])))
	}
	password := string(utf16.Decode(units))
	if len(password) < 2 || password[0] != '"' || password[len(password)-1] != '"' {
		return "", false
	}
	return password[1 : len(password)-1], true
}
