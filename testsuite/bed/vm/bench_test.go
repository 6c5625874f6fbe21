//go:build vm

package vm_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations"
	"fermata/integrations/linux"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
	"fermata/testsuite/bed/repository"
	"fermata/testsuite/bed/vm"
)

func TestMain(m *testing.M) { os.Exit(host.Main(m)) }

const (
	diskUUID  = "6000C29a-1111-2222-3333-444455556666"
	diskBytes = 1 << 30
	namespace = "vm"
)

// bench is a booted machine with a driver, and an apt repository that it reaches.
type bench struct {
	*testing.T
	machine    *vm.Machine
	net        *network.Network
	repository *repository.Repository
	access     *linux.Access
	gate       *network.Gate
	signer     ssh.Signer
}

// key answers every reference with the one private key.
type key []byte

func (k key) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.NewValue(k), nil
}

func setup(t *testing.T) *bench {
	t.Helper()
	host.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 35*time.Minute)
	t.Cleanup(cancel)
	require.NoError(t, host.Install(ctx, append(vm.Packages(), repository.Packages()...)...))
	b := &bench{T: t}
	var err error
	b.net, err = network.New(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.net.Close()) })
	require.NoError(t, b.net.Add(ctx, namespace))
	b.repository, err = repository.Build(ctx, host.Folder(t))
	require.NoError(t, err)
	listener, err := b.net.Listen(ctx, namespace, "127.0.0.1:80")
	require.NoError(t, err)
	stop := b.repository.Serve(listener)
	t.Cleanup(func() { require.NoError(t, stop()) })
	private, public, err := machine.NewKey()
	require.NoError(t, err)
	b.signer, err = ssh.ParsePrivateKey(private)
	require.NoError(t, err)
	b.boot(ctx, public)
	b.gate, err = b.net.Forward(ctx, namespace, vm.SSH)
	require.NoError(t, err)
	b.access, err = linux.New(linux.Config{Key: "secret://bed/key", FirstBoot: 10 * time.Minute, Timeout: time.Minute}, integrations.Environment{Secrets: key(private)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.access.Close(context.Background()) })
	return b
}

func (b *bench) boot(ctx context.Context, public string) {
	b.Helper()
	var err error
	b.machine, err = vm.Start(ctx, vm.Options{
		Name: "fresh", Folder: host.Folder(b.T), Network: b.net, Namespace: namespace, AuthorizedKey: public, DiskUUID: diskUUID, DiskBytes: diskBytes,
	})
	require.NoError(b, err)
	b.Cleanup(func() {
		if b.Failed() {
			b.Logf("the console:\n%s", b.machine.Tail(60))
		}
		require.NoError(b, b.machine.Stop())
	})
}

func (b *bench) host() guest.Host {
	at := netip.MustParseAddrPort(b.gate.Address())
	return guest.Host{Name: "fresh", Address: at.Addr().String(), Port: int(at.Port()), User: vm.User, Keys: []string{b.machine.HostKey}}
}

// root runs a script past the driver.
func (b *bench) root(script string) string {
	b.Helper()
	known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(b.machine.HostKey))
	require.NoError(b, err)
	raw, err := b.net.Dialer(namespace, &net.Dialer{})(b.Context(), "tcp", vm.SSH)
	require.NoError(b, err)
	conn, channels, requests, err := ssh.NewClientConn(raw, vm.SSH, &ssh.ClientConfig{
		User: vm.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(b.signer)}, HostKeyCallback: ssh.FixedHostKey(known),
	})
	require.NoError(b, err)
	client := ssh.NewClient(conn, channels, requests)
	defer client.Close()
	session, err := client.NewSession()
	require.NoError(b, err)
	session.Stdin = strings.NewReader(script)
	out, err := session.CombinedOutput("sudo -n sh -s")
	require.NoError(b, err, "%s: %s", script, out)
	return strings.TrimSpace(string(out))
}

func op(step string) operation.Op {
	return operation.Op{Key: operation.Key{Run: "01K0000000000000000000RUN1", Step: step, Target: "web-01"}, Owner: "server/web-01"}
}
