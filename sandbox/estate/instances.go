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
	"fermata/sandbox/estate/network"
	"fermata/sandbox/estate/openstack"
)

// InstanceUser is the account that cloud images have, as Debian's do.
const InstanceUser = "debian"

// InstanceOptions describe the machines behind the cloud's servers.
type InstanceOptions struct {
	Folder  string // A folder in it for each.
	Network *network.Network
	Faults  *faults.Faults
	Log     *slog.Logger
}

// Instances are the machines behind the cloud's servers, by their ids. What a server had is found again after a restart.
type Instances struct {
	o        InstanceOptions
	mu       sync.Mutex
	machines map[string]*guest.Machine
}

var _ openstack.Guests = (*Instances)(nil)

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
func (i *Instances) Boot(ctx context.Context, m openstack.Machine) ([]string, error) {
	machine, err := i.machine(m)
	if err != nil {
		return nil, fmt.Errorf("making the guest of %s: %w", m.Name, err)
	}
	if err := machine.SetDisks(instanceDisks(m.Disks)); err != nil {
		return nil, fmt.Errorf("attaching the disks of %s: %w", m.Name, err)
	}
	if err := machine.Start(ctx); err != nil {
		return nil, fmt.Errorf("booting %s: %w", m.Name, err)
	}
	if err := machine.Booted(ctx); err != nil {
		return nil, err
	}
	return machine.HostKeys(), nil
}

func (i *Instances) machine(m openstack.Machine) (*guest.Machine, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if machine := i.machines[m.ID]; machine != nil {
		return machine, nil
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
	machine, err := guest.New(options)
	if err == nil {
		i.machines[m.ID] = machine
	}
	return machine, err
}

// instanceDisks shows volumes as virtio does: by the first 20 characters of their ids.
func instanceDisks(volumes []openstack.Disk) []guest.Disk {
	disks := make([]guest.Disk, len(volumes))
	for i, v := range volumes {
		disks[i] = guest.Disk{UUID: v.ID, Bytes: v.Bytes, ByID: []string{"virtio-" + v.ID[:min(20, len(v.ID))]}}
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
func (i *Instances) SetDisks(id string, disks []openstack.Disk) error {
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

// FilterInstances puts the cloud's security groups behind another filter: a packet passes if both let it.
func FilterInstances(cloud *openstack.Server, outer network.Filter) network.Filter {
	return func(from, to netip.AddrPort, proto string) bool {
		return cloud.Allows(from, to, proto) && outer(from, to, proto)
	}
}
