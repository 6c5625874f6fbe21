// Package ansible runs the suite of activities/configuration with Debian's ansible-core against Debian behind OpenSSH, in
// network namespaces of this machine.
package ansible

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/configuration"
	"fermata/activities/configuration/configurationtest"
	"fermata/activities/secret"
	"fermata/integrations"
	"fermata/integrations/ansible"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
)

var packages = []string{"ansible-core", "openssh-client"}

func TestMain(m *testing.M) {
	if os.Getenv(workerMark) != "" {
		if err := work(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(host.Main(m, host.Installed(network.Packages, machine.Packages, guests.Packages, packages), guests.Prepare))
}

// lab is a network with guests, and the key that they accept.
type lab struct {
	ctx     context.Context
	net     *network.Network
	image   string
	private []byte
	public  string
	booted  atomic.Int64
}

const namespace = "guests"

func newLab(t *testing.T) *lab {
	t.Helper()
	host.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	t.Cleanup(cancel)
	n, err := network.New(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	require.NoError(t, n.Add(ctx, namespace))
	image, err := guests.Image(ctx)
	require.NoError(t, err)
	private, public, err := machine.NewKey()
	require.NoError(t, err)
	return &lab{ctx: ctx, net: n, image: image, private: private, public: public}
}

// Resolve answers every reference with the guests' private key.
func (l *lab) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.NewValue(l.private), nil
}

// debian is one guest.
type debian struct {
	lab     *lab
	machine *machine.Machine
	gate    *network.Gate
	user    string
	key     string
	project string
}

func setupOf() configurationtest.Setup { return configurationtest.Setup{} }

func (l *lab) boot(t *testing.T, s configurationtest.Setup) *debian {
	t.Helper()
	return l.bootWith(t, s, nil)
}

// bootWith boots a guest that has files of its own.
func (l *lab) bootWith(t *testing.T, s configurationtest.Setup, files map[string]string) *debian {
	t.Helper()
	accepted := l.public
	if s.NoKey {
		_, other, err := machine.NewKey()
		require.NoError(t, err)
		accepted = other
	}
	address := fmt.Sprintf("127.3.%d.1", l.booted.Add(1))
	m, err := machine.Start(l.ctx, machine.Options{
		Name: "web-01", Network: l.net, Namespace: namespace, Address: address, Root: l.image, Folder: host.Folder(t), AuthorizedKeys: []string{accepted},
		Files: files,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Stop()) })
	gate, err := l.net.Forward(l.ctx, namespace, m.SSH())
	require.NoError(t, err)
	d := &debian{lab: l, machine: m, gate: gate, user: machine.User, key: m.HostKey(), project: host.Folder(t)}
	if s.NoSudo {
		d.user = machine.Guest
	}
	require.NoError(t, os.CopyFS(d.project, os.DirFS("project")))
	return d
}

func (d *debian) Runner(t *testing.T, lockWait time.Duration) configuration.Runner {
	t.Helper()
	return d.runner(t, ansible.Config{LockWait: lockWait})
}

func (d *debian) runner(t *testing.T, cfg ansible.Config) *ansible.Runner {
	t.Helper()
	cfg.Project, cfg.Key, cfg.ConnectTimeout = d.project, "secret://bed/key", 20*time.Second
	r, err := ansible.New(cfg, integrations.Environment{Secrets: d.lab})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close(context.WithoutCancel(t.Context())) })
	return r
}

func (d *debian) Project() string { return d.project }

func (d *debian) Host() configuration.Host {
	at := netip.MustParseAddrPort(d.gate.Address())
	return configuration.Host{Name: "web-01", Address: at.Addr().String(), Port: int(at.Port()), User: d.user, Keys: []string{d.key}}
}

func (d *debian) Root(t *testing.T, script string) string {
	t.Helper()
	out, err := d.machine.Output(d.lab.ctx, script)
	require.NoError(t, err)
	return out
}

func (d *debian) Cut()              { d.gate.Cut(true); d.gate.Cut(false) }
func (d *debian) SetDown(down bool) { d.gate.Cut(down) }

func (d *debian) ChangeHostKey(t *testing.T) {
	t.Helper()
	private, _, err := machine.NewKey()
	require.NoError(t, err)
	require.NoError(t, d.machine.WriteFile("/etc/ssh/ssh_host_ed25519_key", string(private)))
	d.Root(t, "kill -HUP $(pgrep -o -x sshd)")
	require.Eventually(t, func() bool { // sshd starts itself anew.
		conn, err := net.Dial("tcp", d.gate.Address())
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close() }()
		greeting := make([]byte, 4)
		_, err = conn.Read(greeting)
		return err == nil && strings.HasPrefix(string(greeting), "SSH-")
	}, 20*time.Second, 50*time.Millisecond)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	configurationtest.Run(t, configurationtest.Bench{New: func(t *testing.T, s configurationtest.Setup) configurationtest.Target {
		t.Helper()
		return l.boot(t, s)
	}})
}
