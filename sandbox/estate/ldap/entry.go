package ldap

import (
	"slices"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"
)

// entry is an entry with its attributes, by their names in lower case.
type entry struct {
	DN     string              `json:"dn"`
	Values map[string][]string `json:"values"`
	Secret string              `json:"secret,omitempty"` // Hash of the password.
}

func (e *entry) clone() *entry {
	copied := &entry{DN: e.DN, Secret: e.Secret, Values: map[string][]string{}}
	for name, values := range e.Values {
		copied.Values[name] = slices.Clone(values)
	}
	return copied
}

// one is the first value, or none.
func (e *entry) one(name string) string {
	if values := e.Values[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// normal is the form of a DN that is compared: types and values in lower case, spaces in a row as one.
func normal(dn string) (string, error) {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return "", err
	}
	return join(parsed.RDNs), nil
}

func join(names []*ldap.RelativeDN) string {
	var all []string
	for _, rdn := range names {
		var parts []string
		for _, a := range rdn.Attributes {
			value := strings.Join(strings.Fields(strings.ToLower(a.Value)), " ")
			parts = append(parts, strings.ToLower(a.Type)+"="+ldap.EscapeDN(value))
		}
		slices.Sort(parts)
		all = append(all, strings.Join(parts, "+"))
	}
	return strings.Join(all, ",")
}

// above is the normal form of the DN one up.
func above(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) < 2 {
		return ""
	}
	return join(parsed.RDNs[1:])
}

// below reports whether a DN is another or below it, both in normal form.
func below(dn, base string) bool { return dn == base || base == "" || strings.HasSuffix(dn, ","+base) }

// nearest is the DN of what is there on the way to one that is not: what a server calls matched.
func (s *Server) nearest(dn string) string {
	for at := above(dn); at != ""; at = above(at) {
		if e := s.entries[at]; e != nil {
			return e.DN
		}
	}
	return ""
}
