package ldap_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/directory"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/ldap"
	"fermata/sandbox/estate/certificate"
	emulator "fermata/sandbox/estate/ldap"
)

var op = operation.Op{ //nolint:gochecknoglobals // A constant.
	Owner: "instance/web-01", Key: operation.Key{Run: "01JRUNA", Step: "accounts/directory", Target: "ada"},
}

// Both ways into TLS refuse a certificate that nobody vouches for, before the password is sent.
func TestTheCertificateIsVerified(t *testing.T) {
	t.Parallel()
	b, other := setup(t, plain), setup(t, plain)
	for _, url := range []string{b.server.URL(), b.server.PlainURL()} {
		c := b.config()
		c.URL, c.CA = url, certificate.File(other.folder)
		err := driver(t, c, adminPassword).Check(t.Context(), nil)
		require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "certificate")
	}
}

// A server that does no TLS is never told the password.
func TestWithoutTLSNothingIsSent(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	received := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		buffer := make([]byte, 4096)
		n, _ := conn.Read(buffer)
		// An extended response with the code protocolError (2): it does not know StartTLS.
		_, _ = conn.Write([]byte("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00"))
		rest, _ := conn.Read(buffer[n:])
		received <- string(buffer[:n+rest])
	}()
	b := setup(t, plain)
	c := b.config()
	c.URL = "ldap://" + listener.Addr().String()
	err = driver(t, c, adminPassword).Check(t.Context(), nil)
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.NotContains(t, <-received, adminPassword)
}

// A directory that has no policy with pwdLockout would ignore that an account is disabled: the check says so.
func TestThePolicyMustLock(t *testing.T) {
	t.Parallel()
	b := setup(t, plain)
	d := driver(t, b.config(), adminPassword)
	require.NoError(t, d.Check(t.Context(), nil))
	b.judge(t).Set(t, b.server.Policy(), "pwdLockout", "FALSE")
	err := d.Check(t.Context(), nil)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.ErrorContains(t, err, "pwdLockout")
	c := b.config()
	c.Disable.Policy = "cn=other,ou=policies,dc=estate,dc=test"
	require.Equal(t, fault.NotFound, fault.KindOf(driver(t, c, adminPassword).Check(t.Context(), nil)))
}

// A directory that was restarted has lost nothing, and the driver goes on.
func TestARestartIsNoMatter(t *testing.T) {
	t.Parallel()
	b := setup(t, plain)
	d := driver(t, b.config(), adminPassword)
	_, err := d.EnsureAccount(t.Context(), op, directory.Account{Name: "ada"}, &operation.Memory{})
	require.NoError(t, err)
	b.server.Disconnect()
	found, err := d.Find(t.Context(), "ada", "")
	require.NoError(t, err)
	require.NoError(t, b.server.Close())
	restarted, err := emulator.Start(b.options)
	require.NoError(t, err)
	t.Cleanup(func() { _ = restarted.Close() })
	c := b.config()
	c.URL = restarted.URL()
	again, err := driver(t, c, adminPassword).Find(t.Context(), "ada", "")
	require.NoError(t, err)
	require.Equal(t, found, again)
}

// Where accounts are disabled by an attribute, that attribute and nothing else is written.
func TestDisabledByAttribute(t *testing.T) {
	t.Parallel()
	b := setup(t, plain)
	c := b.config()
	c.Disable = ldap.Disable{Attribute: "employeeType", Value: "disabled"}
	d := driver(t, c, adminPassword)
	_, err := d.EnsureAccount(t.Context(), op, directory.Account{Name: "ada"}, &operation.Memory{})
	require.NoError(t, err)
	held, err := d.Disable(t.Context(), op, "ada", &operation.Memory{})
	require.NoError(t, err)
	require.True(t, held.Disabled)
	require.Equal(t, []string{"disabled"}, b.judge(t).Attribute(t, held.DN, "employeeType"))
	require.Empty(t, b.judge(t).Attribute(t, held.DN, "pwdAccountLockedTime"))
	held, err = d.Enable(t.Context(), op, "ada", &operation.Memory{})
	require.NoError(t, err)
	require.False(t, held.Disabled)
	end := time.Now().Add(time.Hour)
	c.Posix = nil
	_, err = driver(t, c, adminPassword).EnsureAccount(t.Context(), op, directory.Account{Name: "ada", Expires: &end}, &operation.Memory{})
	require.Equal(t, fault.Invalid, fault.KindOf(err), "nothing would end it: %v", err)
}

// The lowest free number is given, and a range that is full is said to be.
func TestNumbersOfARange(t *testing.T) {
	t.Parallel()
	b := setup(t, plain)
	c := b.config()
	c.Posix.UIDs = "20000-20001"
	d := driver(t, c, adminPassword)
	for i, name := range []string{"ada", "bob"} {
		held, err := d.EnsureAccount(t.Context(), op, directory.Account{Name: name}, &operation.Memory{})
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprint(20000 + i)}, b.judge(t).Attribute(t, held.DN, "uidNumber"))
		require.Equal(t, []string{"/home/" + name}, b.judge(t).Attribute(t, held.DN, "homeDirectory"))
	}
	_, err := d.EnsureAccount(t.Context(), op, directory.Account{Name: "eve"}, &operation.Memory{})
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.ErrorContains(t, err, "posix.uids")
	require.NoError(t, d.RemoveAccount(t.Context(), op, "ada", &operation.Memory{}))
	held, err := d.EnsureAccount(t.Context(), op, directory.Account{Name: "eve"}, &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, []string{"20000"}, b.judge(t).Attribute(t, held.DN, "uidNumber"))
}

// A group that would be empty keeps its last member: the directory refuses, and the fault says what to do.
func TestTheLastMemberStays(t *testing.T) {
	t.Parallel()
	b := setup(t, plain)
	d := driver(t, b.config(), adminPassword)
	_, err := d.EnsureAccount(t.Context(), op, directory.Account{Name: "ada", Groups: []string{"admins"}}, &operation.Memory{})
	require.NoError(t, err)
	b.judge(t).Leave(t, "admins", adminDN)
	err = d.RemoveAccount(t.Context(), op, "ada", &operation.Memory{})
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.ErrorContains(t, err, "member that stays")
}

// A login name that somebody has outside of the folder of accounts is a Conflict.
func TestANameOutsideOfTheFolder(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *emulator.Options) { o.Flavour = emulator.ActiveDirectory })
	elsewhere := b.judge(t)
	elsewhere.People = "ou=services,dc=estate,dc=test"
	elsewhere.Make(t, "ada", "")
	_, err := driver(t, b.config(), adminPassword).EnsureAccount(t.Context(), op, directory.Account{Name: "ada"}, &operation.Memory{})
	require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "outside")
	_, err = driver(t, b.config(), adminPassword).EnsureAccount(t.Context(), op, directory.Account{Name: "a23456789012345678901"}, &operation.Memory{})
	require.Equal(t, fault.Invalid, fault.KindOf(err), "too long for sAMAccountName")
}
