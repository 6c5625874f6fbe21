package estate

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"go.yaml.in/yaml/v3"

	"fermata/sandbox/estate/guest"
	"fermata/sandbox/estate/vcenter"
)

// guests are the machines behind the vCenter's VMs, by instance UUID.
type guests struct {
	e        *Estate
	mu       sync.Mutex
	machines map[string]*guest.Machine
}

func (e *Estate) startVCenter(ctx context.Context) error {
	folder, err := e.folder(VCenter)
	if err != nil {
		return err
	}
	e.guests = &guests{e: e, machines: map[string]*guest.Machine{}}
	e.onClose(e.guests.close)
	e.VCenter, err = vcenter.Start(ctx, vcenter.Options{
		Folder: folder, Listen: e.listen(e.o.VCenterPort), Username: VCenterUser, Password: e.o.VCenterPassword,
		Faults: e.o.Faults[VCenter], Log: e.o.Log,
		OnPowerOn: e.guests.powerOn, OnPowerOff: e.guests.powerOff, OnDestroy: e.guests.destroy, OnDisks: e.guests.disks,
	})
	if err != nil {
		return err
	}
	e.onClose(func() error { e.VCenter.Close(); return nil })
	return nil
}

// Guest returns the machine behind a VM, by its instance UUID; nil: it has never been powered on.
func (e *Estate) Guest(id string) *guest.Machine {
	e.guests.mu.Lock()
	defer e.guests.mu.Unlock()
	return e.guests.machines[id]
}

// powerOn boots the guest of a VM as its template and its cloud-init data say.
func (g *guests) powerOn(ctx context.Context, vm vcenter.VM) (vcenter.Guest, error) {
	m, err := g.machine(vm)
	if err != nil {
		g.e.o.Log.Error("making the guest", "vm", vm.Name, "error", err)
		return vcenter.Guest{}, err
	}
	if err := m.SetDisks(disksOf(vm)); err != nil {
		return vcenter.Guest{}, fmt.Errorf("attaching disks: %w", err)
	}
	if err := m.Start(ctx); err != nil {
		return vcenter.Guest{}, fmt.Errorf("booting the guest: %w", err)
	}
	report := vcenter.Guest{Address: m.Address().String()}
	if vm.Customization != nil {
		report.HostKeys = m.HostKeys() // That template publishes them itself; cloud-init's does so by its user data.
	}
	return report, nil
}

func (g *guests) machine(vm vcenter.VM) (*guest.Machine, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.machines[vm.ID]; m != nil {
		return m, nil
	}
	prefix, err := netip.ParsePrefix(vm.Address)
	if err != nil {
		return nil, fmt.Errorf("the VM has no address: %w", err)
	}
	folder, err := g.e.folder(filepath.Join(Guests, vm.ID))
	if err != nil {
		return nil, err
	}
	options := guest.Options{
		Name: vm.Name, Folder: folder, Network: g.e.Network, Address: prefix.Addr(), User: HostUser,
		Disks: disksOf(vm), Faults: g.e.o.Faults[Guests], Log: g.e.o.Log,
		CloudInit: guest.CloudInit{InstanceID: vm.ID, Hostname: hostname(vm), UserData: vcenter.GuestInfo(vm.ExtraConfig, "userdata")},
		SetGuestInfo: func(key, value string) {
			if err := g.e.VCenter.SetGuestInfo(vm.ID, "guestinfo."+key, value); err != nil {
				g.e.o.Log.Warn("setting guest information", "vm", vm.Name, "key", key, "error", err)
			}
		},
	}
	if vm.Customization != nil {
		options.Domain = vm.Customization.Domain
		options.AuthorizedKeys = []string{g.e.o.WorkerKey}
	}
	m, err := guest.New(options)
	if err != nil {
		return nil, err
	}
	g.machines[vm.ID] = m
	return m, nil
}

func hostname(vm vcenter.VM) string {
	if vm.Customization != nil {
		return vm.Customization.Hostname
	}
	var metadata struct {
		Hostname string `yaml:"local-hostname"`
	}
	if yaml.Unmarshal([]byte(vcenter.GuestInfo(vm.ExtraConfig, "metadata")), &metadata) != nil || metadata.Hostname == "" {
		return vm.Name
	}
	return metadata.Hostname
}

// disksOf lists the VM's disks; the template's own is the system disk.
func disksOf(vm vcenter.VM) []guest.Disk {
	disks := make([]guest.Disk, len(vm.Disks))
	for i, d := range vm.Disks {
		disks[i] = guest.Disk{UUID: d.UUID, Bytes: d.Bytes, System: d.Unit == 0}
	}
	return disks
}

func (g *guests) find(id string) *guest.Machine {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.machines[id]
}

func (g *guests) powerOff(vm vcenter.VM) {
	if m := g.find(vm.ID); m != nil {
		g.warn(vm, "stopping the guest", m.Stop())
	}
}

func (g *guests) disks(vm vcenter.VM) {
	if m := g.find(vm.ID); m != nil {
		g.warn(vm, "attaching disks", m.SetDisks(disksOf(vm)))
	}
}

func (g *guests) destroy(vm vcenter.VM) {
	g.mu.Lock()
	m := g.machines[vm.ID]
	delete(g.machines, vm.ID)
	g.mu.Unlock()
	if m != nil {
		g.warn(vm, "stopping the guest", m.Close())
	}
	g.warn(vm, "removing the guest's folder", os.RemoveAll(filepath.Join(g.e.o.Folder, Guests, vm.ID)))
}

func (g *guests) warn(vm vcenter.VM, doing string, err error) {
	if err != nil {
		g.e.o.Log.Warn(doing, "vm", vm.Name, "error", err)
	}
}

func (g *guests) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.machines {
		_ = m.Close()
	}
	g.machines = map[string]*guest.Machine{}
	return nil
}
