package conformance

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/guest"
	"fermata/activities/guest/guesttest"
	"fermata/integrations"
	"fermata/integrations/linux"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
	"fermata/testsuite/bed/repository"
)

// estate is a network of guests with an apt repository at its gateway.
type estate struct {
	*lab
	image      string
	bridge     network.End
	repository *repository.Repository
	uri        string // What guests know.
	mirror     string // The same for who brings it along: apt wants one key for one address.
	booted     atomic.Int32
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	l := setup(t)
	e := &estate{lab: l, bridge: l.servers()}
	const gateway = "10.20.0.1"
	require.NoError(t, l.net.AddAddress(l.ctx, e.bridge.Namespace, e.bridge.Device, netip.MustParsePrefix(gateway+"/16")))
	var err error
	e.image, err = guests.Image(l.ctx)
	require.NoError(t, err)
	e.repository, err = repository.Build(l.ctx, host.Folder(t))
	require.NoError(t, err)
	e.uri, e.mirror = "http://"+gateway, "http://"+gateway+":81"
	for _, port := range []string{"80", "81"} {
		listener, err := l.net.Listen(l.ctx, e.bridge.Namespace, net.JoinHostPort(gateway, port))
		require.NoError(t, err)
		stop := e.repository.Serve(listener)
		t.Cleanup(func() { require.NoError(t, stop()) })
	}
	return e
}

// sources makes the guests know the repository.
func (e *estate) sources() map[string]string {
	return map[string]string{"/etc/apt/sources.list.d/bed.sources": e.repository.Source(e.uri)}
}

// debian is a guest that a driver is let in to through a gate.
type debian struct {
	t       *testing.T
	estate  *estate
	o       guests.Options
	user    string
	machine *guests.Guest
	gate    *network.Gate
	key     string // The host key that it had at first.
}

var _ guesttest.Guest = (*debian)(nil)

// boot starts a guest with an address of its own.
func (e *estate) boot(t *testing.T, o guests.Options) *debian {
	t.Helper()
	n := e.booted.Add(1)
	o.Name, o.Folder, o.Image, o.Network, o.Bridge = "fresh", host.Folder(t), e.image, e.net, e.bridge
	o.Address = netip.AddrFrom4([4]byte{10, 20, byte(1 + n/200), byte(1 + n%200)}).String() + "/16"
	o.MAC = fmt.Sprintf("02:be:d1:00:%02x:%02x", byte(n>>8), byte(n)) // It keeps it when it boots again.
	o.AuthorizedKeys = []string{e.public}
	d := &debian{t: t, estate: e, user: machine.User, o: o}
	d.start(t)
	t.Cleanup(func() {
		if d.machine != nil {
			require.NoError(t, d.machine.Halt())
		}
	})
	var err error
	d.gate, err = e.net.Forward(e.ctx, e.bridge.Namespace, d.machine.SSH())
	require.NoError(t, err)
	d.key = d.machine.HostKey()
	return d
}

func (d *debian) start(t *testing.T) {
	t.Helper()
	var err error
	d.machine, err = guests.Boot(d.estate.ctx, d.o)
	require.NoError(t, err)
}

// reboot starts the guest anew; its disks get their device names in another order.
func (d *debian) reboot(t *testing.T, disks ...guests.Disk) {
	t.Helper()
	require.NoError(t, d.machine.Halt())
	d.machine, d.o.Disks = nil, disks
	d.start(t)
}

func (d *debian) Access(t *testing.T) guest.Access { t.Helper(); return d.access(t, time.Minute) }

// access is a driver that waits so long for the first boot.
func (d *debian) access(t *testing.T, firstBoot time.Duration) guest.Access {
	t.Helper()
	access, err := linux.New(linux.Config{Key: "secret://bed/key", Timeout: 20 * time.Second, FirstBoot: firstBoot},
		integrations.Environment{Secrets: d.estate.secret})
	require.NoError(t, err)
	t.Cleanup(func() { _ = access.Close(t.Context()) })
	return access
}

func (d *debian) Host() guest.Host {
	at := netip.MustParseAddrPort(d.gate.Address())
	return guest.Host{Name: d.o.Name, Address: at.Addr().String(), Port: int(at.Port()), User: d.user, Keys: []string{d.key}}
}

func (d *debian) Root(t *testing.T, script string) (string, error) {
	t.Helper()
	return d.machine.Output(d.estate.ctx, script)
}

// root runs a script that must end well.
func (d *debian) root(t *testing.T, script string) string {
	t.Helper()
	out, err := d.Root(t, script)
	require.NoError(t, err)
	return strings.TrimSpace(out)
}

func (d *debian) Cut() { d.gate.Cut(true); d.gate.Cut(false) }

func (d *debian) SetDown(down bool) { d.gate.Cut(down) }

// ChangeHostKey does what an administrator would; a HUP makes sshd start itself anew.
func (d *debian) ChangeHostKey(t *testing.T) {
	t.Helper()
	d.root(t, "rm /etc/ssh/ssh_host_ed25519_key; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; pkill -HUP -o -x sshd")
}
