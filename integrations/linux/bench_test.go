package linux_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/guest/guesttest"
	"fermata/activities/secret"
	"fermata/integrations"
	"fermata/integrations/linux"
	"fermata/sandbox/estate/faults"
	emulator "fermata/sandbox/estate/guest"
	"fermata/sandbox/estate/network"
)

const keyRef = "secret://file/key"

// vault is a secret.Resolver over a map.
type vault map[string][]byte

func (v vault) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	b, ok := v[string(ref)]
	if !ok {
		return secret.Value{}, fault.New(fault.NotFound, "no secret %s", ref)
	}
	return secret.NewValue(b), nil
}

func newKey(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "test")
	require.NoError(t, err)
	return signer, pem.EncodeToMemory(block)
}

// emulated is an emulated machine in a network of its own, with a relay on loopback in front of its SSH port.
type emulated struct {
	machine *emulator.Machine
	faults  *faults.Faults
	private []byte
	keys    []string
	relay   net.Listener
	estate  *network.Network

	mu    sync.Mutex
	conns []net.Conn
}

var (
	guestAddress = netip.MustParseAddr("10.20.0.77")
	repoAddress  = netip.MustParseAddr("10.20.0.5")
)

func newEmulated(t *testing.T, s guesttest.Setup, initScripts bool) *emulated {
	t.Helper()
	g := startEmulated(t, s, emulator.Options{InitScripts: initScripts})
	require.NoError(t, g.machine.Booted(t.Context()))
	for _, d := range s.Disks {
		require.NoError(t, g.fill(d))
	}
	if s.NoSudo {
		_, err := g.Root(t, "rm -f /etc/sudoers.d/*")
		require.NoError(t, err)
	}
	return g
}

// startEmulated switches a machine on; it goes on booting then.
func startEmulated(t *testing.T, s guesttest.Setup, options emulator.Options) *emulated {
	t.Helper()
	login, private := newKey(t)
	estate := network.New()
	g := &emulated{private: private, faults: &faults.Faults{}, estate: estate}
	options.Name, options.Folder, options.Network, options.Address, options.User = "fresh", t.TempDir(), estate, guestAddress, "deploy"
	options.AuthorizedKeys = []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(login.PublicKey())))}
	options.Packages, options.Faults, options.RepositoryKey = []string{"curl", "xfsprogs"}, g.faults, armored("right")
	for i := range s.Disks { // Last first: the order of devices tells nothing.
		d := s.Disks[len(s.Disks)-1-i]
		options.Disks = append(options.Disks, emulator.Disk{UUID: d.UUID, Bytes: d.Bytes})
	}
	machine, err := emulator.New(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, machine.Close()) })
	g.machine = machine
	require.NoError(t, machine.Start(t.Context()))
	g.keys = machine.HostKeys()
	serveArchive(t, estate)
	g.listen(t, estate)
	return g
}

func (g *emulated) fill(d guesttest.Disk) error {
	switch d.Holds {
	case guesttest.Filesystem:
		return g.machine.WriteForeign(d.UUID, emulator.ForeignExt4)
	case guesttest.Partitions:
		return g.machine.WriteForeign(d.UUID, emulator.ForeignPartitions)
	}
	return nil
}

// listen relays connections on loopback to the machine.
func (g *emulated) listen(t *testing.T, estate *network.Network) {
	t.Helper()
	relay, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g.relay = relay
	t.Cleanup(func() { _ = relay.Close(); g.Cut() })
	go func() {
		for {
			near, err := relay.Accept()
			if err != nil {
				return
			}
			far, err := estate.Dial(context.Background(), repoAddress, guestAddress.String()+":22")
			if err != nil {
				_ = near.Close()
				continue
			}
			g.mu.Lock()
			g.conns = append(g.conns, near, far)
			g.mu.Unlock()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
		}
	}()
}

func (g *emulated) Access(t *testing.T) guest.Access { t.Helper(); return g.access(t, 30*time.Second) }

// access is a driver that waits so long for the first boot.
func (g *emulated) access(t *testing.T, firstBoot time.Duration) guest.Access {
	t.Helper()
	access, err := linux.New(linux.Config{Key: keyRef, Timeout: 5 * time.Second, FirstBoot: firstBoot},
		integrations.Environment{Secrets: vault{keyRef: g.private}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = access.Close(context.Background()) })
	return access
}

func (g *emulated) Host() guest.Host {
	return guest.Host{
		Name: "fresh", Address: "127.0.0.1", Port: g.relay.Addr().(*net.TCPAddr).Port, User: "deploy", Keys: g.keys,
	}
}

func (g *emulated) Root(t *testing.T, script string) (string, error) {
	out, code := g.machine.Exec(t.Context(), script)
	if code != 0 {
		return out, fmt.Errorf("status %d: %s", code, out)
	}
	return out, nil
}

func (g *emulated) Cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.conns {
		_ = c.Close()
	}
	g.conns = nil
}

func (g *emulated) SetDown(down bool) {
	g.faults.SetDown(down)
	g.Cut()
}

func (g *emulated) ChangeHostKey(t *testing.T) {
	t.Helper()
	other, private := newKey(t)
	require.NoError(t, g.machine.WriteFile("/etc/ssh/ssh_host_ed25519_key", private, 0o600))
	require.NoError(t, g.machine.WriteFile("/etc/ssh/ssh_host_ed25519_key.pub", ssh.MarshalAuthorizedKey(other.PublicKey()), 0o644))
	require.NoError(t, g.machine.Reboot(t.Context()))
	require.NotEqual(t, g.keys, g.machine.HostKeys())
}

// tarball is the archive that the estate's repository serves.
var tarball = func() []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755})
	_ = w.WriteHeader(&tar.Header{Name: "bin/hello", Mode: 0o755, Size: 3})
	_, _ = w.Write([]byte("hi\n"))
	_ = w.Close()
	return b.Bytes()
}()

func tarballSum() string {
	sum := sha256.Sum256(tarball)
	return hex.EncodeToString(sum[:])
}

func serveArchive(t *testing.T, estate *network.Network) {
	t.Helper()
	listener, err := estate.Listen(netip.AddrPortFrom(repoAddress, 80))
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/hello.tar", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(tarball) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}
