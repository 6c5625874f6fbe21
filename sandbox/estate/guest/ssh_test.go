package guest_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func TestSSH(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, result{"deploy /home/deploy web-01\n", "", 0}, f.ssh("echo $(whoami) $PWD $(hostname)", ""))
	require.Equal(t, result{"from stdin", "", 0}, f.ssh("cat", "from stdin"))
	require.Equal(t, 7, f.ssh("exit 7", "").code)
	require.Equal(t, "root\n", f.ssh("sudo -n -- whoami", "").out)
	require.Equal(t, "a b|c\n", f.ssh(`sudo -n -- flock -w 60 -E 75 /run/lock/fermata.lock sh -c 'echo "$1|$2"' fermata "a b" c`, "").out)
	missing := f.ssh("foo", "")
	require.Equal(t, 127, missing.code)
	require.Equal(t, "bash: line 1: foo: command not found\n", missing.err)
	require.Equal(t, "sh: 1: foo: not found\n", f.ssh("sh -c foo", "").err)
}

func TestSSHRefuses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	stranger, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	for _, user := range []string{"deploy", "root", "nobody", "../root"} {
		_, err = f.dial(user, stranger)
		require.ErrorContains(t, err, "unable to authenticate", user)
	}
	_, err = f.dial("nobody", f.signer)
	require.ErrorContains(t, err, "unable to authenticate")
	_, _, err = f.client().OpenChannel("direct-tcpip", nil)
	require.ErrorContains(t, err, "malformed destination")
	_, err = f.client().Dial("tcp", "10.20.0.250:5432")
	require.Error(t, err, "nobody is there")
	_, _, err = f.client().OpenChannel("x11", nil)
	require.ErrorContains(t, err, "unsupported channel type")
	_, err = f.client().Listen("tcp", "127.0.0.1:0")
	require.Error(t, err)
}

func TestSSHFaults(t *testing.T) {
	t.Parallel()
	f := setup(t)
	client := f.client()
	run := func(line string) error {
		session, err := client.NewSession()
		require.NoError(t, err)
		return session.Run(line)
	}
	f.faults.FailNext(1)
	require.ErrorContains(t, run("true"), "command true failed")
	f.faults.LoseNext(1)
	require.NoError(t, run("cat /etc/hostname"), "reading does not use the loss up")
	var lost *ssh.ExitMissingError
	require.ErrorAs(t, run("echo x > /tmp/made"), &lost)
	require.Equal(t, "x", f.root("cat /tmp/made"))
	f.faults.SetDown(true)
	_, err := f.dial("deploy", f.signer)
	require.Error(t, err)
}

func TestSFTP(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c := f.sftp()
	require.NoError(t, c.Mkdir("/home/deploy/d"))
	w, err := c.Create("/home/deploy/d/file")
	require.NoError(t, err)
	_, err = w.Write([]byte(strings.Repeat("x", 100_000)))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, c.Chmod("/home/deploy/d/file", 0o600))
	require.NoError(t, c.Rename("/home/deploy/d/file", "/home/deploy/d/b"))
	require.NoError(t, c.PosixRename("/home/deploy/d/b", "/home/deploy/d/file"))
	require.Equal(t, "600 deploy deploy 100000", f.root("stat -c '%a %U %G %s' /home/deploy/d/file"))
	require.NoError(t, c.Symlink("/etc/hostname", "/home/deploy/link"))
	r, err := c.Open("/home/deploy/link")
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "web-01\n", string(text))
	entries, err := c.ReadDir("/home/deploy/d")
	require.NoError(t, err)
	require.Len(t, entries, 1)

	_, err = c.Create("/etc/shadow2")
	require.ErrorContains(t, err, "permission denied")
	_, err = c.Open("/etc/shadow")
	require.ErrorContains(t, err, "permission denied")
	_, err = c.Open("/nonexistent")
	require.ErrorContains(t, err, "file does not exist")
	require.Error(t, c.Rename("/home/deploy/link", "/home/deploy/d"))
	require.Error(t, c.Remove("/etc/hostname"))
	require.Error(t, c.Chown("/home/deploy/d/file", 0, 0))
	require.Error(t, c.RemoveDirectory("/home/deploy/d"))
}
