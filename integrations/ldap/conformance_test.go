package ldap_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/directory"
	"fermata/activities/directory/directorytest"
	"fermata/activities/secret"
	"fermata/integrations/ldap"
	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/faults"
	emulator "fermata/sandbox/estate/ldap"
)

const (
	adminDN       = "cn=admin,dc=estate,dc=test"
	adminPassword = "correct-horse-battery"
	wrongPassword = "not-the-password-at-all"
)

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

type bench struct {
	folder  string
	options emulator.Options
	server  *emulator.Server
	faults  *faults.Faults
}

func setup(t *testing.T, change func(*emulator.Options)) *bench {
	t.Helper()
	b := &bench{folder: t.TempDir(), faults: &faults.Faults{}}
	b.options = emulator.Options{
		Folder: b.folder, AdminDN: adminDN, AdminPassword: adminPassword, Base: "dc=estate,dc=test",
		Groups: []string{"admins", "operators"}, Faults: b.faults,
	}
	change(&b.options)
	var err error
	b.server, err = emulator.Start(b.options)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.server.Close() })
	return b
}

func (b *bench) judge(t *testing.T) directorytest.Client {
	t.Helper()
	pem, err := os.ReadFile(certificate.File(b.folder))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	return directorytest.Client{
		URL: b.server.URL(), TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		AdminDN: adminDN, AdminPassword: adminPassword, Base: b.options.Base, People: b.server.People(), Groups: b.server.Groups(),
		Active: b.options.Flavour == emulator.ActiveDirectory,
	}
}

func (b *bench) config() ldap.Config {
	c := ldap.DefaultConfig()
	c.URL, c.CA, c.Bind, c.Password = b.server.URL(), certificate.File(b.folder), adminDN, "secret://test/password"
	c.Accounts, c.Groups.Base, c.Timeout = b.server.People(), b.server.Groups(), 10*time.Second
	if b.options.Flavour == emulator.ActiveDirectory {
		c.Flavour, c.UPN = ldap.ActiveDirectory, "estate.test"
		c.Keys = ldap.Keys{Attribute: "altSecurityIdentities"}
		return c
	}
	c.Disable.Policy = b.server.Policy()
	c.Keys = ldap.Keys{Attribute: "sshPublicKey", Class: "ldapPublicKey"}
	c.Posix = &ldap.Posix{UIDs: "20000-29999", GID: 20000}
	return c
}

func driver(t *testing.T, c ldap.Config, password string) directory.Directory {
	t.Helper()
	d, err := ldap.New(c, secrets{"password": password})
	require.NoError(t, err)
	return d
}

func run(t *testing.T, options func(*emulator.Options), configure func(*ldap.Config, *emulator.Server)) {
	t.Helper()
	directorytest.Run(t, directorytest.Bench{Open: func(t *testing.T) directorytest.System {
		t.Helper()
		b := setup(t, options)
		c := b.config()
		configure(&c, b.server)
		weak := c
		weak.Bind = b.reader(t)
		return directorytest.System{
			Driver: func(t *testing.T) directory.Directory { t.Helper(); return driver(t, c, adminPassword) },
			Denied: func(t *testing.T) directory.Directory { t.Helper(); return driver(t, c, wrongPassword) },
			Weak:   func(t *testing.T) directory.Directory { t.Helper(); return driver(t, weak, "reader-password-1") },
			Secret: wrongPassword, Group: "admins", Other: "operators", Missing: "wizards",
			Keys: c.Keys.Attribute != "", Numbers: c.Posix != nil, Judge: b.judge(t), Lose: b.faults.LoseNext, Down: b.faults.SetDown,
		}
	}})
}

// reader makes an account that may look.
func (b *bench) reader(t *testing.T) string {
	t.Helper()
	judge := b.judge(t)
	judge.People = "ou=services,dc=estate,dc=test"
	dn := judge.Make(t, "reader", "")
	judge.SetPassword(t, dn, "reader-password-1")
	return dn
}

func plain(*emulator.Options) {}

func TestOpenLDAP(t *testing.T) {
	t.Parallel()
	run(t, plain, func(*ldap.Config, *emulator.Server) {})
}

// TestOpenLDAPByStartTLS has neither keys nor numbers.
func TestOpenLDAPByStartTLS(t *testing.T) {
	t.Parallel()
	run(t, plain, func(c *ldap.Config, s *emulator.Server) { c.URL, c.Keys, c.Posix = s.PlainURL(), ldap.Keys{}, nil })
}

// TestOpenLDAPWithoutUnique keeps numbers apart by itself.
func TestOpenLDAPWithoutUnique(t *testing.T) {
	t.Parallel()
	run(t, func(o *emulator.Options) { o.LooseNumbers = true }, func(*ldap.Config, *emulator.Server) {})
}

func TestActiveDirectory(t *testing.T) {
	t.Parallel()
	run(t, func(o *emulator.Options) { o.Flavour = emulator.ActiveDirectory }, func(*ldap.Config, *emulator.Server) {})
}
