package ldap

import (
	"fmt"

	ldap "github.com/go-ldap/ldap/v3"
)

// openRules are those of the overlay unique: no two entries have the same uid or uidNumber.
func (s *Server) openRules(at string, e, _ *entry) result {
	for _, name := range []string{"uid", "uidnumber"} {
		if name == "uidnumber" && s.options.LooseNumbers {
			continue
		}
		for _, value := range e.Values[name] {
			for other, there := range s.entries {
				if other != at && s.index(name, there.Values[name], value) >= 0 {
					text := fmt.Sprintf("non-unique attributes found with (|(%s=%s))", s.schema.attributes[name].name, value)
					return refuse(ldap.LDAPResultConstraintViolation, text)
				}
			}
		}
	}
	return success
}

// exists, undefined, noValue and valueExists are refusals that the two flavours word differently.
func (s *Server) exists(at string) result {
	if s.options.Flavour == ActiveDirectory {
		return refuse(ldap.LDAPResultEntryAlreadyExists, "00002071: UpdErr: DSID-03050362, problem 6005 (ENTRY_EXISTS), data 0")
	}
	return result{code: ldap.LDAPResultEntryAlreadyExists, matched: s.entries[at].DN}
}

func (s *Server) undefined(name string) result {
	if s.options.Flavour == ActiveDirectory {
		return refuse(ldap.LDAPResultNoSuchAttribute, "00000057: LdapErr: DSID-0C0910CA, comment: Error in attribute conversion operation, data 0, v4563")
	}
	return refuse(ldap.LDAPResultUndefinedAttributeType, name+": attribute type undefined")
}

func (s *Server) noValue(a attributeType) result {
	if s.options.Flavour == ActiveDirectory && a.name == "member" {
		return refuse(ldap.LDAPResultUnwillingToPerform, "00000561: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0")
	}
	return refuse(ldap.LDAPResultNoSuchAttribute, "modify/delete: "+a.name+": no such value")
}

func (s *Server) valueExists(a attributeType) result {
	if s.options.Flavour == ActiveDirectory && a.name == "member" {
		return refuse(ldap.LDAPResultEntryAlreadyExists, "00000562: UpdErr: DSID-031A1236, problem 6005 (ENTRY_EXISTS), data 0")
	}
	return refuse(ldap.LDAPResultAttributeOrValueExists, "modify/add: "+a.name+": value #0 already exists")
}
