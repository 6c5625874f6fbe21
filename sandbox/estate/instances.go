package estate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/guest"
	"fermata/sandbox/estate/machine"
	"fermata/sandbox/estate/network"
)

// InstanceUser is the account that cloud images have, as Debian's do.
const InstanceUser = "debian"

// InstanceOptions describe the machines behind a cloud's servers.
type InstanceOptions struct {
	Folder  string // A folder in it for each.
	Network *network.Network
	Faults  *faults.Faults
	Log     *slog.Logger
}

// Instances are the machines behind a cloud's servers, by their ids. What a server had is found again after a restart.
type Instances struct {
	o        InstanceOptions
	mu       sync.Mutex
	machines map[string]*guest.Machine
}

var _ machine.Guests = (*Instances)(nil)

// NewInstances returns machines that are all off.
func NewInstances(o InstanceOptions) *Instances {
	return &Instances{o: o, machines: map[string]*guest.Machine{}}
}

// Machine returns the machine behind a server; nil: it has never been booted.
func (i *Instances) Machine(id string) *guest.Machine {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.machines[id]
}

// Machines returns all machines that were booted and are there still, by their servers' names.
func (i *Instances) Machines() map[string]*guest.Machine {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := make(map[string]*guest.Machine, len(i.machines))
	for _, m := range i.machines {
		all[m.Name()] = m
	}
	return all
}

// Boot starts the machine and waits for cloud-init, whose last modules write the host keys to the console.
func (i *Instances) Boot(ctx context.Context, m machine.Machine) ([]string, error) {
	g, err := i.machine(m)
	if err != nil {
		return nil, fmt.Errorf("making the guest of %s: %w", m.Name, err)
	}
	if err := g.SetDisks(instanceDisks(m.Disks)); err != nil {
		return nil, fmt.Errorf("attaching the disks of %s: %w", m.Name, err)
	}
	if err := g.Start(ctx); err != nil {
		return nil, fmt.Errorf("booting %s: %w", m.Name, err)
	}
	if err := g.Booted(ctx); err != nil {
		return nil, err
	}
	return g.HostKeys(), nil
}

func (i *Instances) machine(m machine.Machine) (*guest.Machine, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if g := i.machines[m.ID]; g != nil {
		return g, nil
	}
	folder := filepath.Join(i.o.Folder, m.ID)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	options := guest.Options{
		Name: m.Name, Folder: folder, Network: i.o.Network, Address: m.Address, User: InstanceUser,
		Disks: instanceDisks(m.Disks), Faults: i.o.Faults, Log: i.o.Log,
		CloudInit: guest.CloudInit{InstanceID: m.ID, Hostname: m.Name, UserData: m.UserData},
	}
	if m.KeyPair != "" {
		options.AuthorizedKeys = []string{m.KeyPair}
	}
	g, err := guest.New(options)
	if err == nil {
		i.machines[m.ID] = g
	}
	return g, err
}

// instanceDisks shows volumes as the cloud does.
func instanceDisks(volumes []machine.Disk) []guest.Disk {
	disks := make([]guest.Disk, len(volumes))
	for i, v := range volumes {
		disks[i] = guest.Disk{UUID: v.ID, Bytes: v.Bytes, ByID: []string{v.ByID}}
	}
	return disks
}

// Shutdown switches the machine off.
func (i *Instances) Shutdown(id string) error {
	if m := i.Machine(id); m != nil {
		return m.Stop()
	}
	return nil
}

// Destroy switches the machine off and removes its files.
func (i *Instances) Destroy(id string) error {
	i.mu.Lock()
	m := i.machines[id]
	delete(i.machines, id)
	i.mu.Unlock()
	var err error
	if m != nil {
		err = m.Close()
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(i.o.Folder, filepath.Base(id))))
}

// SetDisks attaches and detaches volumes.
func (i *Instances) SetDisks(id string, disks []machine.Disk) error {
	if m := i.Machine(id); m != nil {
		return m.SetDisks(instanceDisks(disks))
	}
	return nil
}

// Close switches all machines off; their files stay.
func (i *Instances) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	var errs []error
	for _, m := range i.machines {
		errs = append(errs, m.Close())
	}
	i.machines = map[string]*guest.Machine{}
	return errors.Join(errs...)
}

// SecurityGroups are those of an emulated cloud.
type SecurityGroups interface {
	Allows(from, to netip.AddrPort, proto string) bool
}

// FilterInstances puts a cloud's security groups behind another filter: a packet passes if both let it.
func FilterInstances(cloud SecurityGroups, outer network.Filter) network.Filter {
	return func(from, to netip.AddrPort, proto string) bool {
		return cloud.Allows(from, to, proto) && outer(from, to, proto)
	}
}
