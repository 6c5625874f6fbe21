package ldap

import (
	"slices"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/fault"
)

// group is a group by its name and its DN. Names need not be unique in a directory.
type group struct{ name, dn string }

// groupsNamed finds the groups. NotFound: one of them, and the text names it. Conflict: there are several of a name.
func (d *Driver) groupsNamed(s *session, names []string) ([]group, error) {
	var found []group
	for _, name := range names {
		some, err := d.groups(s, "(cn="+ldap.EscapeFilter(name)+")", "looking for group "+name)
		switch {
		case err != nil:
			return nil, err
		case len(some) == 0:
			return nil, fault.New(fault.NotFound, "there is no group %s below %s", name, d.config.Groups.Base)
		case len(some) > 1:
			return nil, fault.New(fault.Conflict, "there are several groups %s: %s, %s", name, some[0].dn, some[1].dn)
		}
		found = append(found, some[0])
	}
	return found, nil
}

// groupsOf finds the groups that an account is in.
func (d *Driver) groupsOf(s *session, e *ldap.Entry) ([]group, error) {
	return d.groups(s, "("+d.config.Groups.Member+"="+ldap.EscapeFilter(d.member(e))+")", "looking for the groups of "+e.DN)
}

func (d *Driver) groups(s *session, filter, doing string) ([]group, error) {
	entries, err := s.search(d.config.Groups.Base, ldap.ScopeWholeSubtree,
		"(&(objectClass="+d.config.Groups.Class+")"+filter+")", []string{"cn"}, doing)
	var found []group
	for _, e := range entries {
		found = append(found, group{name: first(e, "cn"), dn: e.DN})
	}
	slices.SortFunc(found, func(a, b group) int { return strings.Compare(a.name+" "+a.dn, b.name+" "+b.dn) })
	return found, err
}

// member is how a group names an account.
func (d *Driver) member(e *ldap.Entry) string {
	if strings.EqualFold(d.config.Groups.Member, "memberUid") {
		return first(e, d.flavour.login())
	}
	return e.DN
}

// setGroups puts an account into the wanted groups and takes it out of all others. It is taken out first: while this goes on it
// may do too little, never too much.
func (d *Driver) setGroups(s *session, e *ldap.Entry, wanted []group) error {
	there, err := d.groupsOf(s, e)
	if err != nil {
		return err
	}
	for _, g := range there {
		if !has(wanted, g) {
			if err := d.alterGroup(s, e, g, ldap.DeleteAttribute); err != nil {
				return err
			}
		}
	}
	for _, g := range wanted {
		if !has(there, g) {
			if err := d.alterGroup(s, e, g, ldap.AddAttribute); err != nil {
				return err
			}
		}
	}
	return nil
}

func has(groups []group, wanted group) bool {
	return slices.ContainsFunc(groups, func(g group) bool { return strings.EqualFold(g.dn, wanted.dn) })
}

// alterGroup adds the account to a group or takes it out. Servers answer differently where that is done already, so after a
// Conflict the group is looked at: what somebody else has done meanwhile is done.
func (d *Driver) alterGroup(s *session, e *ldap.Entry, g group, operation int) error {
	doing := "putting " + first(e, d.flavour.login()) + " into group " + g.name
	change := ldap.NewModifyRequest(g.dn, nil)
	if operation == ldap.DeleteAttribute {
		doing = "taking " + first(e, d.flavour.login()) + " out of group " + g.name
		change.Delete(d.config.Groups.Member, []string{d.member(e)})
	} else {
		change.Add(d.config.Groups.Member, []string{d.member(e)})
	}
	err := s.change(doing, func(c *ldap.Conn) error { return c.Modify(change) })
	switch {
	case code(err) == ldap.LDAPResultObjectClassViolation:
		return fault.New(fault.Conflict, "%w: a group of this class cannot be empty: give it a member that stays", err)
	case fault.Is(err, fault.Conflict):
		there, lookErr := d.groupsOf(s, e)
		if lookErr == nil && has(there, g) == (operation == ldap.AddAttribute) {
			return nil
		}
	}
	return err
}
