// Package guesttest is the conformance suite of guest.Access: what every way into guests must do, and what it must
// refuse, whichever guests it is run against.
package guesttest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/spec"
)

// What is on a disk before the access sees it.
const (
	Blank      = ""
	Filesystem = "filesystem" // An ext4 of somebody else.
	Partitions = "partitions" // A partition table.
)

// Disk is a disk of a fresh guest. The bench gives device names in an order of its own.
type Disk struct {
	UUID  string
	Bytes int64
	Holds string
}

// Setup is what a fresh guest should be like.
type Setup struct {
	Disks  []Disk
	NoSudo bool // The account may not become root.
}

// Guest is one fresh guest.
type Guest interface {
	// Access returns a driver with connections of its own, closed at the test's end.
	Access(t *testing.T) guest.Access
	// Host is how the guest is reached and recognised.
	Host() guest.Host
	// Root runs a script of the POSIX shell as root, past the driver, and returns its stdout. A status but 0 is an error.
	Root(t *testing.T, script string) (string, error)
	// Cut breaks all open connections.
	Cut()
	// SetDown takes the guest off the network, or brings it back.
	SetDown(down bool)
	// ChangeHostKey gives the guest another host key; Host goes on to tell the old one.
	ChangeHostKey(t *testing.T)
}

// Catalogue says what the guests' repositories have.
type Catalogue struct {
	Tool            string // A package without a service, not installed.
	App, Version    string // A package with a service of the same name, not installed.
	Older           string // A version of App before Version; empty: there is none.
	BadConfig       string // Path of a configuration file of App; with Broken in it the service does not start.
	Good, Broken    string
	Archive, SHA256 string // Address and checksum of a tar archive; empty: the bench has none.
	ArchiveMember   string // Path of a file in it.
	// Repository has App too, for guests that do not know it yet; it is signed with its Key. OtherKey is another's.
	Repository spec.Repository
	OtherKey   string
	XFS        bool  // Whether the guests have mkfs.xfs.
	DiskBytes  int64 // A size that the bench can make.
}

// Bench makes guests. Hooks that are nil leave out the cases that need them.
type Bench struct {
	Catalogue Catalogue
	New       func(t *testing.T, s Setup) Guest
	// LoseNext makes the next command that changes something run to its end and lose its answer.
	LoseNext func(g Guest)
	// Reboot starts the guest anew, with what its disks and fstab hold.
	Reboot func(t *testing.T, g Guest)
	// Grow makes a disk of the guest as large as d says, while the guest runs.
	Grow func(t *testing.T, g Guest, d Disk)
	// Ext4Fixed says why the bench's kernel lets nobody grow a mounted ext4; empty: it does.
	Ext4Fixed string
	// Interrupt leaves the guest as it is when the driver was killed in the middle of making a file system with this UUID
	// on the disk.
	Interrupt func(t *testing.T, g Guest, filesystemUUID string, d Disk)
	// RestartPending leaves the guest as it is when the driver was killed after it changed files of the service.
	RestartPending func(t *testing.T, g Guest, service string)
}

// Run runs the suite.
func Run(t *testing.T, b Bench) {
	for name, test := range map[string]func(*testing.T, Bench){
		"Entrance": entrance, "Storage": storage, "StorageRefusals": storageRefusals, "System": system,
		"SystemRefusals": systemRefusals, "Application": application, "ApplicationRefusals": applicationRefusals,
		"Alteration": alteration, "AlterationRefusals": alterationRefusals, "Accounts": accounts, "AccountRefusals": accountRefusals,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, b) })
	}
}

const (
	run      = "01K0000000000000000000RUN1"
	otherRun = "01K0000000000000000000RUN2"
	uuidA    = "6000C29a-1111-2222-3333-444455556666"
	uuidB    = "6000C29b-1111-2222-3333-444455556666"
)

func op(step string) operation.Op {
	return operation.Op{Key: operation.Key{Run: run, Step: step, Target: "web-01"}, Owner: "server/web-01"}
}

func progress() operation.Progress { return &operation.Memory{} }

// fixture is a guest with a driver.
type fixture struct {
	Guest
	t      *testing.T
	access guest.Access
}

func (b Bench) setup(t *testing.T, s Setup) fixture {
	t.Helper()
	g := b.New(t, s)
	return fixture{Guest: g, t: t, access: g.Access(t)}
}

// root runs a script that must end well.
func (f fixture) root(format string, args ...any) string {
	f.t.Helper()
	out, err := f.Root(f.t, fmt.Sprintf(format, args...))
	require.NoError(f.t, err)
	return strings.TrimSpace(out)
}

func (f fixture) reach() error { return f.access.Reach(f.t.Context(), f.Host(), progress()) }

func refuses(t *testing.T, kind fault.Kind, err error, about string) {
	t.Helper()
	require.Error(t, err, about)
	require.Equal(t, kind, fault.KindOf(err), "%s: %v", about, err)
}

func entrance(t *testing.T, b Bench) {
	t.Run("lets in", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		require.NoError(t, f.access.Check(t.Context()))
		require.NoError(t, f.reach())
		key, err := f.access.AuthorizedKey(t.Context())
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(key, "ssh-") || strings.HasPrefix(key, "ecdsa-"), key)
	})
	t.Run("another host key is refused", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		f.ChangeHostKey(t)
		f.Cut()
		refuses(t, fault.Unauthorized, f.reach(), "changed host key")
	})
	t.Run("an account without sudo is refused", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{NoSudo: true})
		refuses(t, fault.Unauthorized, f.reach(), "no sudo")
		_, err := f.system(guest.SystemRequest{Hostname: "renamed"})
		refuses(t, fault.Unauthorized, err, "no sudo")
		require.NotEqual(t, "renamed", f.root("hostname"))
	})
	t.Run("an unknown account is refused", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		h := f.Host()
		h.User = "nobody-here"
		refuses(t, fault.Unauthorized, f.access.Reach(t.Context(), h, progress()), "unknown account")
	})
	t.Run("a guest that is down is unavailable, and waited for", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		f.SetDown(true)
		_, err := f.system(guest.SystemRequest{Hostname: "renamed"})
		refuses(t, fault.Unavailable, err, "down")
		ended := make(chan error, 1)
		go func() { ended <- f.reach() }()
		f.SetDown(false)
		require.NoError(t, <-ended)
	})
	t.Run("a broken connection is replaced", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		require.NoError(t, f.reach())
		f.Cut()
		require.NoError(t, f.reach())
	})
	t.Run("an ended context changes nothing", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := f.access.EnsureSystem(ctx, op("os"), f.Host(), guest.SystemRequest{Hostname: "renamed"}, nil, progress())
		require.Error(t, err)
		require.NotEqual(t, "renamed", f.root("hostname"))
	})
}

func (f fixture) system(r guest.SystemRequest) (guest.Changes, error) {
	return f.access.EnsureSystem(f.t.Context(), op("os"), f.Host(), r, nil, progress())
}

func (f fixture) application(r guest.ApplicationRequest) (guest.Changes, error) {
	return f.access.EnsureApplication(f.t.Context(), op("application"), f.Host(), r, nil, progress())
}

func secrets(path, value string) guest.Secrets {
	return guest.Secrets{path: secret.NewValue([]byte(value))}
}

func volume(d Disk, mount string) guest.VolumeRequest {
	return guest.VolumeRequest{
		Volume:   spec.Volume{Name: "data", Filesystem: "ext4", Mount: mount, Owner: "root", Mode: "0750"},
		DiskUUID: d.UUID, Bytes: d.Bytes, DiskKey: op("storage/data").Key.String(),
	}
}

func (f fixture) volume(r guest.VolumeRequest) (guest.VolumeState, error) {
	return f.access.EnsureVolume(f.t.Context(), op("storage/data"), f.Host(), r, progress())
}
