// Package vm starts a whole Debian with a kernel, udev and systemd of its own in qemu, which emulates the processor: what
// the bed's other guests lack is proven on it. It takes minutes and is no part of `make bed`.
package vm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/network"
)

// Packages are what the bed needs for it.
func Packages() []string {
	return append([]string{"mmdebstrap", "qemu-system-x86", "genisoimage", "e2fsprogs"}, network.Packages...)
}

// contents are the template's packages.
const contents = "linux-image-cloud-amd64,initramfs-tools,systemd-sysv,dbus,udev,openssh-server,sudo,cloud-init,ifupdown," +
	"e2fsprogs,xfsprogs,util-linux,curl,ca-certificates,python3,procps,iproute2,netbase,tzdata,gpgv,tar,systemd-timesyncd"

// finish runs in the new tree: see that of the other guests. A SCSI disk of qemu has a name of 8 bytes at most, one of
// vSphere has 16; so the disk tells its identifier as its serial number, and the rule makes of it the link that udev makes of
// vSphere's.
const finish = `set -e
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/sources.list
: > "$1/etc/machine-id"
cat > "$1/etc/cloud/cloud.cfg.d/90-bed.cfg" <<END
datasource_list: [NoCloud, None]
manage_etc_hosts: true
END
echo LANG=C.UTF-8 > "$1/etc/default/locale"
cat > "$1/etc/udev/rules.d/61-bed.rules" <<'END'
SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", ENV{ID_SCSI_SERIAL}=="6000c29*", SYMLINK+="disk/by-id/wwn-0x$env{ID_SCSI_SERIAL}"
END
echo 'LABEL=root / ext4 errors=remount-ro 0 1' > "$1/etc/fstab"
`

// image is a prepared system: a disk, and what boots it.
type image struct{ root, kernel, initrd string }

// prepare returns the image that all machines are copies of. It is built once, in some minutes, and kept in the cache.
func prepare(ctx context.Context) (image, error) {
	sum := sha256.Sum256([]byte(contents + finish))
	folder, err := host.Cache(fmt.Sprintf("debian-12-vm-%x", sum[:6]))
	if err != nil {
		return image{}, err
	}
	lock := flock.New(filepath.Join(folder, "lock"))
	if _, err := lock.TryLockContext(ctx, time.Second); err != nil {
		return image{}, fmt.Errorf("waiting for another build of the virtual machine's image: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	whole := image{filepath.Join(folder, "root.img"), filepath.Join(folder, "vmlinuz"), filepath.Join(folder, "initrd.img")}
	if _, err := os.Stat(whole.root); err == nil {
		return whole, nil
	}
	if err := build(ctx, folder, whole); err != nil {
		return image{}, fmt.Errorf("building the virtual machine's image: %w", err)
	}
	return whole, nil
}

// build makes the tree, and of it the disk, which is renamed when it is whole.
func build(ctx context.Context, folder string, into image) error {
	tree := filepath.Join(folder, "tree")
	if err := os.RemoveAll(tree); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tree) }()
	host.Progress("building the virtual machine's image, some minutes, once")
	if err := guests.Bootstrap(ctx, tree, contents); err != nil {
		return err
	}
	temporary := into.root + ".new"
	for _, args := range [][]string{
		{"sh", "-c", finish, "finish", tree},
		{"sh", "-c", `cp "$1"/boot/vmlinuz-* "$2" && cp "$1"/boot/initrd.img-* "$3"`, "copy", tree, into.kernel, into.initrd},
		{"sh", "-c", `rm -rf "$1"; truncate -s 3G "$1"`, "allot", temporary},
		{"mkfs.ext4", "-q", "-L", "root", "-d", tree, temporary},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil { //nolint:gosec // The bed's own commands.
			return errors.Join(fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(string(out))), os.RemoveAll(temporary))
		}
	}
	return os.Rename(temporary, into.root)
}
