package ldap

import (
	"strconv"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/fault"
)

// uidNumber is the number that a Unix host knows an account by.
const uidNumber = "uidNumber"

// freeNumber is the lowest number of the range that no account has. Where two runs choose the same at once, either the server
// refuses the second (slapo-unique), or settleNumber finds out.
func (d *Driver) freeNumber(s *session, taken map[int]bool) (int, error) {
	low, high, _ := d.config.Posix.numbers() // New has checked it.
	filter := "(&(" + uidNumber + ">=" + strconv.Itoa(low) + ")(" + uidNumber + "<=" + strconv.Itoa(high) + "))"
	entries, err := s.search(d.config.Accounts, ldap.ScopeWholeSubtree, filter, []string{uidNumber}, "looking for a free number")
	if err != nil {
		return 0, err
	}
	used := map[int]bool{}
	for _, e := range entries {
		n, _ := strconv.Atoi(first(e, uidNumber))
		used[n] = true
	}
	for n := low; n <= high; n++ {
		if !used[n] && !taken[n] {
			return n, nil
		}
	}
	return 0, fault.New(fault.Conflict, "no number is free from %d to %d: make posix.uids larger", low, high)
}

func (d *Driver) holders(s *session, number int) ([]*ldap.Entry, error) {
	return s.search(d.config.Accounts, ldap.ScopeWholeSubtree, "("+uidNumber+"="+strconv.Itoa(number)+")", []string{uidNumber},
		"looking who has the number "+strconv.Itoa(number))
}

func (d *Driver) numberTaken(s *session, number int) bool {
	if d.config.Posix == nil {
		return false
	}
	holders, err := d.holders(s, number)
	return err == nil && len(holders) > 0
}

// settleNumber gives a new entry another number while somebody else has the same, on a server that does not keep numbers
// apart. Whoever looks does so behind its own addition, so at least the later of two sees both, and moves.
func (d *Driver) settleNumber(s *session, e *ldap.Entry) error {
	if d.config.Posix == nil {
		return nil
	}
	number, err := strconv.Atoi(first(e, uidNumber))
	if err != nil {
		return fault.New(fault.Conflict, "account %s has no number", e.DN)
	}
	taken := map[int]bool{}
	for {
		holders, err := d.holders(s, number)
		if err != nil || len(holders) <= 1 {
			return err
		}
		taken[number] = true
		if number, err = d.freeNumber(s, taken); err != nil {
			return err
		}
		change := ldap.NewModifyRequest(e.DN, nil)
		change.Replace(uidNumber, []string{strconv.Itoa(number)})
		err = s.change("giving "+e.DN+" another number", func(c *ldap.Conn) error { return c.Modify(change) })
		if err != nil && code(err) != ldap.LDAPResultConstraintViolation {
			return err
		}
	}
}
