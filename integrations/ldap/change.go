package ldap

import (
	"context"
	"maps"
	"slices"
	"strconv"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/directory"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// EnsureAccount adds the entry, if there is none of that name, brings it to what is asked, and reads it back.
func (d *Driver) EnsureAccount(ctx context.Context, op operation.Op, a directory.Account, p operation.Progress) (directory.Held, error) {
	if err := directory.CheckOp(op); err != nil {
		return directory.Held{}, err
	}
	if err := a.Check(); err != nil {
		return directory.Held{}, err
	}
	if err := d.flavour.takes(a); err != nil {
		return directory.Held{}, err
	}
	s, err := d.connect(ctx, "making account "+a.Name)
	if err != nil {
		return directory.Held{}, err
	}
	defer s.close()
	groups, err := d.groupsNamed(s, a.Groups)
	if err != nil {
		return directory.Held{}, err
	}
	e, _, err := d.ours(s, op, a.Name)
	if err == nil && e == nil {
		p.Say("adding account " + a.Name)
		e, err = d.add(s, op, a)
	}
	if err != nil {
		return directory.Held{}, err
	}
	if err := d.adjust(s, e, a); err != nil {
		return directory.Held{}, err
	}
	p.Say("setting the groups of " + a.Name)
	if err := d.setGroups(s, e, groups); err != nil {
		return directory.Held{}, err
	}
	return d.readBack(s, op, a.Name)
}

// ours is the one entry of the name, nil if there is none. Conflict: op did not make it.
func (d *Driver) ours(s *session, op operation.Op, name string) (*ldap.Entry, directory.Held, error) {
	e, h, err := d.only(s, name)
	if err == nil && e != nil {
		err = h.MadeBy(op)
	}
	return e, h, err
}

// only is the one entry of the name, nil if there is none. Conflict: there are several.
func (d *Driver) only(s *session, name string) (*ldap.Entry, directory.Held, error) {
	entries, err := d.named(s, name)
	if err != nil || len(entries) == 0 {
		return nil, directory.Held{}, err
	}
	if len(entries) > 1 {
		return nil, directory.Held{}, fault.New(fault.Conflict, "there are several accounts %s: %s, %s", name, entries[0].DN, entries[1].DN)
	}
	h, err := d.held(s, entries[0])
	return entries[0], h, err
}

func (d *Driver) readBack(s *session, op operation.Op, name string) (directory.Held, error) {
	e, h, err := d.ours(s, op, name)
	if err == nil && e == nil {
		err = fault.New(fault.Unavailable, "account %s: the directory took it, and does not have it", name)
	}
	return h, err
}

// add adds the entry whole. A refusal because of what is there is looked into: somebody was faster, or has the number.
func (d *Driver) add(s *session, op operation.Op, a directory.Account) (*ldap.Entry, error) {
	taken := map[int]bool{}
	for {
		request := ldap.NewAddRequest(d.flavour.rdn()+"="+ldap.EscapeDN(a.Name)+","+d.config.Accounts, nil)
		entry := d.flavour.born(a.Name)
		maps.Copy(entry, d.flavour.wanted(a))
		entry[d.config.Mark] = []string{directory.MarkOf(op).String()}
		number := 0
		if d.config.Posix != nil {
			var err error
			if number, err = d.freeNumber(s, taken); err != nil {
				return nil, err
			}
			entry[uidNumber] = []string{strconv.Itoa(number)}
		}
		for _, name := range slices.Sorted(maps.Keys(entry)) {
			if len(entry[name]) > 0 {
				request.Attribute(name, entry[name])
			}
		}
		err := s.change("adding account "+a.Name, func(c *ldap.Conn) error { return c.Add(request) })
		if c := code(err); err != nil && c != ldap.LDAPResultEntryAlreadyExists && c != ldap.LDAPResultConstraintViolation {
			return nil, err
		}
		e, _, lookErr := d.ours(s, op, a.Name)
		switch {
		case lookErr != nil:
			return nil, lookErr
		case e != nil:
			return e, d.settleNumber(s, e)
		case err == nil:
			return nil, fault.New(fault.Unavailable, "account %s: the directory took it, and does not have it", a.Name)
		case code(err) == ldap.LDAPResultConstraintViolation && d.numberTaken(s, number):
			taken[number] = true // The server keeps numbers apart, and another run was faster.
		case code(err) == ldap.LDAPResultConstraintViolation:
			return nil, err
		default: // It is somewhere that this account does not look, or may not.
			return nil, fault.New(fault.Conflict, "account %s exists already outside of %s, or is no account: %w", a.Name, d.config.Accounts, err)
		}
	}
}

// adjust replaces what is not as asked.
func (d *Driver) adjust(s *session, e *ldap.Entry, a directory.Account) error {
	change := ldap.NewModifyRequest(e.DN, nil)
	wanted := d.flavour.wanted(a)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !same(pick(e, name), wanted[name]) {
			change.Replace(name, wanted[name])
		}
	}
	if len(change.Changes) == 0 {
		return nil
	}
	return s.change("changing account "+a.Name, func(c *ldap.Conn) error { return c.Modify(change) })
}

// same compares sets: a directory keeps no order.
func same(there, wanted []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(there)), slices.Sorted(slices.Values(wanted)))
}
