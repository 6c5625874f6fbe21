package guests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is a data disk. Its content is kept in the guest's folder.
type Disk struct {
	UUID  string // As the platform gave it.
	Bytes int64
	Link  string // Its name under /dev/disk/by-id; empty: that of a SCSI disk.
}

// attach makes a disk's file a block device.
func (g *Guest) attach(ctx context.Context, disk Disk) (device string, number uint64, err error) {
	file := filepath.Join(g.o.Folder, "disk-"+disk.UUID)
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", 0, err
	}
	if err := errors.Join(f.Truncate(disk.Bytes), f.Close()); err != nil {
		return "", 0, err
	}
	out, err := exec.CommandContext(ctx, "losetup", "--find", "--show", file).CombinedOutput() //nolint:gosec // Our own file.
	if err != nil {
		return "", 0, fmt.Errorf("attaching disk %s: %w: %s", disk.UUID, err, out)
	}
	device = strings.TrimSpace(string(out))
	g.loops[disk.UUID] = device
	var stat unix.Stat_t
	if err := unix.Stat(device, &stat); err != nil {
		return "", 0, fmt.Errorf("looking at %s: %w", device, err)
	}
	return device, stat.Rdev, nil
}

// link is the name that udev gives the disk: a SCSI disk's is made of its identifier.
func (d Disk) link() string {
	if d.Link != "" {
		return d.Link
	}
	return "wwn-0x" + strings.ToLower(strings.ReplaceAll(d.UUID, "-", ""))
}

// Plug attaches further disks while the guest runs; those that it has stay, and grow if they are to be larger.
func (g *Guest) Plug(ctx context.Context, disks []Disk) error {
	for _, disk := range disks {
		if device, has := g.loops[disk.UUID]; has {
			if err := g.enlarge(ctx, device, disk); err != nil {
				return err
			}
			continue
		}
		device, number, err := g.attach(ctx, disk)
		if err != nil {
			return err
		}
		if err := unix.Mknod(g.Path("/dev/"+filepath.Base(device)), unix.S_IFBLK|0o660, int(number)); err != nil { //nolint:gosec // Small numbers.
			return fmt.Errorf("plugging disk %s in: %w", disk.UUID, err)
		}
		if err := os.Symlink("../../"+filepath.Base(device), g.Path("/dev/disk/by-id/"+disk.link())); err != nil {
			return fmt.Errorf("plugging disk %s in: %w", disk.UUID, err)
		}
	}
	return nil
}

// enlarge makes a disk larger, as a platform does: the guest's kernel is told of the new capacity.
func (g *Guest) enlarge(ctx context.Context, device string, disk Disk) error {
	file := filepath.Join(g.o.Folder, "disk-"+disk.UUID)
	info, err := os.Stat(file)
	if err != nil || info.Size() >= disk.Bytes {
		return err
	}
	if err := os.Truncate(file, disk.Bytes); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "losetup", "--set-capacity", device).CombinedOutput(); err != nil { //nolint:gosec // Our own device.
		return fmt.Errorf("growing disk %s: %w: %s", disk.UUID, err, out)
	}
	return nil
}

// detach takes a device away and waits until it is gone: the kernel unmounts what a machine had mounted only after the
// machine has ended, and until then the disk's file is written to.
func detach(device string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	backing := filepath.Join("/sys/block", filepath.Base(device), "loop/backing_file")
	before, err := os.ReadFile(backing)
	if err != nil {
		return fmt.Errorf("detaching %s: %w", device, err)
	}
	if out, err := exec.CommandContext(ctx, "losetup", "--detach", device).CombinedOutput(); err != nil { //nolint:gosec // Our own device.
		return fmt.Errorf("detaching %s: %w: %s", device, err, out)
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		if now, err := os.ReadFile(backing); err != nil || string(now) != string(before) { // Gone, or somebody else's by now.
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("detaching %s: somebody still uses it", device)
		case <-ticker.C:
		}
	}
}
