package ldap_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/integrations/ldap"
)

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*ldap.Config){
		"url: expected ldaps":              func(c *ldap.Config) { c.URL = "ldap.example.net" },
		"url: expected ldaps://host":       func(c *ldap.Config) { c.URL = "ldaps://u:hunter2@ldap.example.net" },
		"url: expected ldaps://host, or":   func(c *ldap.Config) { c.URL = "ldapi:///run/slapd" },
		"expected ldaps://host, or ldap:":  func(c *ldap.Config) { c.URL = "ldaps://ldap.example.net:99999" },
		"bind: expected":                   func(c *ldap.Config) { c.Bind = "" },
		"bind: expected a DN":              func(c *ldap.Config) { c.Bind = "fermata@example.net" },
		"password: expected a reference":   func(c *ldap.Config) { c.Password = "hunter2" },
		"accounts: expected a DN":          func(c *ldap.Config) { c.Accounts = "people" },
		"groups.base: expected a DN":       func(c *ldap.Config) { c.Groups.Base = "" },
		"flavour: expected openldap or":    func(c *ldap.Config) { c.Flavour = "novell" },
		"posix, disable: they are for":     func(c *ldap.Config) { c.Flavour = ldap.ActiveDirectory },
		"disable: expected either":         func(c *ldap.Config) { c.Disable = ldap.Disable{} },
		"disable: expected either policy":  func(c *ldap.Config) { c.Disable.Attribute, c.Disable.Value = "employeeType", "off" },
		"disable.policy: expected a DN":    func(c *ldap.Config) { c.Disable.Policy = "default" },
		"disable.value: expected a word":   func(c *ldap.Config) { c.Disable = ldap.Disable{Attribute: "employeeType"} },
		"disable.attribute: expected":      func(c *ldap.Config) { c.Disable = ldap.Disable{Attribute: "a)(b", Value: "off"} },
		"mark: expected the name":          func(c *ldap.Config) { c.Mark = "description)(uid=*" },
		"groups.class: expected the name":  func(c *ldap.Config) { c.Groups.Class = "*" },
		"groups.member: expected the name": func(c *ldap.Config) { c.Groups.Member = "a b" },
		"keys.class: it goes with":         func(c *ldap.Config) { c.Keys.Class = "ldapPublicKey" },
		"upn: it is for":                   func(c *ldap.Config) { c.UPN = "example.net" },
		"posix.uids: expected numbers":     func(c *ldap.Config) { c.Posix.UIDs = "1-5" },
		"posix.uids: expected numbers fro": func(c *ldap.Config) { c.Posix.UIDs = "3000-2000" },
		"posix.gid: expected":              func(c *ldap.Config) { c.Posix.GID = 0 },
		"posix.home, posix.shell":          func(c *ldap.Config) { c.Posix.Home = "home" },
		"timeout: expected":                func(c *ldap.Config) { c.Timeout = -1 },
		"ca":                               func(c *ldap.Config) { c.CA = "/nowhere/ca.pem" },
	} {
		c := ldap.DefaultConfig()
		c.URL, c.Bind, c.Password = "ldaps://ldap.example.net", "cn=fermata,dc=example,dc=net", "secret://file/x"
		c.Accounts, c.Groups.Base = "ou=people,dc=example,dc=net", "ou=groups,dc=example,dc=net"
		c.Disable.Policy = "cn=default,ou=policies,dc=example,dc=net"
		c.Posix = &ldap.Posix{UIDs: "20000-29999", GID: 20000}
		_, err := ldap.New(c, secrets{})
		require.NoError(t, err)
		change(&c)
		_, err = ldap.New(c, secrets{})
		require.ErrorContains(t, err, text)
		require.Equal(t, fault.Invalid, fault.KindOf(err), text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
