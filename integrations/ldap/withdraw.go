package ldap

import (
	"context"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/directory"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// Disable writes what keeps the account out.
func (d *Driver) Disable(ctx context.Context, op operation.Op, name string, p operation.Progress) (directory.Held, error) {
	p.Say("disabling account " + name)
	return d.turn(ctx, op, name, true, "disabling account "+name)
}

// Enable takes it away.
func (d *Driver) Enable(ctx context.Context, op operation.Op, name string, p operation.Progress) (directory.Held, error) {
	p.Say("enabling account " + name)
	return d.turn(ctx, op, name, false, "enabling account "+name)
}

func (d *Driver) turn(ctx context.Context, op operation.Op, name string, off bool, doing string) (directory.Held, error) {
	if err := directory.CheckNamed(op, name); err != nil {
		return directory.Held{}, err
	}
	s, err := d.connect(ctx, doing)
	if err != nil {
		return directory.Held{}, err
	}
	defer s.close()
	e, h, err := d.only(s, name)
	switch {
	case err != nil:
		return directory.Held{}, err
	case e == nil:
		return directory.Held{}, fault.New(fault.NotFound, "%s: there is none below %s", doing, d.config.Accounts)
	}
	if err := h.OwnedBy(op.Owner); err != nil || h.Disabled == off {
		return h, err
	}
	if err := s.change(doing, func(c *ldap.Conn) error { return c.Modify(d.flavour.disable(e, off)) }); err != nil {
		if code(err) == ldap.LDAPResultNoSuchAttribute { // It is no more as it was read.
			return directory.Held{}, fault.New(fault.Unavailable, "%w: it was changed by others meanwhile: it is looked at again", err)
		}
		return directory.Held{}, err
	}
	if _, h, err = d.only(s, name); err == nil && h.Disabled != off {
		err = fault.New(fault.Unavailable, "%s: the directory took it, and does not say so", doing)
	}
	return h, err
}

// RemoveAccount removes the entry that op made.
func (d *Driver) RemoveAccount(ctx context.Context, op operation.Op, name string, p operation.Progress) error {
	if err := directory.CheckNamed(op, name); err != nil {
		return err
	}
	s, err := d.connect(ctx, "removing account "+name)
	if err != nil {
		return err
	}
	defer s.close()
	e, h, err := d.only(s, name)
	if err != nil || e == nil || h.MadeBy(op) != nil {
		return err
	}
	p.Say("removing account " + name)
	return d.remove(s, h)
}

// RemoveOwned removes every account of the owner.
func (d *Driver) RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) ([]directory.Held, error) {
	if err := directory.CheckOp(op); err != nil {
		return nil, err
	}
	s, err := d.connect(ctx, "removing the accounts of "+string(op.Owner))
	if err != nil {
		return nil, err
	}
	defer s.close()
	owned, err := d.owned(s, op.Owner)
	if err != nil {
		return nil, err
	}
	var removed []directory.Held
	for _, h := range owned {
		p.Say("removing account " + h.Name)
		if err := d.remove(s, h); err != nil {
			return removed, err
		}
		removed = append(removed, h)
	}
	return removed, nil
}

// remove takes the account out of its groups, then removes it. Many directories leave the names of removed entries in groups,
// where an account that is made later under the same name would find itself a member.
func (d *Driver) remove(s *session, h directory.Held) error {
	e := ldap.NewEntry(h.DN, map[string][]string{d.flavour.login(): {h.Name}})
	if err := d.setGroups(s, e, nil); err != nil {
		return err
	}
	err := s.change("removing account "+h.Name, func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(h.DN, nil)) })
	if fault.Is(err, fault.NotFound) { // Somebody was faster.
		return nil
	}
	return err
}
