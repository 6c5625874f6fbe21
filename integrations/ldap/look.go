package ldap

import (
	"context"
	"slices"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/directory"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// Check logs in and looks for the folder of accounts, the groups, and whatever a disabled account is kept out by.
func (d *Driver) Check(ctx context.Context, groups []string) error {
	if err := directory.CheckGroups(groups); err != nil {
		return err
	}
	s, err := d.connect(ctx, "checking the directory")
	if err != nil {
		return err
	}
	defer s.close()
	doing := "looking for the folder of accounts " + d.config.Accounts
	found, err := s.search(d.config.Accounts, ldap.ScopeBaseObject, "(objectClass=*)", []string{"objectClass"}, doing)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fault.New(fault.NotFound, "%s: it is not there, or this account may not read it", doing)
	}
	if _, err := d.groupsNamed(s, groups); err != nil {
		return err
	}
	return d.flavour.check(s)
}

// Find returns the accounts of the name, or those of the owner.
func (d *Driver) Find(ctx context.Context, name string, owner operation.Owner) ([]directory.Held, error) {
	if name != "" {
		if err := directory.CheckName(name); err != nil {
			return nil, err
		}
	} else if err := directory.CheckOwner(owner); err != nil {
		return nil, err
	}
	s, err := d.connect(ctx, "looking for accounts")
	if err != nil {
		return nil, err
	}
	defer s.close()
	if name == "" {
		return d.owned(s, owner)
	}
	entries, err := d.named(s, name)
	if err != nil {
		return nil, err
	}
	return d.heldAll(s, entries)
}

// named are the entries of a login name: one, unless the directory lets several have it.
func (d *Driver) named(s *session, name string) ([]*ldap.Entry, error) {
	return d.entries(s, "("+d.flavour.login()+"="+ldap.EscapeFilter(name)+")", "looking for account "+name)
}

// owned are the accounts of an owner. The filter finds the beginning of the mark; whose it is, its whole form says.
func (d *Driver) owned(s *session, owner operation.Owner) ([]directory.Held, error) {
	begin := directory.Mark{Owner: owner}.String()
	entries, err := d.entries(s, "("+d.config.Mark+"="+ldap.EscapeFilter(begin)+"*)", "looking for accounts of "+string(owner))
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e *ldap.Entry) bool {
		mark, ok := directory.ParseMark(pick(e, d.config.Mark))
		return !ok || mark.Owner != owner
	})
	return d.heldAll(s, entries)
}

func (d *Driver) entries(s *session, filter, doing string) ([]*ldap.Entry, error) {
	return s.search(d.config.Accounts, ldap.ScopeWholeSubtree, "(&(objectClass="+d.flavour.class()+")"+filter+")", d.attributes(), doing)
}

// attributes are all that is ever read of an account.
func (d *Driver) attributes() []string {
	names := append([]string{d.flavour.login(), d.config.Mark}, d.flavour.state()...)
	for name := range d.flavour.wanted(directory.Account{}) {
		names = append(names, name)
	}
	if d.config.Posix != nil {
		names = append(names, uidNumber)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (d *Driver) heldAll(s *session, entries []*ldap.Entry) ([]directory.Held, error) {
	var all []directory.Held
	for _, e := range entries {
		h, err := d.held(s, e)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b directory.Held) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// held is an entry as the port has it. Which groups it is in is asked of the groups: memberOf is not everywhere.
func (d *Driver) held(s *session, e *ldap.Entry) (directory.Held, error) {
	h := directory.Held{
		Account: directory.Account{
			Name: first(e, d.flavour.login()), Display: first(e, "displayName"), Mail: first(e, "mail"), Expires: d.flavour.expires(e),
		},
		DN: e.DN, Disabled: d.flavour.disabled(e),
	}
	if d.config.Keys.Attribute != "" {
		h.Keys = pick(e, d.config.Keys.Attribute)
	}
	if mark, ok := directory.ParseMark(pick(e, d.config.Mark)); ok {
		h.Key, h.Owner = mark.Key, mark.Owner
	}
	groups, err := d.groupsOf(s, e)
	for _, g := range groups {
		h.Groups = append(h.Groups, g.name)
	}
	return h, err
}
