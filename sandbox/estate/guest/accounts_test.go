package guest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLocksExpiryAndGroups(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.root("useradd -m ann")
	require.Equal(t, "!", f.root("getent shadow ann | cut -d: -f2"))
	f.root("mkdir ~ann/.ssh; cp ~deploy/.ssh/authorized_keys ~ann/.ssh; chown -R ann ~ann/.ssh")
	login := func() error { _, err := f.dial("ann", f.signer); return err }
	require.Error(t, login(), "useradd's own password is a lock for an sshd without PAM")
	f.root("usermod -p '*' ann")
	require.NoError(t, login())
	for _, out := range []string{"usermod -L ann", "usermod -U ann; chage -E 1 ann", "chage -E 2020-01-31 ann"} {
		f.root(out)
		require.Error(t, login(), out)
	}
	require.Equal(t, "18292", f.root("getent shadow ann | cut -d: -f8"))
	f.root("chage -E -1 ann")
	require.NoError(t, login())
	f.root("usermod -G sudo,adm ann; usermod -aG users ann; gpasswd -d ann sudo")
	require.Equal(t, "ann adm users", f.root("id -Gn ann"))
	f.root("usermod -G '' ann")
	require.Equal(t, "ann", f.root("id -Gn ann"))
	f.refused(3, "not a member", "gpasswd -d ann sudo")
	f.refused(3, "does not exist", "gpasswd -a nobody-here sudo")
	f.refused(6, "does not exist", "usermod -G no-such-group ann")
	f.refused(1, "does not exist", "chage -E 1 nobody-here")
	f.refused(2, "invalid date", "chage -E tomorrow ann")
	require.NotEqual(t, 0, f.ssh("getent shadow ann", "").code, "nobody else reads it")
	require.NotEqual(t, 0, f.ssh("/usr/sbin/runuser -u ann -- id", "").code)
	require.Equal(t, "ann", f.root("runuser -u ann -- id -un"))
}

// A user's sessions are ended, and only then is the account removed.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.root("useradd -m -p '*' ann; mkdir ~ann/.ssh; cp ~deploy/.ssh/authorized_keys ~ann/.ssh; chown -R ann ~ann/.ssh")
	f.refused(1, "", "pkill -KILL -u ann")
	client, err := f.dial("ann", f.signer)
	require.NoError(t, err)
	session, err := client.NewSession()
	require.NoError(t, err)
	require.NoError(t, session.Start("sleep 600"))
	f.refused(8, "currently used", "userdel ann")
	f.root("pgrep -u ann; pkill -KILL -u ann")
	require.Error(t, client.Wait())
	f.root("while pgrep -u ann; do sleep 0.01; done; userdel ann")
	f.refused(2, "", "getent passwd ann")
	f.refused(2, "", "getent shadow ann")
}

// sudo heeds no file that others may write, and none with a dot in its name.
func TestSudoFiles(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.root("useradd -m -p '*' ann; echo 'ann ALL=(root) NOPASSWD: /usr/bin/id -u' > /etc/sudoers.d/ann; chmod 440 /etc/sudoers.d/ann")
	require.Equal(t, "0", f.root("runuser -u ann -- sudo -n id -u"))
	f.refused(1, "a password is required", "runuser -u ann -- sudo -n id -un")
	f.refused(1, "a password is required", "chmod 666 /etc/sudoers.d/ann; runuser -u ann -- sudo -n id -u")
	f.refused(1, "a password is required", "chmod 440 /etc/sudoers.d/ann; mv /etc/sudoers.d/ann /etc/sudoers.d/ann.new; runuser -u ann -- sudo -n id -u")
	f.refused(1, "syntax error", "echo 'ann ALL=(root) NOPASSWD: id' | visudo -c -f -")
}
