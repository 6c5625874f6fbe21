package ldap

import (
	"fmt"
	"strings"
)

// seed makes the folders, the default policy and the groups.
func (s *Server) seed() error {
	dc, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(s.options.Base), "dc="), ",")
	first := map[string][]string{"objectClass": {"dcObject", "organization"}, "dc": {dc}, "o": {dc}}
	if s.options.Flavour == ActiveDirectory {
		first = map[string][]string{"objectClass": {"top", "domainDNS"}, "dc": {dc}}
	}
	if err := s.put(s.options.Base, first); err != nil {
		return err
	}
	for _, folder := range []string{"people", "groups", "services", "policies"} {
		if err := s.put("ou="+folder+","+s.options.Base, map[string][]string{"objectClass": {"organizationalUnit"}, "ou": {folder}}); err != nil {
			return err
		}
	}
	if s.options.Flavour == OpenLDAP {
		policy := map[string][]string{
			"objectClass": {"device", "pwdPolicy"}, "cn": {"default"}, "pwdAttribute": {"userPassword"}, "pwdLockout": {"TRUE"},
		}
		if err := s.put(s.Policy(), policy); err != nil {
			return err
		}
	}
	for _, name := range s.options.Groups {
		group := map[string][]string{"objectClass": {"groupOfNames"}, "cn": {name}, "member": {s.options.AdminDN}}
		if s.options.Flavour == ActiveDirectory {
			group = map[string][]string{"objectClass": {"top", "group"}, "cn": {name}, "sAMAccountName": {name}}
		}
		if err := s.put("cn="+name+","+s.Groups(), group); err != nil {
			return err
		}
	}
	return s.save()
}

func (s *Server) put(dn string, attributes map[string][]string) error {
	e := &entry{DN: dn, Values: map[string][]string{}}
	for name, values := range attributes {
		e.Values[strings.ToLower(name)] = values
	}
	if refusal := s.check(e); refusal.code != 0 {
		return fmt.Errorf("%s: %s", dn, refusal.text)
	}
	at, err := normal(dn)
	s.entries[at] = e
	return err
}
