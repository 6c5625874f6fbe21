package linux

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
)

// sizeScript prints how many blocks of how many bytes the file system on a device has. $1 device, $2 type, $3 mount point.
const sizeScript = `case "$2" in
  ext4) exec dumpe2fs -h "$1" ;;
  xfs) exec xfs_info "$3" ;;
esac
exit 65
`

// growScript makes the file system as large as its disk. $1 device, $2 type, $3 mount point.
const growScript = `set -eu
case "$2" in
  ext4) resize2fs "$1" ;;
  xfs) xfs_growfs "$3" ;;
esac
`

// rescanScript has the kernel read the disk's capacity anew (Documentation/scsi, sd: device/rescan). $1 device.
const rescanScript = `file="/sys/class/block/${1##*/}/device/rescan"
if [ -e "$file" ]; then printf 1 > "$file"; fi
`

// volumeSize tells how large a disk and the file system on it are.
func (m *machine) volumeSize(ctx context.Context, name, uuid string) (guest.VolumeSize, error) {
	d, err := m.disk(ctx, uuid)
	if err != nil {
		return guest.VolumeSize{}, err
	}
	return m.sizeOf(ctx, name, d)
}

func (m *machine) sizeOf(ctx context.Context, name string, d *disk) (guest.VolumeSize, error) {
	size := guest.VolumeSize{Name: name, Disk: d.size, Type: d.probed["TYPE"]}
	if len(d.mounts) > 0 {
		size.Mount = d.mounts[len(d.mounts)-1]
	}
	if size.Type != "ext4" && (size.Type != "xfs" || size.Mount == "") {
		return size, nil // Of an xfs that is not mounted nothing is told.
	}
	out, err := m.output(ctx, "asking for the size of "+d.link, sizeScript, d.device, size.Type, size.Mount)
	if err != nil {
		return size, err
	}
	if size.Filesystem, err = blocks(size.Type, out); err != nil {
		return size, fault.Wrap(fault.Invalid, err, "asking for the size of "+d.link)
	}
	return size, nil
}

// blocks reads the size out of what dumpe2fs -h (e2fsprogs) or xfs_info (xfsprogs) prints.
func blocks(kind, out string) (int64, error) {
	var count, each int64
	var err error
	for _, line := range strings.Split(out, "\n") {
		name, value, _ := strings.Cut(line, ":")
		switch {
		case kind == "ext4" && name == "Block count":
			count, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		case kind == "ext4" && name == "Block size":
			each, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		case kind == "xfs" && strings.HasPrefix(line, "data "):
			_, err = fmt.Sscanf(strings.Join(strings.Fields(strings.NewReplacer("=", " ", ",", " ").Replace(line)), " "), "data bsize %d blocks %d", &each, &count)
		}
		if err != nil {
			return 0, fmt.Errorf("reading %q: %w", line, err)
		}
	}
	if count <= 0 || each <= 0 {
		return 0, fmt.Errorf("it does not say how many blocks there are")
	}
	return count * each, nil
}

// GrowVolume makes the file system as large as its disk. One that is so already is left as it is by the programs.
func (a *Access) GrowVolume(ctx context.Context, h guest.Host, r guest.GrowRequest, p operation.Progress) (guest.VolumeSize, error) {
	m := a.machine(h, p)
	size, err := m.grow(ctx, r)
	if err != nil {
		return guest.VolumeSize{}, fmt.Errorf("growing volume %q of %s: %w", r.Volume.Name, h.Name, err)
	}
	return size, nil
}

func (m *machine) grow(ctx context.Context, r guest.GrowRequest) (guest.VolumeSize, error) {
	d, err := m.disk(ctx, r.DiskUUID)
	if err != nil {
		return guest.VolumeSize{}, err
	}
	if d.size < r.Bytes {
		if err := m.must(ctx, "having the disk looked at again", rescanScript, d.device); err != nil {
			return guest.VolumeSize{}, err
		}
		if d, err = m.disk(ctx, r.DiskUUID); err != nil {
			return guest.VolumeSize{}, err
		}
	}
	size, err := m.sizeOf(ctx, r.Volume.Name, d)
	if err != nil {
		return size, err
	}
	switch {
	case size.Type != r.Volume.Filesystem:
		return size, fault.New(fault.Conflict, "%s on %s holds %s, expected %s: nothing is done to it", d.link, m.host.Name, d.contents(), r.Volume.Filesystem)
	case size.Mount != r.Volume.Mount:
		return size, fault.New(fault.Conflict, "%s on %s is mounted at %q, expected %s: nothing is done to it", d.link, m.host.Name, size.Mount, r.Volume.Mount)
	case d.size != r.Bytes:
		return size, fault.New(fault.Unavailable, "%s on %s shows %d bytes, expected %d", d.link, m.host.Name, d.size, r.Bytes)
	}
	m.said.Say("growing " + size.Type + " at " + size.Mount)
	result, err := m.change(ctx, nil, growScript, d.device, size.Type, size.Mount)
	switch {
	case err != nil:
		return size, fault.Wrap(fault.KindOf(err), err, "growing the file system")
	case result.Exit == 127:
		return size, fault.New(fault.Invalid, "%s has no program to grow %s: install it in the template", m.host.Name, size.Type)
	case result.Exit != 0:
		return size, fault.New(fault.Conflict, "growing %s on %s: %s", size.Mount, m.host.Name, result.Text())
	}
	if size, err = m.sizeOf(ctx, r.Volume.Name, d); err != nil {
		return size, err
	}
	if !size.Full() {
		return size, fault.New(fault.Conflict, "after growing, the file system at %s has %d bytes of %d", size.Mount, size.Filesystem, d.size)
	}
	return size, nil
}
