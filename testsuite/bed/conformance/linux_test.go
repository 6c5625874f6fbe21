package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"fermata/activities/guest/guesttest"
	"fermata/spec"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/repository"
)

const helloConfig = "/etc/hello-web/hello-web.conf"

// TestLinux runs the suite against Debian behind OpenSSH: real block devices, mkfs, apt with a signed repository, and init
// scripts where a virtual machine has systemd.
func TestLinux(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	other, err := repository.Build(e.ctx, host.Folder(t))
	require.NoError(t, err)
	guesttest.Run(t, guesttest.Bench{
		Catalogue: guesttest.Catalogue{
			Tool: repository.Tool, App: repository.Application, Version: repository.New, Older: repository.Old, BadConfig: helloConfig,
			Good: "port = 8080\n", Broken: "port = none\n",
			Archive: e.uri + "/" + repository.Archive, SHA256: e.repository.ArchiveSum(), ArchiveMember: repository.ArchiveMember,
			Repository: spec.Repository{URI: e.mirror, Suite: repository.Suite, Components: []string{repository.Component}, Key: e.repository.Key()},
			OtherKey:   other.Key(), XFS: true, DiskBytes: diskBytes,
		},
		New:      func(t *testing.T, s guesttest.Setup) guesttest.Guest { return e.fresh(t, s) },
		LoseNext: func(g guesttest.Guest) { g.(*debian).loseNext() },
		Reboot: func(t *testing.T, g guesttest.Guest) {
			d := g.(*debian)
			disks := slices.Clone(d.o.Disks)
			slices.Reverse(disks)
			d.reboot(t, disks...)
		},
		Grow: func(t *testing.T, g guesttest.Guest, d guesttest.Disk) {
			require.NoError(t, g.(*debian).machine.Plug(t.Context(), []guests.Disk{{UUID: d.UUID, Bytes: d.Bytes}}))
		},
		Ext4Fixed: ext4Fixed(t),
		Interrupt: func(t *testing.T, g guesttest.Guest, uuid string, disk guesttest.Disk) {
			g.(*debian).root(t, strings.NewReplacer("UUID", uuid, "DEVICE", link(disk.UUID)).Replace(interrupted))
		},
		RestartPending: func(t *testing.T, g guesttest.Guest, service string) {
			g.(*debian).root(t, "mkdir -p /var/lib/fermata; : > /var/lib/fermata/"+service+".restart")
		},
	})
	t.Run("a first boot is waited for", e.waitsForTheFirstBoot)
	t.Run("a first boot that went wrong", e.tellsOfABadFirstBoot)
	t.Run("disks in another order, and one of somebody's", e.keepsDisksApart)
	t.Run("an application is started by its init script", e.startsByInitScript)
	t.Run("services are switched on and off", e.switchesServices)
}

// diskBytes is enough for xfs, which wants 300 MB. The files behind the disks are sparse.
const diskBytes = 512 << 20

// interrupted is what a mkfs of ours leaves that is killed: our UUID in the first superblock, and nothing where the root
// folder should be. What is on the disk already stays.
const interrupted = `mkdir -p /var/lib/fermata; echo DEVICE > /var/lib/fermata/UUID.mkfs
if [ -z "$(wipefs -n DEVICE)" ]; then
	mkfs.ext4 -q -U UUID DEVICE
	dd if=/dev/zero of=DEVICE bs=4096 seek=1 count=1000 conv=notrunc status=none
fi
`

// table is a partition table of DOS with one partition.
const table = `printf '\0\0\0\0\203\0\0\0\0\010\0\0\0\0\002\0' | dd of=DEVICE bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of=DEVICE bs=1 seek=510 conv=notrunc status=none
`

// link is where udev shows a disk with that identifier.
func link(uuid string) string {
	return "/dev/disk/by-id/wwn-0x" + strings.ToLower(strings.ReplaceAll(uuid, "-", ""))
}

// fresh boots a guest as the suite wants it.
func (e *estate) fresh(t *testing.T, s guesttest.Setup) *debian {
	t.Helper()
	var disks []guests.Disk
	for _, disk := range slices.Backward(s.Disks) { // Last first: the order of devices tells nothing.
		disks = append(disks, guests.Disk{UUID: disk.UUID, Bytes: disk.Bytes})
	}
	d := e.boot(t, guests.Options{Files: e.sources(), Disks: disks})
	if s.NoSudo {
		d.user = machine.Guest
	}
	for _, disk := range s.Disks {
		switch disk.Holds {
		case guesttest.Filesystem:
			d.root(t, "mkfs.ext4 -q "+link(disk.UUID))
		case guesttest.Partitions:
			d.root(t, strings.ReplaceAll(table, "DEVICE", link(disk.UUID)))
		}
	}
	return d
}

// lossyFlock stands before flock, which every command goes through that may change something. As soon as one has changed
// something, it kills the session that waits for the command's end, once.
const lossyFlock = `cat > /usr/local/bin/flock.new <<'END'
#!/bin/sh
touch /run/lossy.stamp
/usr/bin/flock "$@"
status=$?
if [ -n "$(find / /run -xdev -cnewer /run/lossy.stamp -not -name 'lossy.*' -not -name fermata.lock -print -quit)" ]; then
	rm -f "$0"
	pkill -KILL -f '^sshd: USER'
fi
exit $status
END
chmod 755 /usr/local/bin/flock.new
mv /usr/local/bin/flock.new /usr/local/bin/flock
`

func (d *debian) loseNext() {
	d.t.Helper()
	d.root(d.t, strings.ReplaceAll(lossyFlock, "USER", d.user))
}

// ext4Fixed looks whether the kernel would let root here grow a mounted ext4: it asks for CAP_SYS_RESOURCE (ext4_resize_begin in
// fs/ext4/resize.c), which machines that are containers themselves often lack. xfs asks for CAP_SYS_ADMIN.
func ext4Fixed(t *testing.T) string {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	require.NoError(t, unix.Capget(&header, &sets[0]))
	if sets[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0 {
		return ""
	}
	return "this machine's root has no CAP_SYS_RESOURCE, without which the kernel grows no mounted ext4"
}
