package guesttest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
	"fermata/activities/guest"
)

func disablesAccount(f fixture) {
	p := newPerson(f.t)
	_, err := f.account(ada(p))
	require.NoError(f.t, err)
	client, err := f.logIn("ada", p)
	require.NoError(f.t, err)
	session, err := client.NewSession()
	require.NoError(f.t, err)
	require.NoError(f.t, session.Start("sleep 600"))
	changes, err := f.disable("ada")
	require.NoError(f.t, err)
	require.NotEmpty(f.t, changes)
	f.ends(client)
	require.Equal(f.t, "!* 1", f.root("getent shadow ada | cut -d: -f2,8 | tr : ' '"), "locked, and expired since 1970")
	f.refusesLogin("ada", p)
	require.Equal(f.t, "no keys, no rules", f.root(`if [ -e /home/ada/.ssh/authorized_keys ]; then echo keys; elif [ -e /etc/sudoers.d/fermata-ada ]; then echo rules; else echo no keys, no rules; fi`))
	f.root("mkdir -p /home/ada/.ssh; echo '%s' > /home/ada/.ssh/authorized_keys; chown -R ada:ada /home/ada/.ssh; chmod 600 /home/ada/.ssh/authorized_keys", p.public)
	f.refusesLogin("ada", p) // Keys alone do not bring it back.
	changes, err = f.disable("ada")
	require.NoError(f.t, err)
	require.Equal(f.t, guest.Changes{"keys removed"}, changes)
	f.untouched(func() {
		changes, err = f.disable("ada")
		require.NoError(f.t, err)
		require.Empty(f.t, changes)
	})
	_, err = f.account(ada(p))
	require.NoError(f.t, err)
	out, err := f.as("ada", p, "sudo -n /usr/bin/id -u")
	require.NoError(f.t, err)
	require.Equal(f.t, "0", out)
}

// ends asserts that a connection is cut from over there.
func (f fixture) ends(client *ssh.Client) {
	f.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	select {
	case err := <-ended:
		require.Error(f.t, err)
	case <-time.After(20 * time.Second):
		require.Fail(f.t, "its session goes on")
	}
}

func removesAccount(f fixture) {
	p := newPerson(f.t)
	changes, err := f.remove("ada")
	require.NoError(f.t, err)
	require.Empty(f.t, changes)
	_, err = f.account(ada(p))
	require.NoError(f.t, err)
	_, err = f.as("ada", p, "echo mine > notes")
	require.NoError(f.t, err)
	client, err := f.logIn("ada", p)
	require.NoError(f.t, err)
	session, err := client.NewSession()
	require.NoError(f.t, err)
	require.NoError(f.t, session.Start("sleep 600"))
	changes, err = f.remove("ada")
	require.NoError(f.t, err)
	require.NotEmpty(f.t, changes)
	f.ends(client)
	f.refusesLogin("ada", p)
	require.Equal(f.t, "gone", f.root("if getent passwd ada >/dev/null; then echo there; else echo gone; fi"))
	require.Equal(f.t, "gone", f.root("if [ -e /etc/sudoers.d/fermata-ada ]; then echo there; else echo gone; fi"))
	require.Equal(f.t, "mine", f.root("cat /home/ada/notes"), "its home folder stays")
	require.Equal(f.t, "700 root", f.root("stat -c '%%a %%U' /home/ada"), "and is closed")
	changes, err = f.remove("ada")
	require.NoError(f.t, err)
	require.Empty(f.t, changes)
	_, err = f.account(guest.Account{Name: "bob"}) // It may get ada's number.
	require.NoError(f.t, err)
	_, err = f.account(ada(p))
	require.NoError(f.t, err)
	out, err := f.as("ada", p, "cat notes; stat -c %U notes")
	require.NoError(f.t, err)
	require.Equal(f.t, []string{"mine", "ada"}, strings.Fields(out))
}

// lostAccount loses one answer in each attempt until nothing is left to change.
func lostAccount(b Bench, f fixture) {
	require.NoError(f.t, f.reach())
	p := newPerson(f.t)
	for _, do := range []func() error{
		func() error { _, err := f.account(ada(p)); return err },
		func() error { _, err := f.disable("ada"); return err },
		func() error { _, err := f.account(ada(p)); return err },
		func() error { _, err := f.remove("ada"); return err },
	} {
		lost, err := 0, error(nil)
		for range 40 {
			b.LoseNext(f.Guest)
			if err = do(); err == nil {
				break
			}
			require.Equal(f.t, fault.Ambiguous, fault.KindOf(err), "%v", err)
			lost++
		}
		require.NoError(f.t, err, "it never ends")
		require.Positive(f.t, lost, "no answer was lost")
	}
	require.Equal(f.t, "gone", f.root("if getent passwd ada >/dev/null; then echo there; else echo gone; fi"))
}
