package guesttest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest"
)

// byID is where a guest shows a disk under the UUID that its platform gave it.
func byID(uuid string) string {
	return "/dev/disk/by-id/wwn-0x" + strings.ToLower(strings.ReplaceAll(uuid, "-", ""))
}

// contents is what is on a disk; it ends well for a blank one too.
func (f fixture) contents(uuid string) string {
	f.t.Helper()
	return f.root("blkid -p -o export %s || true; wipefs -n %s", byID(uuid), byID(uuid))
}

func storage(t *testing.T, b Bench) {
	size := b.Catalogue.DiskBytes
	two := []Disk{{UUID: uuidA, Bytes: size}, {UUID: uuidB, Bytes: size}}
	t.Run("formats the disk with the UUID, and no other", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{Disks: two})
		state, err := f.volume(volume(two[1], "/srv/data"))
		require.NoError(t, err)
		require.True(t, state.Formatted)
		require.Equal(t, "/srv/data", state.Mount)
		require.Contains(t, state.Device, "/dev/disk/by-id/")
		require.Contains(t, f.contents(uuidB), state.FilesystemUUID)
		require.Empty(t, f.contents(uuidA))
		require.Equal(t, f.root("readlink -f %s", byID(uuidB)), f.root("findmnt -n -o SOURCE --mountpoint /srv/data"))
		require.Equal(t, "750 root root", f.root("stat -c '%%a %%U %%G' /srv/data"))
		line := fstabLine(f, state.FilesystemUUID)
		require.Contains(t, line, " /srv/data ext4 ")
		require.Contains(t, line, "nofail")
	})
	t.Run("doing it again changes nothing", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{Disks: two[:1]})
		first, err := f.volume(volume(two[0], "/srv/data"))
		require.NoError(t, err)
		f.root("echo kept > /srv/data/file")
		fstab := f.root("cat /etc/fstab")
		again, err := f.Access(t).EnsureVolume(t.Context(), op("storage/data"), f.Host(), volume(two[0], "/srv/data"), progress())
		require.NoError(t, err)
		require.False(t, again.Formatted)
		require.Equal(t, first.FilesystemUUID, again.FilesystemUUID)
		require.Equal(t, "kept", f.root("cat /srv/data/file"))
		require.Equal(t, fstab, f.root("cat /etc/fstab"))
	})
	t.Run("two disks under one key have file systems of their own", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{Disks: two})
		first, err := f.volume(volume(two[0], "/srv/a"))
		require.NoError(t, err)
		second, err := f.volume(volume(two[1], "/srv/b"))
		require.NoError(t, err)
		require.NotEqual(t, first.FilesystemUUID, second.FilesystemUUID)
	})
	if b.Catalogue.XFS {
		t.Run("xfs", func(t *testing.T) {
			t.Parallel()
			f := b.setup(t, Setup{Disks: two[:1]})
			r := volume(two[0], "/srv/data")
			r.Volume.Filesystem = "xfs"
			state, err := f.volume(r)
			require.NoError(t, err)
			require.Contains(t, f.contents(uuidA), "TYPE=xfs")
			require.Contains(t, fstabLine(f, state.FilesystemUUID), " xfs ")
		})
	}
	if b.LoseNext != nil {
		t.Run("a lost answer formats once", func(t *testing.T) { t.Parallel(); lostStorage(t, b, two[0]) })
	}
	if b.Reboot != nil {
		t.Run("mounted after a reboot", func(t *testing.T) {
			t.Parallel()
			f := b.setup(t, Setup{Disks: two[:1]})
			_, err := f.volume(volume(two[0], "/srv/data"))
			require.NoError(t, err)
			f.root("echo kept > /srv/data/file")
			b.Reboot(t, f.Guest)
			require.Equal(t, "kept", f.root("cat /srv/data/file"))
		})
	}
	if b.Interrupt != nil {
		t.Run("a file system of ours that is half made is made anew", func(t *testing.T) {
			t.Parallel()
			uuid := uuidOf(t, b, two[0])
			f := b.setup(t, Setup{Disks: two[:1]})
			b.Interrupt(t, f.Guest, uuid, two[0])
			state, err := f.volume(volume(two[0], "/srv/data"))
			require.NoError(t, err)
			require.True(t, state.Formatted)
			again, err := f.volume(volume(two[0], "/srv/data"))
			require.NoError(t, err)
			require.False(t, again.Formatted)
		})
	}
}

func fstabLine(f fixture, uuid string) string {
	f.t.Helper()
	var found []string
	for _, line := range strings.Split(f.root("cat /etc/fstab"), "\n") {
		if strings.HasPrefix(line, "UUID="+uuid+" ") {
			found = append(found, line)
		}
	}
	require.Len(f.t, found, 1)
	return found[0]
}

// uuidOf is the UUID that the driver gives the file system on d; the same on every guest.
func uuidOf(t *testing.T, b Bench, d Disk) string {
	t.Helper()
	f := b.setup(t, Setup{Disks: []Disk{d}})
	state, err := f.volume(volume(d, "/srv/data"))
	require.NoError(t, err)
	return state.FilesystemUUID
}

// lostStorage loses the answer of each change in turn.
func lostStorage(t *testing.T, b Bench, d Disk) {
	f := b.setup(t, Setup{Disks: []Disk{d}})
	require.NoError(t, f.reach())
	lost, formatted := 0, 0
	for range 10 {
		b.LoseNext(f.Guest)
		state, err := f.volume(volume(d, "/srv/data"))
		if state.Formatted {
			formatted++
		}
		if err == nil {
			require.Positive(t, lost, "no answer was lost")
			require.LessOrEqual(t, formatted, 1)
			require.Contains(t, f.contents(d.UUID), state.FilesystemUUID)
			fstabLine(f, state.FilesystemUUID)
			return
		}
		lost++
		require.Equal(t, fault.Ambiguous, fault.KindOf(err), "%v", err)
	}
	require.Fail(t, "it never ends")
}

func storageRefusals(t *testing.T, b Bench) {
	blank := Disk{UUID: uuidA, Bytes: b.Catalogue.DiskBytes}
	with := func(holds string) Disk { d := blank; d.Holds = holds; return d }
	for name, c := range map[string]struct {
		disk    Disk
		prepare string // Script as root.
		change  func(*guest.VolumeRequest)
		kind    fault.Kind
	}{
		"somebody's file system":  {with(Filesystem), "", nil, fault.Conflict},
		"a partition table":       {with(Partitions), "", nil, fault.Conflict},
		"mounted elsewhere":       {with(Filesystem), "mkdir -p /mnt/x; mount " + byID(uuidA) + " /mnt/x", nil, fault.Conflict},
		"larger than the disk":    {blank, "", func(r *guest.VolumeRequest) { r.Bytes *= 2 }, fault.Conflict},
		"smaller than the disk":   {blank, "", func(r *guest.VolumeRequest) { r.Bytes -= 4096 }, fault.Conflict},
		"made by another run":     {blank, "", func(r *guest.VolumeRequest) { r.DiskKey = otherRun + "/storage.data/web-01" }, fault.Conflict},
		"made by nobody we know":  {blank, "", func(r *guest.VolumeRequest) { r.DiskKey = "" }, fault.Conflict},
		"a mount point in fstab":  {blank, "echo '/dev/sr0 /srv/data iso9660 ro,nofail 0 0' >> /etc/fstab", nil, fault.Conflict},
		"no such disk":            {blank, "", func(r *guest.VolumeRequest) { r.DiskUUID = uuidB }, fault.NotFound},
		"no UUID":                 {blank, "", func(r *guest.VolumeRequest) { r.DiskUUID = "sdb" }, fault.Invalid},
		"an unknown owner":        {blank, "", func(r *guest.VolumeRequest) { r.Volume.Owner = "nobody-here" }, fault.Invalid},
		"an unknown file system":  {blank, "", func(r *guest.VolumeRequest) { r.Volume.Filesystem = "ntfs" }, fault.Invalid},
		"a relative mount point":  {blank, "", func(r *guest.VolumeRequest) { r.Volume.Mount = "srv" }, fault.Invalid},
		"two words as mountpoint": {blank, "", func(r *guest.VolumeRequest) { r.Volume.Mount = "/srv/a b" }, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.setup(t, Setup{Disks: []Disk{c.disk}})
			if c.prepare != "" {
				f.root("%s", c.prepare)
			}
			before := f.contents(uuidA)
			fstab := f.root("cat /etc/fstab")
			r := volume(c.disk, "/srv/data")
			if c.change != nil {
				c.change(&r)
			}
			state, err := f.volume(r)
			refuses(t, c.kind, err, name)
			require.Zero(t, state)
			require.Equal(t, before, f.contents(uuidA), "nothing may be written")
			require.Equal(t, fstab, f.root("cat /etc/fstab"))
		})
	}
	t.Run("our own file system under another operation", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{Disks: []Disk{blank}})
		_, err := f.volume(volume(blank, "/srv/data"))
		require.NoError(t, err)
		f.root("umount /srv/data")
		_, err = f.access.EnsureVolume(t.Context(), op("storage/other"), f.Host(), volume(blank, "/srv/other"), progress())
		refuses(t, fault.Conflict, err, "another operation's file system")
	})
	if b.Interrupt != nil {
		t.Run("somebody's data on a disk that we began to format", func(t *testing.T) {
			t.Parallel()
			uuid := uuidOf(t, b, blank)
			f := b.setup(t, Setup{Disks: []Disk{with(Filesystem)}})
			before := f.contents(uuidA)
			b.Interrupt(t, f.Guest, uuid, blank)
			_, err := f.volume(volume(blank, "/srv/data"))
			refuses(t, fault.Conflict, err, "a marker is no permission")
			require.Equal(t, before, f.contents(uuidA))
		})
	}
}
