package scenarios

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/vcenter"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
	"fermata/testsuite/bed/repository"
	"fermata/testsuite/bed/requesttracker"
)

const administrator = "fermata@vsphere.local"

// estate is the machine room.
type estate struct {
	folder   string // Of logs.
	net      *network.Network
	servers  network.End // The servers' switch.
	edge     *edge.Firewall
	balancer *edge.Balancer
	bastion  *machine.Machine
	login    *network.Gate // To the bastion.
	vcenter  *vcenter.VCenter
	platform string        // The vCenter's folder.
	cable    *network.Gate // Of the vCenter.
	password string        // Of its administrator.
	guests   *guests.Site
	tracker  *requesttracker.Server
	desk     string // Its folder.

	mu      sync.Mutex
	mute    string            // Name of the machine whose sshd does not start.
	running map[string]string // Instance UUIDs by name.
}

// furnish starts everything. key is the worker's, public.
func furnish(t *testing.T, key, password string) *estate {
	t.Helper()
	n, err := network.New(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	e := &estate{folder: host.Folder(t), net: n, password: password, running: map[string]string{}}
	e.cables(t)
	e.machines(t, key)
	e.startPlatform(t, e.repository(t))
	e.startDesk(t)
	return e
}

// repository builds the apt repository and serves it in the servers' network. It returns what apt has to know of it.
func (e *estate) repository(t *testing.T) string {
	t.Helper()
	r, err := repository.Build(t.Context(), host.Folder(t))
	require.NoError(t, err)
	l, err := e.net.Listen(t.Context(), "repository", net.JoinHostPort(repositoryAddress, "80"))
	require.NoError(t, err)
	stop := r.Serve(l)
	t.Cleanup(func() { require.NoError(t, stop()) })
	return r.Source("http://" + repositoryAddress)
}

// startPlatform starts the vCenter, whose machines have Debian guests in the servers' network.
func (e *estate) startPlatform(t *testing.T, source string) {
	t.Helper()
	image, err := guests.Image(t.Context())
	require.NoError(t, err)
	log := e.log(t, "vcenter")
	e.guests = &guests.Site{
		Folder: host.Folder(t), Image: image, Network: e.net, Bridge: e.servers,
		Files: map[string]string{
			"/etc/apt/sources.list.d/bed.sources": source, "/etc/resolv.conf": "nameserver " + repositoryAddress + "\n",
			// As Debian's own images for clouds have it; but for the kinds of host keys, some of which take a second to make.
			"/etc/default/locale":                        "LANG=C.UTF-8\n",
			"/etc/cloud/cloud.cfg.d/01_debian_cloud.cfg": "manage_etc_hosts: true\nssh_genkeytypes: [ed25519]\n",
		},
		Tell: func(id, key, value string) error { return e.vcenter.SetGuestInfo(id, key, value) },
		Log:  func(format string, args ...any) { log.Warn(fmt.Sprintf(format, args...)) },
	}
	t.Cleanup(func() { require.NoError(t, e.guests.Close()) })
	e.platform = t.TempDir()
	e.vcenter, err = vcenter.Start(t.Context(), vcenter.Options{
		Folder: e.platform, Username: administrator, Password: e.password, Log: log,
		OnPowerOn: e.powerOn, OnPowerOff: e.guests.PowerOff, OnDestroy: e.guests.Destroy, OnDisks: e.guests.Disks,
	})
	require.NoError(t, err)
	t.Cleanup(e.vcenter.Close)
	e.cable, err = e.net.Forward(t.Context(), "", hostOf(t, e.vcenter.URL()))
	require.NoError(t, err)
}

// noSSH is the file at which Debian's init script does not start sshd.
const noSSH = "/etc/ssh/sshd_not_to_be_run"

func (e *estate) powerOn(ctx context.Context, vm vcenter.VM) (vcenter.Guest, error) {
	e.mu.Lock()
	e.running[vm.Name] = vm.ID
	mute := e.mute == vm.Name
	e.mu.Unlock()
	if mute {
		file := filepath.Join(e.guests.Folder, vm.ID, "upper", noSSH)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
			return vcenter.Guest{}, err
		}
	}
	return e.guests.PowerOn(ctx, vm)
}

// silence keeps the sshd of a machine from starting when it boots.
func (e *estate) silence(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mute = name
}

// booted counts the machines of these names that were switched on.
func (e *estate) booted(servers []server) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range servers {
		if e.running[s.name] != "" {
			n++
		}
	}
	return n
}

// guest is the running guest of a machine.
func (e *estate) guest(t *testing.T, name string) *guests.Guest {
	t.Helper()
	e.mu.Lock()
	id := e.running[name]
	e.mu.Unlock()
	g := e.guests.Guest(id)
	require.NotNil(t, g, "the guest of %s", name)
	return g
}

// initialData is what Fermata needs in Request Tracker.
const initialData = "../../../integrations/requesttracker/initialdata"

// startDesk starts Request Tracker.
func (e *estate) startDesk(t *testing.T) {
	t.Helper()
	data, err := filepath.Abs(initialData)
	require.NoError(t, err)
	address, err := host.Address()
	require.NoError(t, err)
	e.desk = host.Folder(t)
	e.tracker, err = requesttracker.Start(t.Context(), requesttracker.Options{Folder: e.desk, InitialData: data, Address: address, Workers: 4})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.tracker.Stop()); show(t, filepath.Join(e.desk, "log")) })
}

// log is a file that is shown if the test fails.
func (e *estate) log(t *testing.T, name string) *slog.Logger {
	t.Helper()
	path := filepath.Join(e.folder, name+".log")
	f, err := os.Create(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()); show(t, path) })
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// show shows the end of a log, if the test failed.
func show(t *testing.T, path string) {
	t.Helper()
	if data, err := os.ReadFile(path); err == nil && t.Failed() {
		t.Logf("the end of %s:\n%s", path, data[max(0, len(data)-6000):])
	}
}
