package ldap_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	library "github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/ldap"
)

const (
	admin    = "cn=admin,dc=estate,dc=test"
	password = "correct-horse-battery"
	people   = ",ou=people,dc=estate,dc=test"
)

func start(t *testing.T, flavour string) (*ldap.Server, *tls.Config, string) {
	t.Helper()
	folder := t.TempDir()
	s, err := ldap.Start(ldap.Options{
		Folder: folder, AdminDN: admin, AdminPassword: password, Base: "dc=estate,dc=test", Groups: []string{"admins"}, Flavour: flavour,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	pem, err := os.ReadFile(certificate.File(folder))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	return s, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: "localhost"}, folder
}

func dial(t *testing.T, url string, security *tls.Config) *library.Conn {
	t.Helper()
	conn, err := library.DialURL(url, library.DialWithTLSConfig(security))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func entry(dn string, attributes map[string][]string) *library.AddRequest {
	request := library.NewAddRequest(dn, nil)
	for name, values := range attributes {
		request.Attribute(name, values)
	}
	return request
}

func person(uid string, more map[string][]string) *library.AddRequest {
	all := map[string][]string{"objectClass": {"inetOrgPerson"}, "uid": {uid}, "cn": {uid}, "sn": {uid}}
	for name, values := range more {
		all[name] = values
	}
	return entry("uid="+uid+people, all)
}

// What slapd 2.5 refuses is refused with its code.
func TestOpenLDAPRefuses(t *testing.T) {
	t.Parallel()
	s, security, _ := start(t, ldap.OpenLDAP)
	conn := dial(t, s.URL(), security)
	require.NoError(t, conn.Bind(admin, password))
	require.NoError(t, conn.Add(person("ada", nil)))
	for code, request := range map[uint16]*library.AddRequest{
		library.LDAPResultEntryAlreadyExists:     person("ada", nil),
		library.LDAPResultConstraintViolation:    entry("cn=x"+people, map[string][]string{"objectClass": {"inetOrgPerson"}, "uid": {"ada"}, "cn": {"x"}, "sn": {"x"}}),
		library.LDAPResultUndefinedAttributeType: person("bob", map[string][]string{"nosuch": {"x"}}),
		library.LDAPResultObjectClassViolation:   person("bob", map[string][]string{"uidNumber": {"20000"}}),
		library.LDAPResultInvalidAttributeSyntax: person("bob", map[string][]string{"objectClass": {"nosuch"}}),
		library.LDAPResultNoSuchObject:           entry("uid=bob,ou=nowhere"+people, map[string][]string{"objectClass": {"inetOrgPerson"}, "cn": {"x"}, "sn": {"x"}}),
		library.LDAPResultInvalidDNSyntax:        entry("bob", map[string][]string{"objectClass": {"inetOrgPerson"}}),
	} {
		err := conn.Add(request)
		require.True(t, library.IsErrorWithCode(err, code), "%d: %v", code, err)
	}
	change := library.NewModifyRequest("cn=admins,ou=groups,dc=estate,dc=test", nil)
	change.Delete("member", []string{admin})
	require.True(t, library.IsErrorWithCode(conn.Modify(change), library.LDAPResultObjectClassViolation), "the last member")
	require.True(t, library.IsErrorWithCode(conn.Del(library.NewDelRequest("ou=people,dc=estate,dc=test", nil)), library.LDAPResultNotAllowedOnNonLeaf))
	change = library.NewModifyRequest("uid=ada"+people, nil)
	change.Replace("uid", []string{"eve"})
	require.True(t, library.IsErrorWithCode(conn.Modify(change), library.LDAPResultNotAllowedOnRDN))
}

// Who is not logged in sees nothing, who may only look changes nothing, and nobody sends a password in clear text.
func TestWhoMay(t *testing.T) {
	t.Parallel()
	s, security, _ := start(t, ldap.OpenLDAP)
	conn := dial(t, s.URL(), security)
	search := library.NewSearchRequest("dc=estate,dc=test", library.ScopeWholeSubtree, 0, 0, 0, false, "(objectClass=*)", nil, nil)
	_, err := conn.Search(search)
	require.True(t, library.IsErrorWithCode(err, library.LDAPResultNoSuchObject), "%v", err)
	require.True(t, library.IsErrorWithCode(conn.Add(person("ada", nil)), library.LDAPResultStrongAuthRequired))
	require.NoError(t, conn.Bind(admin, password))
	require.NoError(t, conn.Add(person("ada", map[string][]string{"userPassword": {"Ada-Password-1"}})))
	found, err := conn.Search(search)
	require.NoError(t, err)
	for _, e := range found.Entries {
		require.Empty(t, e.GetAttributeValues("userPassword"))
	}
	require.NoError(t, conn.Bind("uid=ada"+people, "Ada-Password-1"))
	require.True(t, library.IsErrorWithCode(conn.Add(person("bob", nil)), library.LDAPResultInsufficientAccessRights))
	who, err := conn.WhoAmI(nil)
	require.NoError(t, err)
	require.Equal(t, "dn:uid=ada"+people, who.AuthzID)
	clear := dial(t, s.PlainURL(), security)
	require.True(t, library.IsErrorWithCode(clear.Bind(admin, password), library.LDAPResultConfidentialityRequired))
	require.NoError(t, clear.StartTLS(security))
	require.NoError(t, clear.Bind(admin, password))
}

// No password stands in the state.
func TestPasswordsAreHashed(t *testing.T) {
	t.Parallel()
	s, security, folder := start(t, ldap.OpenLDAP)
	conn := dial(t, s.URL(), security)
	require.NoError(t, conn.Bind(admin, password))
	require.NoError(t, conn.Add(person("ada", map[string][]string{"userPassword": {"Ada-Password-1"}})))
	state, err := os.ReadFile(filepath.Join(folder, "directory.json"))
	require.NoError(t, err)
	require.Contains(t, string(state), "uid=ada")
	require.NotContains(t, string(state), "Ada-Password-1")
	require.NotContains(t, string(state), password)
}

// A search is cut at the limit; page by page everything is found.
func TestPages(t *testing.T) {
	t.Parallel()
	s, security, _ := start(t, ldap.OpenLDAP)
	conn := dial(t, s.URL(), security)
	require.NoError(t, conn.Bind(admin, password))
	for i := range 12 {
		require.NoError(t, conn.Add(person(fmt.Sprintf("ada%d", i), nil)))
	}
	search := func(limit int) *library.SearchRequest {
		return library.NewSearchRequest("ou=people,dc=estate,dc=test", library.ScopeWholeSubtree, 0, limit, 0, false, "(uid=ada*)", []string{"uid"}, nil)
	}
	found, err := conn.Search(search(5))
	require.True(t, library.IsErrorWithCode(err, library.LDAPResultSizeLimitExceeded))
	require.Len(t, found.Entries, 5)
	found, err = conn.SearchWithPaging(search(0), 5)
	require.NoError(t, err)
	require.Len(t, found.Entries, 12)
}

// A domain controller makes an enabled account only with a password, and a login name once.
func TestActiveDirectoryRefuses(t *testing.T) {
	t.Parallel()
	s, security, _ := start(t, ldap.ActiveDirectory)
	conn := dial(t, s.URL(), security)
	require.NoError(t, conn.Bind(admin, password))
	user := func(cn, login string, more map[string][]string) *library.AddRequest {
		all := map[string][]string{"objectClass": {"user"}, "cn": {cn}, "sAMAccountName": {login}}
		for name, values := range more {
			all[name] = values
		}
		return entry("cn="+cn+people, all)
	}
	err := conn.Add(user("ada", "ada", map[string][]string{"userAccountControl": {"512"}}))
	require.True(t, library.IsErrorWithCode(err, library.LDAPResultUnwillingToPerform), "%v", err)
	require.NoError(t, conn.Add(user("ada", "ada", nil)))
	err = conn.Add(user("other", "ADA", nil))
	require.True(t, library.IsErrorWithCode(err, library.LDAPResultEntryAlreadyExists), "%v", err)
	err = conn.Add(user("bob", "bob", map[string][]string{"description": {"a", "b"}}))
	require.True(t, library.IsErrorWithCode(err, library.LDAPResultConstraintViolation), "%v", err)
	join := library.NewModifyRequest("cn=admins,ou=groups,dc=estate,dc=test", nil)
	join.Add("member", []string{"cn=nobody" + people})
	require.True(t, library.IsErrorWithCode(conn.Modify(join), library.LDAPResultNoSuchObject))
	set := library.NewModifyRequest("cn=ada"+people, nil)
	set.Replace("unicodePwd", []string{"not-in-quotes"})
	require.True(t, library.IsErrorWithCode(conn.Modify(set), library.LDAPResultUnwillingToPerform))
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []ldap.Options{
		{},
		{Folder: t.TempDir(), AdminDN: admin, AdminPassword: "short", Base: "dc=a"},
		{Folder: t.TempDir(), AdminDN: admin, AdminPassword: password, Base: "o=a"},
		{Folder: t.TempDir(), AdminDN: "admin", AdminPassword: password, Base: "dc=a"},
		{Folder: t.TempDir(), AdminDN: admin, AdminPassword: password, Base: "dc=a", Flavour: "novell"},
	} {
		_, err := ldap.Start(o)
		require.Error(t, err)
	}
}
