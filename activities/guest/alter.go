package guest

import (
	"context"

	"fermata/activities/operation"
	"fermata/spec"
)

// InspectRequest names what to look at in a guest that is in service.
type InspectRequest struct {
	OS          spec.OS           `json:"os"`
	Application *spec.Application `json:"application,omitempty"`
	Files       []spec.File       `json:"files,omitempty"` // Of the application, rendered.
	Volumes     []VolumeRef       `json:"volumes,omitempty"`
}

// VolumeRef names a volume and the disk that it is on.
type VolumeRef struct {
	Name     string `json:"name"`
	DiskUUID string `json:"disk_uuid"`
	Mount    string `json:"mount"`
}

// Inspection is how a guest is, of what was asked.
type Inspection struct {
	Timezone string                  `json:"timezone,omitempty"`
	Packages map[string]string       `json:"packages,omitempty"` // Installed version, by name; those that are not installed are absent.
	Users    []string                `json:"users,omitempty"`    // Those that exist.
	Files    []FileState             `json:"files,omitempty"`    // In the order asked for: those of the OS, then the application's.
	Services map[string]ServiceState `json:"services,omitempty"` // By name; those that do not exist are absent.
	Archive  string                  `json:"archive,omitempty"`  // SHA-256 of the archive that the folder was unpacked from; empty: none.
	Volumes  []VolumeSize            `json:"volumes,omitempty"`
}

// FileState is a file as it is. Of one whose content is a secret nothing but Same is told of the content.
type FileState struct {
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
	Same   bool   `json:"same"`             // Content, mode and owner are those asked for.
	SHA256 string `json:"sha256,omitempty"` // Of the content; empty for a secret.
	Mode   string `json:"mode,omitempty"`   // Octal, without leading zeros: 644.
	Owner  string `json:"owner,omitempty"`  // user:group.
}

// ServiceState is a service as it is.
type ServiceState struct {
	Enabled bool `json:"enabled"`
	Running bool `json:"running"`
}

// VolumeSize is a mounted volume as the guest sees it.
type VolumeSize struct {
	Name       string `json:"name"`
	Disk       int64  `json:"disk"`       // Bytes of the disk.
	Filesystem int64  `json:"filesystem"` // Bytes that the file system covers.
	Type       string `json:"type"`       // ext4 or xfs.
	Mount      string `json:"mount"`      // Where it is mounted; empty: nowhere.
}

// slack is what a file system may leave at the end of its disk: less than one of ext4's groups of blocks.
const slack = 128 << 20

// Full reports whether the file system covers its disk.
func (v VolumeSize) Full() bool { return v.Filesystem > v.Disk-slack }

// ImageRequest names what is about to change, as it will be, and what it was.
type ImageRequest struct {
	Application *spec.Application `json:"application,omitempty"` // Its package or archive, as it will be; nil: files only.
	Version     string            `json:"version,omitempty"`     // Of the package before; empty: it was not installed.
	Archive     string            `json:"archive,omitempty"`     // SHA-256 of the archive before; empty: there was none.
	Files       []spec.File       `json:"files,omitempty"`       // As they will be, rendered.
}

// GrowRequest asks for a file system as large as its disk.
type GrowRequest struct {
	Volume   spec.Volume `json:"volume"`
	DiskUUID string      `json:"disk_uuid"`
	Bytes    int64       `json:"bytes"` // Size of the disk, as the platform has it.
}

// Alteration changes guests that are in service.
type Alteration interface {
	// Inspect tells how the guest is. It changes nothing. Faults: NotFound for a disk that the guest does not see.
	Inspect(ctx context.Context, h Host, r InspectRequest, s Secrets) (Inspection, error)
	// EnsureImage keeps what is about to change, in the guest itself, under op's key. An image that op kept already stays.
	// Faults: Conflict where there is no room for it.
	EnsureImage(ctx context.Context, op operation.Op, h Host, r ImageRequest, p operation.Progress) error
	// RestoreImage puts back what op's image holds, restarts the service if anything had to be put back, and lists it. What
	// is as it was before is left. No image is no error: then nothing was changed. Conflict: something is neither as it was
	// nor as it was written; it is left as it is ("changed by others"), all else is put back.
	RestoreImage(ctx context.Context, op operation.Op, h Host, r ImageRequest, s Secrets, p operation.Progress) (Changes, error)
	// GrowVolume makes the file system as large as its disk, while it is mounted. It never makes one smaller. Faults: Conflict
	// for a file system that is not the one expected or not mounted where expected; Unavailable while the guest sees the old
	// size of the disk; NotFound: no such disk.
	GrowVolume(ctx context.Context, h Host, r GrowRequest, p operation.Progress) (VolumeSize, error)
}
