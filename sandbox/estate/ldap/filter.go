package ldap

import (
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"
)

// view is an entry as a search sees it: with what the server adds to it.
type view struct {
	dn     string
	values map[string][]string
}

// fits evaluates a filter (RFC 4511, section 4.5.1.7). What the schema does not know fits nothing.
func (s *Server) fits(f *ber.Packet, v view) bool {
	switch f.Tag {
	case ldap.FilterAnd:
		for _, part := range f.Children {
			if !s.fits(part, v) {
				return false
			}
		}
		return true
	case ldap.FilterOr:
		for _, part := range f.Children {
			if s.fits(part, v) {
				return true
			}
		}
		return false
	case ldap.FilterNot:
		return len(f.Children) == 1 && !s.fits(f.Children[0], v)
	case ldap.FilterPresent:
		name := strings.ToLower(text(f))
		return name == "objectclass" || len(v.values[name]) > 0
	case ldap.FilterSubstrings:
		return len(f.Children) == 2 && s.any(f, v, func(name, value string) bool { return s.holds(name, value, f.Children[1]) })
	case ldap.FilterEqualityMatch, ldap.FilterApproxMatch, ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
		return len(f.Children) == 2 && s.any(f, v, func(name, value string) bool {
			return s.compares(f.Tag, name, value, s.schema.canonical(name, text(f.Children[1])))
		})
	default: // An extensible match.
		return false
	}
}

// any asks for each value of the filter's attribute.
func (s *Server) any(f *ber.Packet, v view, is func(name, value string) bool) bool {
	name := strings.ToLower(text(f.Children[0]))
	values := v.values[name]
	if name == "objectclass" {
		values, _ = s.schema.lineage(values)
	}
	for _, value := range values {
		if is(name, s.schema.canonical(name, value)) {
			return true
		}
	}
	return false
}

func (s *Server) compares(tag ber.Tag, name, value, wanted string) bool {
	if tag == ldap.FilterEqualityMatch || tag == ldap.FilterApproxMatch {
		return value == wanted
	}
	if s.schema.attributes[name].kind == "integer" {
		a, errA := strconv.ParseInt(value, 10, 64)
		b, errB := strconv.ParseInt(wanted, 10, 64)
		return errA == nil && errB == nil && (tag == ldap.FilterGreaterOrEqual && a >= b || tag == ldap.FilterLessOrEqual && a <= b)
	}
	return tag == ldap.FilterGreaterOrEqual && value >= wanted || tag == ldap.FilterLessOrEqual && value <= wanted
}

// holds compares pieces in their order: the first at the beginning, the last at the end.
func (s *Server) holds(name, value string, pieces *ber.Packet) bool {
	for _, p := range pieces.Children {
		piece := text(p)
		if s.schema.attributes[name].kind == "text" {
			piece = strings.ToLower(piece)
		}
		switch p.Tag {
		case ldap.FilterSubstringsInitial:
			if !strings.HasPrefix(value, piece) {
				return false
			}
			value = value[len(piece):]
		case ldap.FilterSubstringsFinal:
			if !strings.HasSuffix(value, piece) {
				return false
			}
		default:
			_, rest, found := strings.Cut(value, piece)
			if !found {
				return false
			}
			value = rest
		}
	}
	return true
}
