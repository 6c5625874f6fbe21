// Package guest emulates a Linux host of the sandbox: an SSH server with exec and sftp, a shell, and the commands that a
// driver of guests uses, with state that can be read back.
//
// The promise: nothing a guest runs can read, write, list, stat or run anything of the machine that the sandbox runs on.
// The shell is an interpreter whose every door to the outside is replaced, commands are Go functions, and all files lie
// in the guest's own folder behind os.Root. What is not emulated fails as on a host that does not have it.
package guest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/network"
)

// Disk is a virtual disk as the platform attaches it.
type Disk struct {
	UUID  string // As the platform gave it, "6000C29e-...": /dev/disk/by-id carries it without dashes, in lower case.
	Bytes int64
	// System marks the disk that the operating system is on. Without one among the disks the machine shows a system
	// disk of its own, 10 GiB, before all others.
	System bool
	// ByID are its names in /dev/disk/by-id on a bus other than SCSI: virtio-SERIAL. None: those that SCSI makes of the UUID.
	ByID []string `json:",omitempty"`
}

// CloudInit is what the platform hands to cloud-init at the first boot.
type CloudInit struct {
	InstanceID string // Another value than at the last boot: cloud-init runs again, as it does for a clone.
	Hostname   string // Of the metadata; empty: Options.Name.
	UserData   string // "#cloud-config" or a script that starts with "#!"; the subset of cloudinit.go.
}

// Options describe a machine. Name, Folder, Network and Address are needed.
type Options struct {
	Name           string
	Folder         string // Of this machine alone; made if absent.
	Network        *network.Network
	Address        netip.Addr
	Domain         string
	User           string   // Account with passwordless sudo that the template has; "admin" if empty.
	AuthorizedKeys []string // Keys that User accepts, authorized_keys form.
	Disks          []Disk
	Commands       map[string]Command // Commands beside the built-in ones, in /usr/sbin of the machine.
	Catalogue      Catalogue          // Packages of the machine's repositories; nil: Standard().
	Packages       []string           // Packages of the catalogue that the template has, "name" or "name=version".
	CloudInit      CloudInit
	// SetGuestInfo is told what vmware-rpctool "info-set guestinfo.KEY VALUE" sets; key without "guestinfo.".
	SetGuestInfo func(key, value string)
	// GetGuestInfo answers vmware-rpctool "info-get guestinfo.KEY"; nil: what was set before.
	GetGuestInfo func(key string) (string, bool)
	// InitScripts makes it a machine without systemd, as containers are and some Debians: services are started by their
	// scripts in /etc/init.d.
	InitScripts bool
	// RepositoryKey is the armored key that signs what sources with a Signed-By name; empty: any does.
	RepositoryKey string
	Faults        *faults.Faults
	Log           *slog.Logger
}

// Machine is an emulated host. It is made stopped; Start boots it.
type Machine struct {
	options   Options
	log       *slog.Logger
	files     *tree
	catalogue Catalogue
	commands  map[string]Command
	processes processes
	logins    logins
	locks     lockTable
	journal   journal
	services  *services

	dirty   atomic.Bool  // Something is not saved yet.
	changes atomic.Int64 // How often something changed: tells a session whether its command did.

	mu      sync.Mutex // Guards state and running. No file of the guest is touched while it is held.
	state   state
	running *run       // nil while the machine is off.
	saving  sync.Mutex // One writer of the state file at a time.
	power   sync.Mutex // One Start, Stop or Reboot at a time.
	udev    sync.Mutex // One maker of devices at a time.
	// accountFiles lets one change passwd, group or shadow at a time.
	accountFiles sync.Mutex
}

// run is what lives from a boot to the next.
type run struct {
	ctx    context.Context
	cancel context.CancelFunc
	since  time.Time
	server *server
	booted chan struct{} // Closed when cloud-init is done.
	tasks  sync.WaitGroup
}

// New makes a machine, or finds again the one that lives in the folder. It does not boot it.
func New(o Options) (*Machine, error) {
	if o.Name == "" || o.Folder == "" || o.Network == nil || !o.Address.IsValid() {
		return nil, errors.New("making a guest: name, folder, network and address are needed")
	}
	if o.User == "" {
		o.User = "admin"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Machine{options: o, log: o.Log.With("guest", o.Name), catalogue: o.Catalogue, commands: builtins()}
	if m.catalogue == nil {
		m.catalogue = Standard()
	}
	for name, command := range o.Commands {
		m.commands[name] = command
	}
	if o.InitScripts {
		for _, name := range []string{"systemctl", "hostnamectl", "timedatectl", "journalctl"} {
			delete(m.commands, name)
		}
	}
	m.services = newServices(m)
	if err := m.open(); err != nil {
		return nil, fmt.Errorf("opening guest %q: %w", o.Name, err)
	}
	return m, nil
}

// Start boots the machine: SSH answers when it returns; cloud-init goes on in the background (Booted waits for it).
func (m *Machine) Start(ctx context.Context) error {
	m.power.Lock()
	defer m.power.Unlock()
	if m.current() != nil {
		return nil
	}
	return m.boot(ctx)
}

// Stop takes the machine's power away: services, sessions and mounts are gone, files stay.
func (m *Machine) Stop() error {
	m.power.Lock()
	defer m.power.Unlock()
	return m.halt()
}

// Reboot stops the machine and boots it again.
func (m *Machine) Reboot(ctx context.Context) error {
	if err := m.Stop(); err != nil {
		return err
	}
	return m.Start(ctx)
}

// Close stops the machine and lets its folder go.
func (m *Machine) Close() error {
	return errors.Join(m.Stop(), m.files.close())
}

// Booted waits until the first boot is done.
func (m *Machine) Booted(ctx context.Context) error {
	r := m.current()
	if r == nil {
		return errors.New("waiting for the boot: the machine is off")
	}
	select {
	case <-r.booted:
		return nil
	case <-r.ctx.Done():
		return errors.New("waiting for the boot: the machine was switched off")
	case <-ctx.Done():
		return fmt.Errorf("waiting for the boot: %w", ctx.Err())
	}
}

// Running reports whether the machine is switched on.
func (m *Machine) Running() bool { return m.current() != nil }

// Name is the machine's name on the platform.
func (m *Machine) Name() string { return m.options.Name }

// Address is the machine's address in the virtual network.
func (m *Machine) Address() netip.Addr { return m.options.Address }

// Network is the virtual network that the machine is plugged into.
func (m *Machine) Network() *network.Network { return m.options.Network }

// Hostname is the name that the machine calls itself.
func (m *Machine) Hostname() string { m.mu.Lock(); defer m.mu.Unlock(); return m.state.Hostname }

func (m *Machine) current() *run { m.mu.Lock(); defer m.mu.Unlock(); return m.running }

// ReadFile reads a file as root.
func (m *Machine) ReadFile(path string) ([]byte, error) { return m.files.as(root).readFile(path) }

// WriteFile writes a file as root, its folders included, and gives it to root. It replaces the file at once, by a rename.
func (m *Machine) WriteFile(path string, data []byte, mode uint32) error {
	defer m.save()
	return m.files.as(root).replace(path, data, mode)
}

// Journal adds a line to a unit's journal.
func (m *Machine) Journal(unit, line string) { m.journal.add(unit, line) }
