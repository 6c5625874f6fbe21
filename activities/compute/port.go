// Package compute makes, starts, retires and removes virtual machines.
//
// A platform implements the ports in this file. What changes something is an ensure: given the operation's key it
// finds what an earlier attempt made and adopts it, else makes it, then reads it back. A machine that exists under
// another key is never adopted: that is a Conflict.
package compute

import (
	"context"

	"fermata/activities/operation"
	"fermata/spec"
)

// Ref is an object of the platform: its immutable id, and the name people know it by.
type Ref struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// PlanRequest asks what a machine would be made from and whether its name and address are free.
type PlanRequest struct {
	Owner   operation.Owner `json:"owner"`
	Name    string          `json:"name"`
	Compute spec.Compute    `json:"compute"`
	Network spec.Network    `json:"network"`
	Volumes []spec.Volume   `json:"volumes,omitempty"`
}

// Placement is where a machine goes and what it is made from, resolved to immutable ids. It is part of the plan's hash.
type Placement struct {
	Template   Ref `json:"template"` // ID: instance UUID of the template.
	Datacenter Ref `json:"datacenter"`
	Folder     Ref `json:"folder"`
	Pool       Ref `json:"pool"`
	Datastore  Ref `json:"datastore"`
	Network    Ref `json:"network"`
	// Datastores of the volumes that name one of their own, by the volume's name.
	Datastores map[string]Ref `json:"datastores,omitempty"`
}

// Planned is the answer to a PlanRequest.
type Planned struct {
	Placement Placement `json:"placement"`
	// Existing are the machines of that name in the folder, or of that owner anywhere.
	Existing []Machine `json:"existing,omitempty"`
	// AddressHeldBy names machines that report the wanted address.
	AddressHeldBy []Ref `json:"address_held_by,omitempty"`
	// Observations, shown beside the plan and not covered by its hash.
	FreeBytes     int64 `json:"free_bytes"`     // Free on the datastore.
	RequiredBytes int64 `json:"required_bytes"` // Template's disks and the volumes.
}

// Request describes the machine to make. It holds no secret: user data carries public keys only.
type Request struct {
	Name          string       `json:"name"`
	Placement     Placement    `json:"placement"`
	CPUs          int          `json:"cpus"`
	MemoryBytes   int64        `json:"memory_bytes"`  // Multiple of 4 MiB.
	Customization string       `json:"customization"` // spec.CloudInit or spec.VMware.
	Network       spec.Network `json:"network"`
	User          string       `json:"user"`           // Account that the worker logs in as.
	AuthorizedKey string       `json:"authorized_key"` // Public key of the worker, authorized_keys form.
	UserData      string       `json:"user_data,omitempty"`
	Annotation    string       `json:"annotation,omitempty"`
	Tags          []string     `json:"tags,omitempty"` // "category/tag".
}

// Power is the state of a machine.
type Power string

// The states of a machine.
const (
	PoweredOn  Power = "on"
	PoweredOff Power = "off"
	Suspended  Power = "suspended"
)

// Machine is a machine as the platform reports it.
type Machine struct {
	ID          string          `json:"id"` // Instance UUID; never an inventory id, which changes with a restore.
	Name        string          `json:"name"`
	Key         string          `json:"key,omitempty"`   // Operation key it carries; empty: not made by Fermata.
	Owner       operation.Owner `json:"owner,omitempty"` // Owner it carries.
	Power       Power           `json:"power"`
	CPUs        int             `json:"cpus"`
	MemoryBytes int64           `json:"memory_bytes"`
	Addresses   []string        `json:"addresses,omitempty"` // As the guest reports them.
	HostKeys    []string        `json:"host_keys,omitempty"` // SSH host keys that the guest published, authorized_keys form.
	Disks       []Disk          `json:"disks,omitempty"`
	CPUHotAdd   bool            `json:"cpu_hot_add,omitempty"`    // CPUs can be added while it runs.
	MemHotAdd   bool            `json:"memory_hot_add,omitempty"` // Memory can be added while it runs.
}

// DiskRequest describes a data disk to add.
type DiskRequest struct {
	MachineID string `json:"machine_id"`
	Name      string `json:"name"` // The volume's name.
	Bytes     int64  `json:"bytes"`
	Datastore Ref    `json:"datastore"`
}

// Disk is a disk of a machine.
type Disk struct {
	Name  string `json:"name,omitempty"`
	UUID  string `json:"uuid"` // As the guest sees it under /dev/disk/by-id (disk.EnableUUID).
	Bytes int64  `json:"bytes"`
	Key   string `json:"key,omitempty"` // Operation key that the disk was made under.
}

// Planner reads what exists and resolves names. It changes nothing.
type Planner interface {
	// Check proves that the platform answers and the credential is good.
	// Faults: Unauthorized, Unavailable.
	Check(ctx context.Context) error
	// Plan resolves the placement. Faults: NotFound for a name that does not exist (the text names it and lists what
	// does), Invalid for one that is ambiguous or not a template, Unauthorized, Unavailable.
	Plan(ctx context.Context, r PlanRequest) (Planned, error)
}

// Machines makes and removes the machine of one operation.
//
// Every method may be called again after any failure, by another worker, while the first call's task still runs: it
// looks for the object by key, then for the running task (p.Task), and only then acts. Faults: Conflict for a machine
// of that name under another key, NotFound for a placement that has gone, Invalid for a size that the platform
// refuses, Unauthorized, Throttled, Unavailable, Ambiguous.
type Machines interface {
	// EnsureMachine clones the machine, powered off, with size, network setting, key, owner, annotation and tags.
	EnsureMachine(ctx context.Context, op operation.Op, r Request, p operation.Progress) (Machine, error)
	// EnsureDisk adds a data disk to a machine of the same owner.
	EnsureDisk(ctx context.Context, op operation.Op, r DiskRequest, p operation.Progress) (Disk, error)
	// EnsureRunning powers the machine on and waits until the guest reports an address and its SSH host keys.
	EnsureRunning(ctx context.Context, op operation.Op, machineID string, p operation.Progress) (Machine, error)
	// RemoveMachine powers off and destroys the machine that carries op.Key, with its disks. None is no error.
	RemoveMachine(ctx context.Context, op operation.Op, p operation.Progress) error
}

// Retirement takes a machine out of service by its owner, in a way that can be taken back until it is destroyed.
type Retirement interface {
	// FindByOwner returns the machines that carry the owner.
	FindByOwner(ctx context.Context, owner operation.Owner) ([]Machine, error)
	// Retire shuts the guest down (powers off if it does not answer) and renames the machine.
	// Conflict if the machine carries another owner.
	Retire(ctx context.Context, op operation.Op, machineID, name string, p operation.Progress) (Machine, error)
	// Restore renames the machine back, powers it on and waits for its address.
	Restore(ctx context.Context, op operation.Op, machineID, name string, p operation.Progress) (Machine, error)
	// Destroy removes a machine of op.Owner with its disks. None is no error; another owner's is a Conflict.
	Destroy(ctx context.Context, op operation.Op, machineID string, p operation.Progress) error
}

// Size is how large a machine is.
type Size struct {
	CPUs        int   `json:"cpus"`
	MemoryBytes int64 `json:"memory_bytes"` // Multiple of 4 MiB.
}

// Growth changes machines that are in service. Faults are those of Machines.
type Growth interface {
	// EnsureSize gives a machine of op.Owner another number of CPUs and another memory. was is what it had when the change was
	// planned. Conflict: it has neither the one nor the other by now ("changed by others"), or it is on and the platform
	// cannot change it so: EnsureOff comes first then.
	EnsureSize(ctx context.Context, op operation.Op, machineID string, was, s Size, p operation.Progress) (Machine, error)
	// EnsureDiskSize makes a disk of a machine of op.Owner larger, while it runs. Nothing makes it smaller again. Conflict: it
	// is larger already. NotFound: the machine has no disk with that UUID.
	EnsureDiskSize(ctx context.Context, op operation.Op, machineID string, d Disk, p operation.Progress) (Disk, error)
	// EnsureOff shuts the guest down, and powers the machine off if the guest does not answer.
	EnsureOff(ctx context.Context, op operation.Op, machineID string, p operation.Progress) (Machine, error)
}

// Platform is what a vendor of virtual machines offers.
type Platform interface {
	Planner
	Machines
	Retirement
	Growth
}
