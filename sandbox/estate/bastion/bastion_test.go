package bastion_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/sandbox/estate/bastion"
	"fermata/sandbox/estate/network"
)

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return signer
}

type fixture struct {
	net     *network.Network
	bastion *bastion.Bastion
	options bastion.Options
	key     ssh.Signer
}

func setup(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{net: network.New(), key: newKey(t)}
	f.options = bastion.Options{Folder: t.TempDir(), Network: f.net, AuthorizedKeys: []string{string(ssh.MarshalAuthorizedKey(f.key.PublicKey()))}}
	f.start(t)
	return f
}

func (f *fixture) start(t *testing.T) {
	t.Helper()
	var err error
	f.bastion, err = bastion.Start(f.options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.bastion.Close()) })
}

func (f *fixture) dial(key ssh.Signer) (*ssh.Client, error) {
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(f.bastion.HostKey()))
	if err != nil {
		return nil, err
	}
	return ssh.Dial("tcp", f.bastion.Addr(), &ssh.ClientConfig{
		User: "anyone", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.FixedHostKey(host), Timeout: 10 * time.Second,
	})
}

func (f *fixture) client(t *testing.T) *ssh.Client {
	t.Helper()
	client, err := f.dial(f.key)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (f *fixture) listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := f.net.Listen(netip.MustParseAddrPort("10.20.0.11:22"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestForwards(t *testing.T) {
	t.Parallel()
	f := setup(t)
	listener := f.listen(t)
	f.net.SetName("web-01", netip.MustParseAddr("10.20.0.11"))
	from := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		from <- conn.RemoteAddr().(*net.TCPAddr).IP.String()
		_, _ = io.Copy(conn, conn)
		_ = conn.Close()
	}()
	conn, err := f.client(t).Dial("tcp", "web-01:22")
	require.NoError(t, err)
	_, err = io.WriteString(conn, "through")
	require.NoError(t, err)
	require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	text, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "through", string(text))
	require.Equal(t, "10.99.0.10", <-from)
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.listen(t)
	_, err := f.dial(newKey(t))
	require.ErrorContains(t, err, "unable to authenticate")
	client := f.client(t)
	_, err = client.NewSession()
	require.ErrorContains(t, err, "only forwards connections")
	_, err = client.Listen("tcp", "127.0.0.1:0")
	require.Error(t, err)
	_, err = client.Dial("tcp", "10.20.0.11:23")
	require.ErrorContains(t, err, "Connection refused")
	_, err = client.Dial("tcp", "10.20.0.12:22")
	require.ErrorContains(t, err, "No route to host")
	_, err = client.Dial("tcp", "nobody:22")
	require.ErrorContains(t, err, "no such host")
	_, err = client.Dial("tcp", f.bastion.Addr())
	require.ErrorContains(t, err, "No route to host", "the real loopback is not reachable through it")
	f.net.SetDropWait(time.Millisecond)
	f.net.SetFilter(func(netip.AddrPort, netip.AddrPort, string) bool { return false })
	_, err = client.Dial("tcp", "10.20.0.11:22")
	require.ErrorContains(t, err, "Connection timed out")
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	taken := f.options
	taken.Listen = f.bastion.Addr()
	_, err := bastion.Start(taken)
	require.ErrorContains(t, err, "is the port taken?")
	bad := f.options
	bad.AuthorizedKeys = []string{"nonsense"}
	_, err = bastion.Start(bad)
	require.ErrorContains(t, err, "reading authorized key")
	broken := f.options
	broken.Folder = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken.Folder, "bastion_host_ed25519_key"), []byte("x"), 0o600))
	_, err = bastion.Start(broken)
	require.ErrorContains(t, err, "remove it for a new key")
}

func TestKeepsItsKeyAndCloses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	key := f.bastion.HostKey()
	f.listen(t)
	conn, err := f.client(t).Dial("tcp", "10.20.0.11:22")
	require.NoError(t, err)
	require.NoError(t, f.bastion.Close()) // Although a forward is open.
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	_, err = f.dial(f.key)
	require.Error(t, err)
	f.start(t)
	require.Equal(t, key, f.bastion.HostKey())
	f.client(t)
}
