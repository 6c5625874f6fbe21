package ldap

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"
)

// schema is what a directory knows of attributes and object classes.
type schema struct {
	attributes map[string]attributeType // By names in lower case.
	classes    map[string]objectClass
}

// attributeType is an attribute: its kind, and whether it has one value, is operational, and is set by the server alone.
type attributeType struct {
	name                          string
	kind                          string // text, exact, integer, dn, moment, flag, secret
	single, operational, reserved bool
}

type objectClass struct {
	name       string
	above      string
	structural bool
	must, may  []string
}

// attributesOf reads lines of "name kind [single] [operational] [reserved]".
func attributesOf(lines string) map[string]attributeType {
	all := map[string]attributeType{}
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		all[strings.ToLower(words[0])] = attributeType{
			name: words[0], kind: words[1], single: slices.Contains(words, "single"),
			operational: slices.Contains(words, "operational"), reserved: slices.Contains(words, "reserved"),
		}
	}
	return all
}

// classesOf reads lines of "name above kind must,must may,may"; a dash is nothing.
func classesOf(lines string) map[string]objectClass {
	all := map[string]objectClass{}
	list := func(text string) []string {
		if text == "-" {
			return nil
		}
		return strings.Split(strings.ToLower(text), ",")
	}
	for line := range strings.Lines(lines) {
		if words := strings.Fields(line); len(words) == 5 {
			all[strings.ToLower(words[0])] = objectClass{
				name: words[0], above: strings.ToLower(strings.Trim(words[1], "-")), structural: words[2] == "structural",
				must: list(words[3]), may: list(words[4]),
			}
		}
	}
	return all
}

// lineage are an entry's classes with those above them, in lower case; unknown is the first that there is not.
func (s schema) lineage(classes []string) (all []string, unknown int) {
	for i, name := range classes {
		for at := strings.ToLower(name); at != ""; at = s.classes[at].above {
			if _, known := s.classes[at]; !known {
				return nil, i
			}
			if !slices.Contains(all, at) {
				all = append(all, at)
			}
		}
	}
	return all, -1
}

// check refuses an entry that the schema does not allow.
func (s *Server) check(e *entry) result {
	for _, name := range sorted(e.Values) {
		if refusal := s.checkValues(name, e.Values[name]); refusal.code != 0 {
			return refusal
		}
	}
	all, unknown := s.schema.lineage(e.Values["objectclass"])
	if unknown >= 0 {
		return refuse(ldap.LDAPResultInvalidAttributeSyntax, fmt.Sprintf("objectClass: value #%d invalid per syntax", unknown))
	}
	if !slices.ContainsFunc(all, func(name string) bool { return s.schema.classes[name].structural }) {
		return refuse(ldap.LDAPResultObjectClassViolation, "no structural object class provided")
	}
	allowed := []string{"objectclass"}
	for _, name := range all {
		class := s.schema.classes[name]
		for _, must := range class.must {
			if len(e.Values[must]) == 0 && s.schema.attributes[must].kind != "secret" {
				text := fmt.Sprintf("object class '%s' requires attribute '%s'", class.name, s.schema.attributes[must].name)
				return refuse(ldap.LDAPResultObjectClassViolation, text)
			}
		}
		allowed = append(append(allowed, class.must...), class.may...)
	}
	for _, name := range sorted(e.Values) {
		if a := s.schema.attributes[name]; !a.operational && !slices.Contains(allowed, name) {
			return refuse(ldap.LDAPResultObjectClassViolation, fmt.Sprintf("attribute '%s' not allowed", a.name))
		}
	}
	return success
}

var forms = map[string]*regexp.Regexp{ //nolint:gochecknoglobals // A table.
	"integer": regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`),
	"moment":  regexp.MustCompile(`^[0-9]{10}([0-9]{2}([0-9]{2}(\.[0-9]+)?)?)?(Z|[+-][0-9]{4})$`),
	"flag":    regexp.MustCompile(`^(TRUE|FALSE)$`),
}

// checkValues refuses an attribute that there is not, or that cannot have these values.
func (s *Server) checkValues(name string, values []string) result {
	a, known := s.schema.attributes[name]
	if !known {
		return refuse(ldap.LDAPResultUndefinedAttributeType, name+": attribute type undefined")
	}
	for i, value := range values {
		bad := value == "" || forms[a.kind] != nil && !forms[a.kind].MatchString(value)
		if a.kind == "dn" {
			_, err := normal(value)
			bad = err != nil || value == ""
		}
		if bad {
			return refuse(ldap.LDAPResultInvalidAttributeSyntax, fmt.Sprintf("%s: value #%d invalid per syntax", a.name, i))
		}
	}
	if a.single && len(values) > 1 {
		return refuse(ldap.LDAPResultConstraintViolation, fmt.Sprintf("attribute '%s' cannot have multiple values", a.name))
	}
	return success
}

// canonical is the form in which two values are compared.
func (s schema) canonical(name, value string) string {
	switch s.attributes[name].kind {
	case "dn":
		if at, err := normal(value); err == nil {
			return at
		}
	case "text":
		return strings.Join(strings.Fields(strings.ToLower(value)), " ")
	}
	return value
}

func sorted(values map[string][]string) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
