package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/testsuite/bed/guests"
)

// Three disks of one size: nothing but their identifiers tells them apart.
const (
	dataDisk    = "6000c29a-0000-0000-0000-00000000000a"
	logsDisk    = "6000c29a-0000-0000-0000-00000000000b"
	foreignDisk = "6000c29a-0000-0000-0000-00000000000f"
)

func disks(uuids ...string) (list []guests.Disk) {
	for _, uuid := range uuids {
		list = append(list, guests.Disk{UUID: uuid, Bytes: diskBytes})
	}
	return list
}

func (d *debian) volume(t *testing.T, uuid, mount string) (guest.VolumeState, error) {
	t.Helper()
	op := operationOn
	op.Key.Step = "storage/data"
	return d.Access(t).EnsureVolume(t.Context(), op, d.Host(), guest.VolumeRequest{
		Volume:   spec.Volume{Name: "data", Filesystem: "ext4", Mount: mount, Owner: "root", Mode: "0755"},
		DiskUUID: uuid, Bytes: diskBytes, DiskKey: op.Key.String(),
	}, &operation.Memory{})
}

// device is where a disk is at this moment.
func (d *debian) device(t *testing.T, uuid string) string {
	t.Helper()
	return d.root(t, "readlink -f "+link(uuid))
}

// rebootInOrder boots until the devices are numbered in this order. Others take devices too, so it may need some boots.
func (d *debian) rebootInOrder(t *testing.T, order []string) {
	t.Helper()
	require.NoError(t, d.estate.until(func() error {
		d.reboot(t, disks(order...)...)
		last := -1
		for _, uuid := range order {
			var number int
			_, err := fmt.Sscanf(d.device(t, uuid), "/dev/loop%d", &number)
			require.NoError(t, err)
			if number < last {
				return fmt.Errorf("%s is loop%d, behind loop%d", uuid, number, last)
			}
			last = number
		}
		return nil
	}))
}

// keepsDisksApart: disks change their device names from boot to boot, and one of them is somebody's. Each file system is
// found where it was made, and the foreign disk keeps every byte.
func (e *estate) keepsDisksApart(t *testing.T) {
	t.Parallel()
	d := e.boot(t, guests.Options{Disks: disks(dataDisk, foreignDisk, logsDisk)})
	d.root(t, "mkfs.ext4 -q "+link(foreignDisk)+"; mkdir /mnt/theirs; mount "+link(foreignDisk)+" /mnt/theirs; echo theirs > /mnt/theirs/file; umount /mnt/theirs")
	sum := "sha256sum < " + link(foreignDisk)
	before := d.root(t, sum)
	first := map[string]guest.VolumeState{}
	for mount, uuid := range map[string]string{"/srv/data": dataDisk, "/srv/logs": logsDisk} {
		state, err := d.volume(t, uuid, mount)
		require.NoError(t, err)
		require.True(t, state.Formatted)
		first[mount] = state
		d.root(t, "echo "+uuid+" > "+mount+"/of")
	}
	require.NotEqual(t, first["/srv/data"].FilesystemUUID, first["/srv/logs"].FilesystemUUID)
	for _, order := range [][]string{{logsDisk, dataDisk, foreignDisk}, {foreignDisk, logsDisk, dataDisk}} {
		d.rebootInOrder(t, order)
		for mount, uuid := range map[string]string{"/srv/data": dataDisk, "/srv/logs": logsDisk} {
			require.Equal(t, uuid, d.root(t, "cat "+mount+"/of"), "mounted at boot by fstab")
			state, err := d.volume(t, uuid, mount)
			require.NoError(t, err)
			require.False(t, state.Formatted)
			require.Equal(t, d.device(t, uuid), d.root(t, "findmnt -n -o SOURCE --mountpoint "+mount))
			state.Formatted = true
			require.Equal(t, first[mount], state)
		}
	}
	_, err := d.volume(t, foreignDisk, "/srv/more")
	require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "nothing is written to it")
	require.Equal(t, before, d.root(t, sum), "not a byte of the foreign disk may change")
}
