// Package guest configures the operating system inside a machine: its disks, its settings, its application.
//
// A guest access implements the ports in this file. Everything is an ensure: what is already as it should be is left
// alone, and the answer lists what was changed. Commands on one guest are serialised there (flock), so that a zombie
// attempt and its successor never work side by side.
package guest

import (
	"context"

	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/spec"
)

// Host is how a guest is reached and recognised.
type Host struct {
	Name    string `json:"name"`    // Host name; also the name that a host certificate must carry.
	Address string `json:"address"` // IP address.
	Port    int    `json:"port"`    // SSH port.
	User    string `json:"user"`
	// Keys are the host keys to trust, authorized_keys form, read from the platform. Empty: only a host certificate of
	// the configured CA is accepted. There is no third way.
	Keys []string `json:"keys,omitempty"`
}

// VolumeRequest asks for a file system on a disk.
type VolumeRequest struct {
	Volume   spec.Volume `json:"volume"`
	DiskUUID string      `json:"disk_uuid"` // As the platform gave it.
	Bytes    int64       `json:"bytes"`
	DiskKey  string      `json:"disk_key"` // Key that the disk was made under: only this run's disks are formatted.
}

// VolumeState is a mounted file system.
type VolumeState struct {
	Device         string `json:"device"`          // Path under /dev/disk/by-id.
	FilesystemUUID string `json:"filesystem_uuid"` // What fstab names.
	Mount          string `json:"mount"`
	Formatted      bool   `json:"formatted"` // Whether this call made the file system.
}

// SystemRequest asks for the operating system's settings.
type SystemRequest struct {
	Hostname string  `json:"hostname"`
	Domain   string  `json:"domain,omitempty"`
	OS       spec.OS `json:"os"`
}

// ApplicationRequest asks for the application. Config files are already rendered.
type ApplicationRequest struct {
	Application spec.Application `json:"application"`
	Files       []spec.File      `json:"files,omitempty"`
}

// Secrets are the resolved contents of files that name a secret, by the file's path. They reach the guest on standard
// input only.
type Secrets map[string]secret.Value

// Changes lists what an ensure changed, one line each; empty: everything was as it should be.
type Changes []string

// Entrance reaches guests.
type Entrance interface {
	// Check proves that the credential can be read and the jump host, if any, lets it in.
	// Faults: Unauthorized, Unavailable, Invalid.
	Check(ctx context.Context) error
	// AuthorizedKey returns the public key that guests must accept, authorized_keys form.
	AuthorizedKey(ctx context.Context) (string, error)
	// Reach waits until the guest lets the worker in and its first boot is done (cloud-init status --wait, where there is
	// one). Faults: Unavailable while it does not answer, Unauthorized for a host key or login that is refused.
	Reach(ctx context.Context, h Host, p operation.Progress) error
}

// Storage makes file systems.
type Storage interface {
	// EnsureVolume formats, mounts and records (fstab by filesystem UUID, nofail) one disk. The disk is found by
	// DiskUUID, never by its device name or size. It is formatted only if DiskKey is of op's run, wipefs -n and blkid -p
	// see nothing on it, its size is the wanted one and it is not mounted. Conflict: a disk that holds data or is not as
	// expected; nothing was written then. NotFound: no such disk in the guest.
	EnsureVolume(ctx context.Context, op operation.Op, h Host, r VolumeRequest, p operation.Progress) (VolumeState, error)
}

// Configuration sets up the operating system and the application.
type Configuration interface {
	// EnsureSystem sets host name, time zone, users, packages, files and services, in this order.
	// Faults: Invalid for a package, time zone or service that does not exist; Conflict when dpkg is broken.
	EnsureSystem(ctx context.Context, op operation.Op, h Host, r SystemRequest, s Secrets, p operation.Progress) (Changes, error)
	// EnsureApplication installs the exact version or archive, writes its files, and starts (or restarts after a change)
	// its service. Faults: Invalid for a version that the repository does not have or a checksum that differs.
	EnsureApplication(ctx context.Context, op operation.Op, h Host, r ApplicationRequest, s Secrets, p operation.Progress) (Changes, error)
}

// Access is what a way into guests offers.
type Access interface {
	Entrance
	Storage
	Configuration
	Alteration
	Accounts
}
