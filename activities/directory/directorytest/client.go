package directorytest

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	ldap "github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
)

// Client is a Judge that speaks LDAP as an administrator.
type Client struct {
	URL                    string // ldaps://…
	TLS                    *tls.Config
	AdminDN, AdminPassword string
	Base, People, Groups   string // DNs.
	Active                 bool   // Active Directory's attributes.
}

var _ Judge = Client{}

func (c Client) admin(t *testing.T) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(c.URL, ldap.DialWithTLSConfig(c.TLS))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.Bind(c.AdminDN, c.AdminPassword))
	return conn
}

// LogsIn binds. Any refusal but that of the credential fails the test.
func (c Client) LogsIn(t *testing.T, dn, password string) bool {
	t.Helper()
	conn, err := ldap.DialURL(c.URL, ldap.DialWithTLSConfig(c.TLS))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	err = conn.Bind(dn, password)
	if err != nil {
		require.True(t, ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials), "%v", err)
	}
	return err == nil
}

// SetPassword writes the attribute of the flavour.
func (c Client) SetPassword(t *testing.T, dn, password string) {
	t.Helper()
	if !c.Active {
		c.Set(t, dn, "userPassword", password)
		return
	}
	var quoted []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		quoted = binary.LittleEndian.AppendUint16(quoted, unit)
	}
	c.Set(t, dn, "unicodePwd", string(quoted))
}

// Attribute reads one entry.
func (c Client) Attribute(t *testing.T, dn, name string) []string {
	t.Helper()
	found, err := c.admin(t).Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{name}, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil
	}
	require.NoError(t, err)
	require.Len(t, found.Entries, 1)
	return found.Entries[0].GetEqualFoldAttributeValues(name)
}

// Members reads the group's own attribute.
func (c Client) Members(t *testing.T, group string) []string {
	t.Helper()
	return slices.DeleteFunc(c.Attribute(t, c.group(group), "member"), func(dn string) bool { return strings.EqualFold(dn, c.AdminDN) })
}

func (c Client) group(name string) string { return "cn=" + name + "," + c.Groups }

// Dump is every entry with what people and the driver write.
func (c Client) Dump(t *testing.T) string {
	t.Helper()
	request := ldap.NewSearchRequest(c.Base, ldap.ScopeWholeSubtree, 0, 0, 0, false, "(objectClass=*)", []string{"*", "pwdAccountLockedTime", "pwdEndTime"}, nil)
	found, err := c.admin(t).Search(request)
	require.NoError(t, err)
	var lines []string
	for _, e := range found.Entries {
		for _, a := range e.Attributes {
			for _, value := range a.Values {
				lines = append(lines, fmt.Sprintf("%s: %s: %q", e.DN, a.Name, value))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Make adds an account of another hand.
func (c Client) Make(t *testing.T, name, description string) string {
	t.Helper()
	dn := "uid=" + name + "," + c.People
	if c.Active {
		dn = "cn=" + name + "," + c.People
	}
	request := ldap.NewAddRequest(dn, nil)
	if c.Active {
		request.Attribute("objectClass", []string{"top", "person", "organizationalPerson", "user"})
		request.Attribute("sAMAccountName", []string{name})
	} else {
		request.Attribute("objectClass", []string{"inetOrgPerson"})
		request.Attribute("uid", []string{name})
		request.Attribute("cn", []string{"Somebody"})
		request.Attribute("sn", []string{"Else"})
	}
	if description != "" {
		request.Attribute("description", []string{description})
	}
	require.NoError(t, c.admin(t).Add(request))
	c.SetPassword(t, dn, password)
	if c.Active { // Only an account with a password can be enabled.
		c.Set(t, dn, "userAccountControl", "512")
	}
	return dn
}

// Set replaces an attribute.
func (c Client) Set(t *testing.T, dn, name string, values ...string) {
	t.Helper()
	request := ldap.NewModifyRequest(dn, nil)
	request.Replace(name, values)
	require.NoError(t, c.admin(t).Modify(request))
}

// Join adds a member.
func (c Client) Join(t *testing.T, group, dn string) {
	t.Helper()
	request := ldap.NewModifyRequest(c.group(group), nil)
	request.Add("member", []string{dn})
	require.NoError(t, c.admin(t).Modify(request))
}

// Leave removes a member.
func (c Client) Leave(t *testing.T, group, dn string) {
	t.Helper()
	request := ldap.NewModifyRequest(c.group(group), nil)
	request.Delete("member", []string{dn})
	require.NoError(t, c.admin(t).Modify(request))
}
