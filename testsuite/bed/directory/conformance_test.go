package directory_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	port "fermata/activities/directory"
	"fermata/activities/directory/directorytest"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/ldap"
	"fermata/testsuite/bed/directory"
	"fermata/testsuite/bed/host"
)

func TestMain(m *testing.M) { os.Exit(host.Main(m, host.Installed(directory.Packages()))) }

const wrongPassword = "not-the-password-at-all"

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

func setup(t *testing.T) *directory.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	server, err := directory.Start(ctx, host.Folder(t))
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(server.Log())
		}
		require.NoError(t, server.Stop())
	})
	return server
}

func configOf(s *directory.Server) ldap.Config {
	c := ldap.DefaultConfig()
	c.URL, c.CA, c.Bind, c.Password = "ldaps://"+s.Behind, s.CAFile(), directory.Worker, "secret://test/password"
	c.Accounts, c.Groups.Base, c.Disable.Policy = directory.People, directory.Groups, directory.Policy
	c.Keys = ldap.Keys{Attribute: "sshPublicKey", Class: "ldapPublicKey"}
	c.Posix = &ldap.Posix{UIDs: "20000-29999", GID: 20000}
	return c
}

func driver(t *testing.T, c ldap.Config, password string) port.Directory {
	t.Helper()
	d, err := ldap.New(c, secrets{"password": password})
	require.NoError(t, err)
	return d
}

// judge asks by OpenLDAP's own tools; what others do in the directory is done by LDAP as the administrator.
type judge struct {
	directorytest.Client
	server *directory.Server
}

func judgeOf(t *testing.T, s *directory.Server) judge {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	return judge{server: s, Client: directorytest.Client{
		URL: "ldaps://" + s.Address, TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		AdminDN: directory.Admin, AdminPassword: s.Password, Base: directory.Base, People: directory.People, Groups: directory.Groups,
	}}
}

func (j judge) LogsIn(t *testing.T, dn, password string) bool {
	t.Helper()
	in, err := j.server.LogsIn(t.Context(), dn, password)
	require.NoError(t, err)
	return in
}

func (j judge) Attribute(t *testing.T, dn, name string) []string {
	t.Helper()
	out, err := j.server.Search(t.Context(), dn, "base", name)
	if err != nil && strings.Contains(out, "No such object (32)") {
		return nil
	}
	require.NoError(t, err)
	var values []string
	for line := range strings.Lines(out) {
		value, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), name+":")
		if !found {
			continue
		}
		if text, encoded := strings.CutPrefix(value, ": "); encoded {
			raw, err := base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
			value = string(raw)
		}
		values = append(values, strings.TrimPrefix(value, " "))
	}
	return values
}

func (j judge) Members(t *testing.T, group string) []string {
	t.Helper()
	return slices.DeleteFunc(j.Attribute(t, "cn="+group+","+directory.Groups, "member"), func(dn string) bool { return dn == directory.Admin })
}

func (j judge) Dump(t *testing.T) string {
	t.Helper()
	out, err := j.server.Search(t.Context(), directory.Base, "sub", "*", "pwdAccountLockedTime", "pwdEndTime")
	require.NoError(t, err)
	var lines []string
	dn := ""
	for _, line := range strings.Split(out, "\n") { // An entry's attributes come in the order in which they were written.
		switch {
		case strings.HasPrefix(line, "dn:"):
			dn = line
		case line != "":
			lines = append(lines, dn+" | "+line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestOpenLDAP(t *testing.T) {
	t.Parallel()
	host.Require(t)
	directorytest.Run(t, directorytest.Bench{Open: func(t *testing.T) directorytest.System {
		t.Helper()
		s := setup(t)
		c := configOf(s)
		weak := c
		weak.Bind = directory.Onlooker
		return directorytest.System{
			Driver: func(t *testing.T) port.Directory { t.Helper(); return driver(t, c, s.Password) },
			Denied: func(t *testing.T) port.Directory { t.Helper(); return driver(t, c, wrongPassword) },
			Weak:   func(t *testing.T) port.Directory { t.Helper(); return driver(t, weak, s.Password) },
			Secret: wrongPassword, Group: "admins", Other: "operators", Missing: "wizards", Keys: true, Numbers: true,
			Judge: judgeOf(t, s), Lose: s.Faults.LoseNext, Down: s.Faults.SetDown,
		}
	}})
}

var op = operation.Op{ //nolint:gochecknoglobals // A constant.
	Owner: "instance/web-01", Key: operation.Key{Run: "01JRUNA", Step: "accounts/directory", Target: "ada"},
}

// TestWithoutTheRelay goes straight to slapd, by both ways into TLS.
func TestWithoutTheRelay(t *testing.T) {
	t.Parallel()
	host.Require(t)
	s := setup(t)
	for i, url := range []string{"ldaps://" + s.Address, "ldap://" + s.Plain} {
		c := configOf(s)
		c.URL = url
		d := driver(t, c, s.Password)
		require.NoError(t, d.Check(t.Context(), []string{"admins"}))
		account := port.Account{Name: fmt.Sprintf("ada%d", i), Groups: []string{"admins"}}
		held, err := d.EnsureAccount(t.Context(), op, account, &operation.Memory{})
		require.NoError(t, err)
		require.Equal(t, []string{"cn=admins," + directory.Groups}, judgeOf(t, s).Attribute(t, held.DN, "memberOf"))
		c.CA = ""
		require.Equal(t, fault.Unauthorized, fault.KindOf(driver(t, c, s.Password).Check(t.Context(), nil)), "the machine's authorities do not know it")
	}
}

// TestWhatThePolicyDoes is the table in the driver's README: what keeps an account out under which policy.
func TestWhatThePolicyDoes(t *testing.T) {
	t.Parallel()
	host.Require(t)
	s := setup(t)
	j := judgeOf(t, s)
	d := driver(t, configOf(s), s.Password)
	held, err := d.EnsureAccount(t.Context(), op, port.Account{Name: "ada"}, &operation.Memory{})
	require.NoError(t, err)
	j.SetPassword(t, held.DN, "Correct-Horse-9")
	in := func() bool { return j.LogsIn(t, held.DN, "Correct-Horse-9") }
	require.True(t, in())
	j.Set(t, held.DN, "shadowExpire", "1")
	require.True(t, in(), "only hosts heed shadowExpire")
	j.Set(t, held.DN, "pwdEndTime", "20200101000000Z")
	require.False(t, in())
	j.Set(t, directory.Policy, "pwdLockout", "FALSE")
	require.False(t, in(), "an end needs no lockout")
	j.Set(t, held.DN, "pwdEndTime")
	_, err = d.Disable(t.Context(), op, "ada", &operation.Memory{})
	require.NoError(t, err)
	require.True(t, in(), "a lock needs one: this is why the check looks for it")
	require.Equal(t, fault.Invalid, fault.KindOf(d.Check(t.Context(), nil)))
	j.Set(t, directory.Policy, "pwdLockout", "TRUE")
	require.False(t, in())
	require.NoError(t, d.Check(t.Context(), nil))
}

// TestTheWorkersRights: its account may do no more than it needs.
func TestTheWorkersRights(t *testing.T) {
	t.Parallel()
	host.Require(t)
	s := setup(t)
	c := configOf(s)
	c.Accounts = "ou=services," + directory.Base
	_, err := driver(t, c, s.Password).EnsureAccount(t.Context(), op, port.Account{Name: "ada"}, &operation.Memory{})
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
}
