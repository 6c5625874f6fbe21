// Package guests puts machines behind the virtual machines of a vCenter: Debian with cloud-init, sshd, init scripts and
// apt, each in a network namespace with the adapter's MAC address, its disks as loop devices.
//
// What a guest is given, it is given as a virtual machine is: cloud-init reads the metadata and the user data of the
// driver, sets the network up, makes the account and the host keys, and tells them to the platform through
// vmware-rpctool. Only systemd is missing, and udev: the links under /dev/disk/by-id are the bed's.
package guests

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

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
)

// Packages are what the bed needs for guests.
var Packages = append([]string{"mmdebstrap"}, machine.Packages...) //nolint:gochecknoglobals // A list that nobody changes.

// contents are the template's packages.
const contents = "openssh-server,sudo,cloud-init,ifupdown,e2fsprogs,xfsprogs,util-linux,mount,curl,ca-certificates,python3," +
	"procps,iproute2,netbase,tzdata,hostname,passwd,init-system-helpers,gpgv,tar"

// finish runs in the new tree: a template has no host keys, no identity and no repository of its own, and knows what it
// runs on. The locale and what is said about /etc/hosts are those of Debian's own images for clouds: cloud-init asks for a
// locale that is not there otherwise, and calls that an error.
const finish = `set -e
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/sources.list
: > "$1/etc/machine-id"
cat > "$1/etc/cloud/cloud.cfg.d/90-bed.cfg" <<END
datasource_list: [VMware, None]
manage_etc_hosts: true
END
echo LANG=C.UTF-8 > "$1/etc/default/locale"
cat > "$1/usr/bin/vmware-rpctool" <<END
#!/bin/sh
# What open-vm-tools has under this name hands its argument to the platform.
printf '%s\n' "\$1" > ` + rpcFile + `
END
chmod 755 "$1/usr/bin/vmware-rpctool"
`

// rpcFile is a pipe on the guest that the platform reads.
const rpcFile = "/run/vmware-rpc"

// Prepare builds the tree, so that a test does not wait for it.
func Prepare(ctx context.Context) error {
	_, err := Image(ctx)
	return err
}

// Image returns the tree that all guests are copies of. It is built once, in about a minute, and kept in the cache.
func Image(ctx context.Context) (string, error) {
	sum := sha256.Sum256([]byte(contents + finish))
	folder, err := host.Cache(fmt.Sprintf("debian-12-guest-%x", sum[:6]))
	if err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(folder, "lock"))
	if _, err := lock.TryLockContext(ctx, time.Second); err != nil {
		return "", fmt.Errorf("waiting for another build of the guests' image: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	tree := filepath.Join(folder, "root")
	if _, err := os.Stat(tree); err == nil {
		return tree, nil
	}
	if err := build(ctx, tree); err != nil {
		return "", fmt.Errorf("building the guests' image: %w", err)
	}
	return tree, nil
}

// build makes the tree beside its place and renames it when it is whole.
func build(ctx context.Context, tree string) error {
	temporary := tree + ".new"
	if err := os.RemoveAll(temporary); err != nil {
		return err
	}
	host.Progress("building the guests' image, about a minute, once")
	if err := Bootstrap(ctx, temporary, contents); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "sh", "-c", finish, "finish", temporary).CombinedOutput(); err != nil { //nolint:gosec // As above.
		return fmt.Errorf("finishing the image: %w: %s", err, out)
	}
	return errors.Join(os.Rename(temporary, tree))
}

// Bootstrap makes the tree of a Debian 12 with these packages, separated by commas, and what they depend on.
func Bootstrap(ctx context.Context, tree, packages string) error {
	args := []string{
		"--variant=minbase", "--mode=root", "--format=directory", "--include=" + packages, `--aptopt=Acquire::Languages "none"`,
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*", "bookworm", tree,
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", append(args, sources()...)...) //nolint:gosec // The bed's own arguments.
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap: %w: %s", err, tail(string(out)))
	}
	return nil
}

// sources are the machine's own repositories of Debian: it can reach those.
func sources() []string {
	for _, file := range []string{"/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"} {
		if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), "bookworm") {
			return []string{file}
		}
	}
	return nil
}

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
