package ldap

import (
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"
)

// change does what changes something. Only the administrator may.
func (c *session) change(op *ber.Packet) result {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.who == "" && c.options.Flavour == OpenLDAP:
		return refuse(ldap.LDAPResultStrongAuthRequired, "modifications require authentication")
	case c.who == "":
		return c.stranger()
	case c.who != c.admin:
		return refuse(ldap.LDAPResultInsufficientAccessRights, "")
	}
	done := c.apply(op)
	if done.code == 0 && c.save() != nil {
		return refuse(ldap.LDAPResultOther, "the state cannot be written")
	}
	return done
}

func (s *Server) apply(op *ber.Packet) result {
	switch op.Tag {
	case ldap.ApplicationDelRequest:
		return s.remove(text(op))
	case ldap.ApplicationAddRequest:
		if len(op.Children) == 2 {
			return s.add(text(op.Children[0]), op.Children[1])
		}
	case ldap.ApplicationModifyRequest:
		if len(op.Children) == 2 {
			return s.modify(text(op.Children[0]), op.Children[1])
		}
	default:
		return refuse(ldap.LDAPResultUnwillingToPerform, "this operation is not emulated")
	}
	return refuse(ldap.LDAPResultProtocolError, "the request cannot be read")
}

func (s *Server) add(dn string, list *ber.Packet) result {
	at, err := normal(dn)
	if err != nil || at == "" {
		return refuse(ldap.LDAPResultInvalidDNSyntax, "invalid DN")
	}
	e := &entry{DN: dn, Values: map[string][]string{}}
	for _, one := range list.Children {
		name, values, ok := attribute(one)
		if !ok {
			return refuse(ldap.LDAPResultProtocolError, "the request cannot be read")
		}
		if refusal := s.alter(e, ldap.AddAttribute, strings.ToLower(name), values); refusal.code != 0 {
			return refusal
		}
	}
	if refusal := s.addNames(e); refusal.code != 0 {
		return refusal
	}
	if s.entries[at] != nil {
		return s.exists(at)
	}
	if s.entries[above(at)] == nil {
		return result{code: ldap.LDAPResultNoSuchObject, matched: s.nearest(at)}
	}
	return s.keep(at, e, nil)
}

// addNames adds the values of the DN's first part, as servers do where they were left out.
func (s *Server) addNames(e *entry) result {
	parsed, err := ldap.ParseDN(e.DN)
	if err != nil {
		return refuse(ldap.LDAPResultInvalidDNSyntax, "invalid DN")
	}
	for _, a := range parsed.RDNs[0].Attributes {
		name := strings.ToLower(a.Type)
		if s.index(name, e.Values[name], a.Value) >= 0 {
			continue
		}
		if refusal := s.alter(e, ldap.AddAttribute, name, []string{a.Value}); refusal.code != 0 {
			return refusal
		}
	}
	return success
}

func (s *Server) modify(dn string, list *ber.Packet) result {
	at, err := normal(dn)
	if err != nil {
		return refuse(ldap.LDAPResultInvalidDNSyntax, "invalid DN")
	}
	old := s.entries[at]
	if old == nil {
		return result{code: ldap.LDAPResultNoSuchObject, matched: s.nearest(at)}
	}
	e := old.clone()
	for _, one := range list.Children {
		if len(one.Children) != 2 {
			return refuse(ldap.LDAPResultProtocolError, "the request cannot be read")
		}
		name, values, ok := attribute(one.Children[1])
		if !ok {
			return refuse(ldap.LDAPResultProtocolError, "the request cannot be read")
		}
		if refusal := s.alter(e, number(one.Children[0]), strings.ToLower(name), values); refusal.code != 0 {
			return refusal
		}
	}
	parsed, _ := ldap.ParseDN(e.DN)
	for _, a := range parsed.RDNs[0].Attributes {
		if s.index(strings.ToLower(a.Type), e.Values[strings.ToLower(a.Type)], a.Value) < 0 {
			return refuse(ldap.LDAPResultNotAllowedOnRDN, "")
		}
	}
	return s.keep(at, e, old)
}

// alter changes one attribute (RFC 4511, section 4.6).
func (s *Server) alter(e *entry, operation int, name string, values []string) result {
	a, known := s.schema.attributes[name]
	switch {
	case !known:
		return s.undefined(name)
	case a.reserved:
		return refuse(ldap.LDAPResultConstraintViolation, a.name+": no user modification allowed")
	case a.kind == "secret":
		return s.setPassword(e, operation, values)
	}
	if operation == ldap.ReplaceAttribute || operation == ldap.DeleteAttribute && len(values) == 0 {
		if operation == ldap.DeleteAttribute && len(e.Values[name]) == 0 {
			return refuse(ldap.LDAPResultNoSuchAttribute, "modify/delete: "+a.name+": no such attribute")
		}
		delete(e.Values, name)
	}
	for _, value := range values {
		at := s.index(name, e.Values[name], value)
		switch {
		case operation == ldap.DeleteAttribute && at < 0:
			return s.noValue(a)
		case operation == ldap.DeleteAttribute:
			e.Values[name] = slices.Delete(e.Values[name], at, at+1)
		case at >= 0:
			return s.valueExists(a)
		default:
			e.Values[name] = append(e.Values[name], value)
		}
	}
	if len(e.Values[name]) == 0 {
		delete(e.Values, name)
	}
	return s.checkValues(name, e.Values[name])
}

func (s *Server) index(name string, values []string, wanted string) int {
	return slices.IndexFunc(values, func(v string) bool {
		return s.schema.canonical(name, v) == s.schema.canonical(name, wanted)
	})
}

// keep stores an entry that the schema and the flavour's own rules allow.
func (s *Server) keep(at string, e, old *entry) result {
	rules := s.openRules
	if s.options.Flavour == ActiveDirectory {
		rules = s.activeRules
	}
	if refusal := rules(at, e, old); refusal.code != 0 {
		return refusal
	}
	if refusal := s.check(e); refusal.code != 0 {
		return refusal
	}
	s.entries[at] = e
	return success
}

func (s *Server) remove(dn string) result {
	at, err := normal(dn)
	switch {
	case err != nil:
		return refuse(ldap.LDAPResultInvalidDNSyntax, "invalid DN")
	case s.entries[at] == nil:
		return result{code: ldap.LDAPResultNoSuchObject, matched: s.nearest(at)}
	case len(s.within(at, ldap.ScopeSingleLevel)) > 0:
		return refuse(ldap.LDAPResultNotAllowedOnNonLeaf, "subordinate objects must be deleted first")
	}
	delete(s.entries, at)
	if s.options.Flavour == ActiveDirectory { // Links to what is gone go, too. An OpenLDAP leaves them, unless it is told otherwise.
		for _, group := range s.entries {
			if i := s.index("member", group.Values["member"], dn); i >= 0 {
				group.Values["member"] = slices.Delete(group.Values["member"], i, i+1)
			}
		}
	}
	return success
}
