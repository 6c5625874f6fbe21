package judge

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"fermata/sandbox/estate"
)

// staff searches the directory for accounts that say that they are the instance's, or are called after it, and for groups that
// name such an account, whether it is there or not.
func (j *Judge) staff(_ context.Context, name string) ([]string, error) {
	c, err := j.openDirectory()
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	accounts, err := c.Search(&ldap.SearchRequest{
		BaseDN: j.Estate.Staff.People(), Scope: ldap.ScopeWholeSubtree,
		Filter:     fmt.Sprintf("(|(description=*owner=instance/%s *)(uid=%s-*))", name, name),
		Attributes: []string{"*", "pwdAccountLockedTime", "pwdEndTime"},
	})
	if err != nil {
		return nil, fmt.Errorf("searching the directory for accounts: %w", err)
	}
	groups, err := c.Search(&ldap.SearchRequest{
		BaseDN: j.Estate.Staff.Groups(), Scope: ldap.ScopeWholeSubtree, Filter: "(objectClass=groupOfNames)", Attributes: []string{"cn", "member"},
	})
	if err != nil {
		return nil, fmt.Errorf("searching the directory for groups: %w", err)
	}
	var facts []string
	for _, e := range accounts.Entries {
		facts = append(facts, fmt.Sprintf("account %s is %s", e.DN, locked(e)))
		for _, a := range e.Attributes {
			for _, value := range a.Values {
				facts = append(facts, fmt.Sprintf("account %s has %s: %s", e.DN, a.Name, value))
			}
		}
	}
	for _, g := range groups.Entries {
		for _, member := range g.GetAttributeValues("member") {
			if strings.HasPrefix(member, "uid="+name+"-") || slices.ContainsFunc(accounts.Entries, func(e *ldap.Entry) bool { return e.DN == member }) {
				facts = append(facts, fmt.Sprintf("account %s belongs to %s", member, g.GetAttributeValue("cn")))
			}
		}
	}
	return facts, nil
}

func locked(e *ldap.Entry) string {
	if at := e.GetAttributeValue("pwdAccountLockedTime"); at != "" {
		return "locked since " + at
	}
	return "open"
}

func (j *Judge) openDirectory() (*ldap.Conn, error) {
	password, err := j.secret("staff-password")
	if err != nil {
		return nil, err
	}
	security, err := trusting(j.Estate.StaffCA())
	if err != nil {
		return nil, err
	}
	c, err := ldap.DialURL(j.Estate.Staff.URL(), ldap.DialWithTLSConfig(security), ldap.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}))
	if err != nil {
		return nil, fmt.Errorf("connecting to the directory: %w", err)
	}
	c.SetTimeout(10 * time.Second)
	if err := c.Bind(estate.StaffAdmin, password); err != nil {
		return nil, fmt.Errorf("logging in to the directory: %w", err)
	}
	return c, nil
}
