package ldap

import (
	"slices"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"
)

// search answers with the entries that fit, then with how it ended.
func (c *session) search(r request) bool {
	packets, end, controls := c.look(r)
	for _, p := range packets {
		if !c.send(message(r.id, p)) {
			return false
		}
	}
	return c.send(message(r.id, answer(ldap.ApplicationSearchResultDone, end), controls...))
}

func (c *session) look(r request) (packets []*ber.Packet, end result, controls []*ber.Packet) {
	if len(r.op.Children) != 8 {
		return nil, refuse(ldap.LDAPResultProtocolError, "expected a search request"), nil
	}
	base, err := normal(text(r.op.Children[0]))
	scope, filter := number(r.op.Children[1]), r.op.Children[6]
	if err != nil {
		return nil, refuse(ldap.LDAPResultInvalidDNSyntax, "invalid DN"), nil
	}
	var names []string
	for _, a := range r.op.Children[7].Children {
		names = append(names, strings.ToLower(text(a)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if base == "" && scope == ldap.ScopeBaseObject {
		return []*ber.Packet{c.root()}, success, nil
	}
	if c.who == "" {
		return nil, c.stranger(), nil
	}
	if c.entries[base] == nil {
		return nil, result{code: ldap.LDAPResultNoSuchObject, matched: c.nearest(base)}, nil
	}
	var all []view
	for _, at := range c.within(base, scope) {
		if v := c.view(c.entries[at]); c.fits(filter, v) {
			all = append(all, v)
		}
	}
	all, end, controls = c.page(all, number(r.op.Children[3]), r.controls)
	for _, v := range all {
		chosen, values := c.choose(v, names)
		packets = append(packets, found(v.dn, chosen, values))
	}
	return packets, end, controls
}

// stranger is the answer to a search of somebody who has not logged in.
func (c *session) stranger() result {
	if c.options.Flavour == ActiveDirectory {
		return refuse(ldap.LDAPResultOperationsError, "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563")
	}
	return result{code: ldap.LDAPResultNoSuchObject}
}

// root is the entry that says what the server can do (RFC 4512, section 5.1).
func (c *session) root() *ber.Packet {
	return found("", []string{"namingContexts", "supportedControl", "supportedExtension", "supportedLDAPVersion"}, map[string][]string{
		"namingContexts": {c.options.Base}, "supportedControl": {ldap.ControlTypePaging},
		"supportedExtension": {startTLS, whoAmI}, "supportedLDAPVersion": {"3"},
	})
}

// within are the DNs of a scope, in an order that stays.
func (s *Server) within(base string, scope int) []string {
	var all []string
	for at := range s.entries {
		switch {
		case scope == ldap.ScopeBaseObject && at == base, scope == ldap.ScopeSingleLevel && above(at) == base,
			scope == ldap.ScopeWholeSubtree && below(at, base):
			all = append(all, at)
		}
	}
	slices.Sort(all)
	return all
}

// view adds the groups that an entry is in.
func (s *Server) view(e *entry) view {
	v := view{dn: e.DN, values: e.clone().Values}
	at, _ := normal(e.DN)
	for _, group := range s.entries {
		for _, member := range group.Values["member"] {
			if s.schema.canonical("member", member) == at {
				v.values["memberof"] = append(v.values["memberof"], group.DN)
			}
		}
	}
	slices.Sort(v.values["memberof"])
	return v
}

// choose are the attributes that were asked for: all but operational ones, if none was named.
func (s *Server) choose(v view, names []string) ([]string, map[string][]string) {
	everything := len(names) == 0 || slices.Contains(names, "*")
	var chosen []string
	values := map[string][]string{}
	for _, name := range sorted(v.values) {
		a := s.schema.attributes[name]
		if slices.Contains(names, name) || everything && !a.operational || a.operational && slices.Contains(names, "+") {
			chosen = append(chosen, a.name)
			values[a.name] = v.values[name]
		}
	}
	return chosen, values
}

// page cuts what was found to the client's page (RFC 2696), to its limit, or to the server's own.
func (c *session) page(all []view, limit int, controls *ber.Packet) ([]view, result, []*ber.Packet) {
	size, cookie, paged := paging(controls)
	most := 500 // slapd's.
	if c.options.Flavour == ActiveDirectory {
		most = 1000
	}
	if limit > 0 {
		most = min(most, limit)
	}
	if !paged {
		if len(all) > most {
			return all[:most], refuse(ldap.LDAPResultSizeLimitExceeded, ""), nil
		}
		return all, success, nil
	}
	from, _ := strconv.Atoi(cookie)
	from = min(max(from, 0), len(all))
	to := min(from+min(size, most), len(all))
	next := ""
	if to < len(all) && size > 0 {
		next = strconv.Itoa(to)
	}
	return all[from:to], success, []*ber.Packet{(&ldap.ControlPaging{PagingSize: 0, Cookie: []byte(next)}).Encode()}
}

func paging(controls *ber.Packet) (size int, cookie string, ok bool) {
	if controls == nil {
		return 0, "", false
	}
	for _, one := range controls.Children {
		if len(one.Children) < 2 || text(one.Children[0]) != ldap.ControlTypePaging {
			continue
		}
		value, err := ber.DecodePacketErr([]byte(text(one.Children[len(one.Children)-1])))
		if err == nil && len(value.Children) == 2 {
			return number(value.Children[0]), text(value.Children[1]), true
		}
	}
	return 0, "", false
}
