package machine_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
)

func TestMain(m *testing.M) {
	os.Exit(host.Main(m, host.Installed([]string{"procps"}, network.Packages, machine.Packages)))
}

type bench struct {
	*testing.T
	ctx    context.Context
	net    *network.Network
	signer ssh.Signer
	o      machine.Options
}

func setup(t *testing.T) *bench {
	t.Helper()
	host.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	n, err := network.New(ctx)
	require.NoError(t, err)
	folder := host.Folder(t)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	require.NoError(t, n.Add(ctx, "lan"))
	require.NoError(t, n.AddAddress(ctx, "lan", "lo", netip.MustParsePrefix("10.1.0.5/32")))
	private, public, err := machine.NewKey()
	require.NoError(t, err)
	signer, err := ssh.ParsePrivateKey(private)
	require.NoError(t, err)
	return &bench{T: t, ctx: ctx, net: n, signer: signer, o: machine.Options{
		Name: "edge-01", Network: n, Namespace: "lan", Address: "10.1.0.5", AuthorizedKeys: []string{public}, Folder: folder,
		Files: map[string]string{"/etc/edge.conf": "as shipped\n"},
	}}
}

func (b *bench) start() *machine.Machine {
	b.Helper()
	m, err := machine.Start(b.ctx, b.o)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, m.Stop()) })
	return m
}

// run logs in and runs a line.
func (b *bench) run(m *machine.Machine, user, line string) string {
	b.Helper()
	known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(m.HostKey()))
	require.NoError(b, err)
	raw, err := b.net.Dialer("lan", &net.Dialer{})(b.ctx, "tcp", m.SSH())
	require.NoError(b, err)
	conn, channels, requests, err := ssh.NewClientConn(raw, m.SSH(), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(b.signer)}, HostKeyCallback: ssh.FixedHostKey(known),
	})
	require.NoError(b, err)
	client := ssh.NewClient(conn, channels, requests)
	defer client.Close()
	session, err := client.NewSession()
	require.NoError(b, err)
	out, _ := session.CombinedOutput(line)
	return string(out)
}

func TestAccountsAndItsOwnFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.start()
	require.Equal(t, "edge-01 deploy\n", b.run(m, machine.User, "echo $(hostname) $(id -un)"))
	require.Equal(t, "root\n", b.run(m, machine.User, "sudo -n id -un"))
	require.Contains(t, b.run(m, machine.Guest, "sudo -n id -un"), "a password is required")
	b.run(m, machine.User, "sudo -n sh -c 'echo changed > /etc/edge.conf; rm /etc/debian_version'")
	text, err := m.ReadFile("/etc/edge.conf")
	require.NoError(t, err)
	require.Equal(t, "changed\n", text)
	require.FileExists(t, "/etc/debian_version", "the bed's own files stay")
	require.NoFileExists(t, "/etc/edge.conf")
}

func TestRestartKeepsFilesAndHostKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.start()
	require.NoError(t, m.WriteFile("/etc/edge.conf", "changed\n"))
	key := m.HostKey()
	m.Kill()
	again := b.start()
	require.Equal(t, key, again.HostKey())
	require.Equal(t, "changed\n", b.run(again, machine.User, "cat /etc/edge.conf"))
}

func TestWhatWasStartedEndsWithTheMachine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.start()
	b.run(m, machine.User, "setsid sleep 1006 > /dev/null 2>&1 < /dev/null &")
	d, err := m.Start(b.ctx, host.Daemon{Name: "sleep", Args: []string{"sleep", "1007"}})
	require.NoError(t, err)
	out, err := m.Run(b.ctx, "", "ps", "-e", "-o", "args")
	require.NoError(t, err)
	require.Contains(t, out, "sleep 1006")
	require.Contains(t, out, "sleep 1007")
	require.NoError(t, m.Stop())
	<-d.Done()
}
