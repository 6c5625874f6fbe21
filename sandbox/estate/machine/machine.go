// Package machine is what runs behind the instances of an emulated cloud: the machines of a laptop's sandbox, or none.
package machine

import (
	"context"
	"net/netip"
)

// Disk is a volume as a machine sees it.
type Disk struct {
	ID    string // Of the volume.
	ByID  string // What the machine finds it by, under /dev/disk/by-id: the bus, the maker and the serial.
	Bytes int64
}

// Machine is an instance as what runs behind it needs to know it.
type Machine struct {
	ID       string
	Name     string
	Address  netip.Addr // The first that it has in its network.
	UserData string     // In clear text.
	Metadata map[string]string
	KeyPair  string // Public key of the key pair; empty: none.
	Disks    []Disk // Volumes in the order in which they were attached.
}

// Guests boot what runs behind instances. Calls for one instance come one after another.
type Guests interface {
	// Boot starts the machine, made if it is new, and returns its SSH host keys (authorized_keys form) once it knows them. It is
	// called again for a machine that runs already after the emulator was restarted.
	Boot(ctx context.Context, m Machine) (hostKeys []string, err error)
	// Shutdown stops the machine; its files stay.
	Shutdown(id string) error
	// Destroy stops the machine and removes what it had. A machine that is not there is no error.
	Destroy(id string) error
	// SetDisks attaches and detaches volumes while the machine runs.
	SetDisks(id string, disks []Disk) error
}
