package guest

import (
	"fmt"

	"github.com/google/uuid"
)

// Foreign is what somebody else may have left on a disk.
type Foreign string

// What WriteForeign writes.
const (
	ForeignExt4       Foreign = "ext4"
	ForeignXFS        Foreign = "xfs"
	ForeignSwap       Foreign = "swap"
	ForeignLVM        Foreign = "LVM2_member"
	ForeignPartitions Foreign = "gpt" // A partition table.
	ForeignDOS        Foreign = "dos"
)

// WriteForeign puts another's file system, volume or partition table on a disk, so that a test sees whether a driver
// spares it. A blank kind wipes the disk.
func (m *Machine) WriteForeign(diskUUID string, kind Foreign) error {
	for _, d := range m.devices() {
		if d.disk.UUID != diskUUID || d.partition {
			continue
		}
		defer m.save()
		m.change(func(s *state) {
			delete(s.Contents, diskUUID)
			if kind != "" {
				s.Contents[diskUUID] = &content{Type: string(kind), UUID: uuid.NewString(), Bytes: d.bytes}
			}
		})
		return m.makeDevices()
	}
	return fmt.Errorf("writing on disk %q: the machine has no such disk", diskUUID)
}
