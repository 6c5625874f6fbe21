// Package cloud makes, stops and removes instances of a cloud, with what belongs to them: a security group, volumes and a
// public address.
//
// A cloud implements the ports in this file. What changes something is an ensure: given the operation's key it finds what an
// earlier attempt made and adopts it, else makes it, then reads it back. What exists under another key is never adopted: that
// is a Conflict. Every object carries the key and its owner, in the cloud itself: as metadata, tags or a description.
package cloud

import (
	"context"

	"fermata/activities/operation"
)

// Ref is an object of the cloud: its immutable id, and the name that people know it by.
type Ref struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// PlanRequest asks what an instance would be made from and whether there is room for it.
type PlanRequest struct {
	Owner   operation.Owner `json:"owner"`
	Name    string          `json:"name"`
	Image   string          `json:"image"`  // Name or id.
	Flavor  string          `json:"flavor"` // Name or id: m1.small, t3.small.
	Network string          `json:"network"`
	Address string          `json:"address,omitempty"`  // Fixed address in the network that the instance is to have; empty: the cloud chooses.
	Zone    string          `json:"zone,omitempty"`     // Availability zone; empty: the cloud chooses.
	KeyPair string          `json:"key_pair,omitempty"` // Name of a key pair that the cloud holds; empty: none.
	Public  string          `json:"public,omitempty"`   // Network or pool that a public address is taken from; empty: none is.
	Volumes []Volume        `json:"volumes,omitempty"`
}

// Volume is a data disk as it is asked for.
type Volume struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`          // Multiple of 1 GiB.
	Type  string `json:"type,omitempty"` // The cloud's own word: gp3, ssd; empty: the cloud's default.
}

// Placement is what an instance is made from and where it goes, resolved to immutable ids. It is part of the plan's hash.
type Placement struct {
	Image   Ref    `json:"image"`
	Flavor  Ref    `json:"flavor"`
	Network Ref    `json:"network"` // Where the cloud has them, the subnet.
	Zone    string `json:"zone,omitempty"`
	KeyPair Ref    `json:"key_pair,omitzero"`
	Public  Ref    `json:"public,omitzero"`
}

// Planned is the answer to a PlanRequest.
type Planned struct {
	Placement   Placement `json:"placement"`
	CPUs        int       `json:"cpus"`         // Of the flavour.
	MemoryBytes int64     `json:"memory_bytes"` // Of the flavour.
	// Existing are the instances of that name that the credential sees, or of that owner.
	Existing []Instance `json:"existing,omitempty"`
	// AddressHeldBy names what has the wanted fixed address.
	AddressHeldBy []Ref `json:"address_held_by,omitempty"`
	// Quotas are those that the instance draws on, observed and not covered by the plan's hash.
	Quotas []Quota `json:"quotas,omitempty"`
}

// Quota is a limit of the project or account.
type Quota struct {
	Name   string `json:"name"`  // instances, cores, ram (MiB), volumes, gigabytes, floating addresses, security groups.
	Limit  int64  `json:"limit"` // -1: none.
	Used   int64  `json:"used"`
	Needed int64  `json:"needed"` // By this instance.
}

// Enough reports whether what is needed still fits.
func (q Quota) Enough() bool { return q.Limit < 0 || q.Used+q.Needed <= q.Limit }

// Request describes the instance to make. It holds no secret: user data carries public keys only.
type Request struct {
	Name      string            `json:"name"`
	Placement Placement         `json:"placement"`
	Address   string            `json:"address,omitempty"`
	GroupID   string            `json:"group_id"`  // Security group, the only one that the instance is in.
	UserData  string            `json:"user_data"` // cloud-config, in clear text.
	Tags      map[string]string `json:"tags,omitempty"`
}

// State is the state of an instance.
type State string

// The states of an instance.
const (
	Running State = "running"
	Stopped State = "stopped"
	Pending State = "pending" // On the way to another.
	Failed  State = "failed"  // The cloud gave up; the reason is in Fault.
)

// Instance is an instance as the cloud reports it.
type Instance struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Key       string          `json:"key,omitempty"`   // Operation key it carries; empty: not made by Fermata.
	Owner     operation.Owner `json:"owner,omitempty"` // Owner it carries.
	State     State           `json:"state"`
	Fault     string          `json:"fault,omitempty"`     // Why it failed, in the cloud's words.
	Addresses []string        `json:"addresses,omitempty"` // In the network, the first the one that the instance is reached by.
	Public    string          `json:"public,omitempty"`    // Public address; empty: none.
	// HostKeys are the SSH host keys that the first boot wrote to the console (cloud-init, cc_keys_to_console), authorized_keys
	// form. Empty: the console does not tell them.
	HostKeys []string `json:"host_keys,omitempty"`
}

// Group is a security group. It lets nothing in until the firewall capability opens a path.
type Group struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Disk is a volume as the cloud holds it.
type Disk struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Key   string `json:"key"`
	// Serial is what the guest sees under /dev/disk/by-id: the first 20 characters of a Cinder volume's id on virtio, the id
	// without its dash on EC2's NVMe.
	Serial     string `json:"serial"`
	InstanceID string `json:"instance_id,omitempty"` // Instance that it is attached to.
}

// PublicAddress is an address of the cloud's own that leads to an instance.
type PublicAddress struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Key     string `json:"key"`
}

// Owned is everything that an owner has in the cloud.
type Owned struct {
	Instances []Instance      `json:"instances,omitempty"`
	Disks     []Disk          `json:"disks,omitempty"`
	Addresses []PublicAddress `json:"addresses,omitempty"`
	Groups    []Group         `json:"groups,omitempty"`
}

// Planner reads what exists and resolves names. It changes nothing.
type Planner interface {
	// Check proves that the cloud answers and the credential is good. Faults: Unauthorized, Unavailable.
	Check(ctx context.Context) error
	// Plan resolves the placement. Faults: NotFound for a name that does not exist (the text names it and lists what does),
	// Invalid for one that is ambiguous, Unauthorized, Throttled, Unavailable.
	Plan(ctx context.Context, r PlanRequest) (Planned, error)
	// FindByOwner returns all that carries the owner.
	FindByOwner(ctx context.Context, owner operation.Owner) (Owned, error)
}

// Maker makes the objects of one operation, and removes them.
//
// Every method may be called again after any failure, by another worker, while the first call's work still goes on: it looks
// for the object by key first, and only then acts. Faults: Conflict for an object of that name or purpose of the same owner
// under another key, NotFound for a placement that has gone, Invalid for what the cloud refuses (also a quota that is used
// up: a retry does not cure it), Unauthorized, Throttled, Unavailable, Ambiguous.
type Maker interface {
	// EnsureGroup makes a security group that lets nothing in and everything out.
	EnsureGroup(ctx context.Context, op operation.Op, name string, p operation.Progress) (Group, error)
	// RemoveGroup removes the group that carries op.Key, once nothing uses it any more. None is no error.
	RemoveGroup(ctx context.Context, op operation.Op, p operation.Progress) error
	// EnsureInstance makes the instance and waits until it runs, has its address and its console tells the host keys or that
	// the first boot is done. One that the cloud gave up on is an Invalid with the cloud's reason.
	EnsureInstance(ctx context.Context, op operation.Op, r Request, p operation.Progress) (Instance, error)
	// RemoveInstance removes the instance that carries op.Key and waits until it is gone. None is no error.
	RemoveInstance(ctx context.Context, op operation.Op, p operation.Progress) error
	// EnsureVolume makes a volume and attaches it to an instance of the same owner.
	EnsureVolume(ctx context.Context, op operation.Op, instanceID string, v Volume, zone string, p operation.Progress) (Disk, error)
	// RemoveVolume detaches and removes the volume that carries op.Key. None is no error.
	RemoveVolume(ctx context.Context, op operation.Op, p operation.Progress) error
	// EnsureAddress takes a public address from the pool and leads it to an instance of the same owner.
	EnsureAddress(ctx context.Context, op operation.Op, instanceID string, pool Ref, p operation.Progress) (PublicAddress, error)
	// RemoveAddress gives back the address that carries op.Key. None is no error.
	RemoveAddress(ctx context.Context, op operation.Op, p operation.Progress) error
}

// Retirement takes instances out of service by their owner, in a way that can be taken back until they are removed.
type Retirement interface {
	// Stop stops an instance of op.Owner and waits until it is. One that is stopped is left. Conflict: another owner's.
	Stop(ctx context.Context, op operation.Op, instanceID string, p operation.Progress) (Instance, error)
	// Start starts an instance of op.Owner and waits until it runs. Conflict: another owner's.
	Start(ctx context.Context, op operation.Op, instanceID string, p operation.Progress) (Instance, error)
	// RemoveOwned removes all that op.Owner has, in the order that the cloud wants, and returns what was removed.
	RemoveOwned(ctx context.Context, op operation.Op, p operation.Progress) (Owned, error)
}

// Cloud is what a cloud offers.
type Cloud interface {
	Planner
	Maker
	Retirement
}
