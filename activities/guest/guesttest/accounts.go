package guesttest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/guest"
	"fermata/activities/operation"
)

// person has a key of an account.
type person struct {
	signer ssh.Signer
	public string
}

func newPerson(t *testing.T) person {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return person{signer: signer, public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " ada"}
}

// logIn comes in by SSH as somebody, without the driver.
func (f fixture) logIn(name string, p person) (*ssh.Client, error) {
	h := f.Host()
	trusted, _, _, _, err := ssh.ParseAuthorizedKey([]byte(h.Keys[0]))
	require.NoError(f.t, err)
	client, err := ssh.Dial("tcp", net.JoinHostPort(h.Address, strconv.Itoa(h.Port)), &ssh.ClientConfig{
		User: name, Auth: []ssh.AuthMethod{ssh.PublicKeys(p.signer)}, HostKeyCallback: ssh.FixedHostKey(trusted),
		HostKeyAlgorithms: []string{trusted.Type()}, Timeout: 20 * time.Second,
	})
	if err == nil {
		f.t.Cleanup(func() { _ = client.Close() })
	}
	return client, err
}

// as runs a line as somebody who logs in for it.
func (f fixture) as(name string, p person, line string) (out string, err error) {
	f.t.Helper()
	client, err := f.logIn(name, p)
	require.NoError(f.t, err, "%s is let in", name)
	defer func() { _ = client.Close() }()
	session, err := client.NewSession()
	require.NoError(f.t, err)
	var said bytes.Buffer
	session.Stdout = &said
	err = session.Run(line)
	return strings.TrimSpace(said.String()), err
}

func (f fixture) refusesLogin(name string, p person) {
	f.t.Helper()
	_, err := f.logIn(name, p)
	require.ErrorContains(f.t, err, "unable to authenticate", "%s is not let in", name)
}

func accountOp(run string) operation.Op {
	return operation.Op{Key: operation.Key{Run: run, Step: "accounts/local", Target: "ada"}, Owner: "instance/web-01"}
}

func (f fixture) account(a guest.Account) (guest.Changes, error) {
	return f.access.EnsureAccount(f.t.Context(), accountOp(run), f.Host(), a, progress())
}

func (f fixture) disable(name string) (guest.Changes, error) {
	return f.access.DisableAccount(f.t.Context(), accountOp(otherRun), f.Host(), name, progress())
}

func (f fixture) remove(name string) (guest.Changes, error) {
	return f.access.RemoveAccount(f.t.Context(), accountOp(otherRun), f.Host(), name, progress())
}

// everything is what an account is made of: to see that nothing was touched.
const everything = `cat /etc/passwd /etc/group /etc/shadow; for f in /etc/sudoers.d/*; do echo "$f"; cat "$f"; done; ls -l /home /etc/sudoers.d`

func (f fixture) untouched(do func()) {
	f.t.Helper()
	before := f.root("%s", everything)
	do()
	require.Equal(f.t, before, f.root("%s", everything))
}

func ada(p person) guest.Account {
	return guest.Account{
		Name: "ada", Groups: []string{"adm", "users"}, Keys: []string{p.public},
		Sudo: []string{"/usr/bin/id -u", "/usr/bin/cat /etc/shadow", `/usr/bin/whoami ""`},
	}
}

func accounts(t *testing.T, b Bench) {
	t.Run("made, let in, and may what is stated and nothing else", func(t *testing.T) { t.Parallel(); makesAccount(b.setup(t, Setup{})) })
	t.Run("without groups and rules", func(t *testing.T) { t.Parallel(); makesPlainAccount(b.setup(t, Setup{})) })
	t.Run("exactly as asked again", func(t *testing.T) { t.Parallel(); correctsAccount(b.setup(t, Setup{})) })
	t.Run("an end that has come", func(t *testing.T) { t.Parallel(); expiresAccount(b.setup(t, Setup{})) })
	t.Run("disabled, and back", func(t *testing.T) { t.Parallel(); disablesAccount(b.setup(t, Setup{})) })
	t.Run("removed, and made again", func(t *testing.T) { t.Parallel(); removesAccount(b.setup(t, Setup{})) })
	if b.LoseNext != nil {
		t.Run("lost answers", func(t *testing.T) { t.Parallel(); lostAccount(b, b.setup(t, Setup{})) })
	}
}

func makesAccount(f fixture) {
	p := newPerson(f.t)
	f.refusesLogin("ada", p)
	changes, err := f.account(ada(p))
	require.NoError(f.t, err)
	require.NotEmpty(f.t, changes)
	require.Equal(f.t, "/home/ada:/bin/bash", f.root("getent passwd ada | cut -d: -f6-"))
	require.Equal(f.t, "440 root root", f.root("stat -c '%%a %%U %%G' /etc/sudoers.d/fermata-ada"))
	require.Equal(f.t, "600 ada", f.root("stat -c '%%a %%U' /home/ada/.ssh/authorized_keys"))
	for line, want := range map[string]string{
		"id -un": "ada", "id -Gn": "ada adm users", "sudo -n /usr/bin/id -u": "0", "sudo -n id -u": "0", "sudo -n /usr/bin/whoami": "root",
	} {
		out, err := f.as("ada", p, line)
		require.NoError(f.t, err, line)
		require.Equal(f.t, want, out, line)
	}
	for _, line := range []string{
		"sudo -n /usr/bin/id -un", "sudo -n /usr/bin/cat /etc/passwd", "sudo -n /usr/bin/whoami --help", "sudo -n sh -c id", "sudo -n -u daemon /usr/bin/id -u",
		"cat /etc/shadow", "touch /etc/made", "touch /etc/sudoers.d/ada",
	} {
		out, err := f.as("ada", p, line)
		require.Error(f.t, err, "%s: %s", line, out)
	}
	f.refusesLogin("ada", newPerson(f.t))
	f.untouched(func() {
		again, err := f.Access(f.t).EnsureAccount(f.t.Context(), accountOp(otherRun), f.Host(), ada(p), progress())
		require.NoError(f.t, err)
		require.Empty(f.t, again)
	})
}

func makesPlainAccount(f fixture) {
	p := newPerson(f.t)
	_, err := f.account(guest.Account{Name: "ada", Keys: []string{p.public}, Shell: "/bin/sh"})
	require.NoError(f.t, err)
	out, err := f.as("ada", p, "id -Gn; echo $0")
	require.NoError(f.t, err)
	require.Equal(f.t, "ada", strings.Fields(out)[0])
	_, err = f.as("ada", p, "sudo -n /usr/bin/id -u")
	require.Error(f.t, err)
	require.Equal(f.t, "absent", f.root("if [ -e /etc/sudoers.d/fermata-ada ]; then echo there; else echo absent; fi"))
	require.Contains(f.t, []string{"", "-1"}, f.root("getent shadow ada | cut -d: -f8"))
	require.Equal(f.t, "*", f.root("getent shadow ada | cut -d: -f2"), "no password and no lock")
}

func correctsAccount(f fixture) {
	p, other := newPerson(f.t), newPerson(f.t)
	_, err := f.account(ada(p))
	require.NoError(f.t, err)
	f.root("usermod -a -G sudo ada; gpasswd -d ada adm; usermod -s /bin/sh ada")
	f.root("echo '%s' >> /home/ada/.ssh/authorized_keys; echo 'ada ALL=(ALL) NOPASSWD: ALL' >> /etc/sudoers.d/fermata-ada", other.public)
	out, err := f.as("ada", other, "sudo -n id -un")
	require.NoError(f.t, err)
	require.Equal(f.t, "root", out)
	changes, err := f.account(ada(p))
	require.NoError(f.t, err)
	require.Len(f.t, changes, 4, "shell, groups, rules, keys: %v", changes)
	f.refusesLogin("ada", other)
	out, err = f.as("ada", p, "id -Gn")
	require.NoError(f.t, err)
	require.Equal(f.t, "ada adm users", out)
	_, err = f.as("ada", p, "sudo -n id -un")
	require.Error(f.t, err)
	less := ada(other)
	less.Sudo, less.Groups = nil, nil
	_, err = f.account(less)
	require.NoError(f.t, err)
	f.refusesLogin("ada", p)
	_, err = f.as("ada", other, "sudo -n /usr/bin/id -u")
	require.Error(f.t, err)
	less.Keys = nil
	_, err = f.account(less)
	require.NoError(f.t, err)
	f.refusesLogin("ada", other)
}

func expiresAccount(f fixture) {
	p := newPerson(f.t)
	a := ada(p)
	past, later := time.Now().Add(-72*time.Hour), time.Now().Add(72*time.Hour)
	a.Expires = &past
	_, err := f.account(a)
	require.NoError(f.t, err)
	f.refusesLogin("ada", p)
	a.Expires = &later
	_, err = f.account(a)
	require.NoError(f.t, err)
	_, err = f.as("ada", p, "true")
	require.NoError(f.t, err)
	days, err := strconv.ParseInt(f.root("getent shadow ada | cut -d: -f8"), 10, 64)
	require.NoError(f.t, err)
	require.False(f.t, time.Unix(days*24*60*60, 0).Before(later.Truncate(time.Second)), "never before its end")
	require.True(f.t, time.Unix((days-1)*24*60*60, 0).Before(later), "at most a day behind it")
	a.Expires = nil
	_, err = f.account(a)
	require.NoError(f.t, err)
	_, err = f.as("ada", p, "true")
	require.NoError(f.t, err)
}
