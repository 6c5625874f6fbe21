package guest

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// The machine's own system disk, for platforms that do not list one.
const (
	systemDisk  = "6000c290-0000-0000-0000-000000000000"
	systemUUID  = "b5b0f5f0-1111-4c6e-9d59-0a3f0d0c0b0a"
	systemBytes = 10 << 30
	mebibyte    = 1 << 20
)

// device is a disk or the system's partition as the kernel shows it.
type device struct {
	name      string // sda, sda1
	disk      Disk
	partition bool
	bytes     int64
}

func (d device) path() string { return "/dev/" + d.name }

// serial is the form of the UUID in /dev/disk/by-id.
func (d device) serial() string { return strings.ToLower(strings.ReplaceAll(d.disk.UUID, "-", "")) }

// names are the device's in /dev/disk/by-id.
func (d device) names() []string {
	if len(d.disk.ByID) > 0 {
		return d.disk.ByID
	}
	return []string{"wwn-0x" + d.serial(), "scsi-3" + d.serial()}
}

// devices lists what is attached, in the order of the bus: sda, sda1, sdb, ...
func (m *Machine) devices() []device {
	disks := read(m, func(s *state) []Disk { return slices.Clone(s.Disks) })
	if !slices.ContainsFunc(disks, func(d Disk) bool { return d.System }) {
		disks = append([]Disk{{UUID: systemDisk, Bytes: systemBytes, System: true}}, disks...)
	}
	var all []device
	for i, disk := range disks {
		d := device{name: "sd" + letters(i), disk: disk, bytes: disk.Bytes}
		all = append(all, d)
		if disk.System {
			all = append(all, device{name: d.name + "1", disk: disk, partition: true, bytes: max(disk.Bytes-2*mebibyte, 0)})
		}
	}
	return all
}

func letters(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return letters(i/26-1) + letters(i%26)
}

// device finds what a path leads to: /dev/sdb, a link of /dev/disk, or a relative form of them.
func (m *Machine) device(v view, name string) (device, bool) {
	p, err := v.tree.resolve(name, true, root)
	if err != nil || p.info == nil {
		return device{}, false
	}
	for _, d := range m.devices() {
		if d.path() == p.path {
			return d, true
		}
	}
	return device{}, false
}

// deviceMode tells the tree which files below /dev are nodes.
func (m *Machine) deviceMode(name string) fs.FileMode {
	if name == "/dev/null" {
		return fs.ModeDevice | fs.ModeCharDevice
	}
	for _, d := range m.devices() {
		if d.path() == name {
			return fs.ModeDevice
		}
	}
	return 0
}

// SetDisks attaches and detaches disks while the machine runs, as the platform's hot plug does. A disk that comes back
// has its data; one that grew shows its new size.
func (m *Machine) SetDisks(disks []Disk) error {
	defer m.save()
	m.change(func(s *state) { s.Disks = slices.Clone(disks) })
	if err := m.makeDevices(); err != nil {
		return fmt.Errorf("making devices: %w", err)
	}
	return nil
}

// filesystemOf is the file system directly on a device; its zero value: none that blkid would name.
func (m *Machine) filesystemOf(d device) content {
	c := m.contentOf(d)
	if c.table() {
		return content{}
	}
	return c
}

// contentOf is what is written on a device.
func (m *Machine) contentOf(d device) content {
	switch {
	case d.partition:
		return content{Type: "ext4", UUID: systemUUID, Bytes: d.bytes}
	case d.disk.System:
		return content{Type: "gpt", UUID: "6b0a0f5e-2222-4a6e-8d59-0a3f0d0c0b0a", Bytes: d.bytes}
	}
	return read(m, func(s *state) content {
		if c := s.Contents[d.disk.UUID]; c != nil {
			return *c
		}
		return content{}
	})
}
