package guests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"fermata/sandbox/estate/vcenter"
	"fermata/testsuite/bed/network"
)

// Site is where the guests of a vCenter live.
type Site struct {
	Folder  string // Holds all guests' disks and files.
	Image   string
	Network *network.Network
	Bridge  network.End
	Files   map[string]string // What the template has besides the image: the repositories it knows, say.
	// Tell hands what a guest sets to the platform.
	Tell func(vmID, key, value string) error
	Log  func(format string, args ...any)

	mu     sync.Mutex
	places map[string]*place
}

// place is one virtual machine's, whether it is on or not. Its lock keeps an end apart from a boot.
type place struct {
	mu    sync.Mutex
	guest *Guest
}

func (s *Site) place(id string) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.places == nil {
		s.places = map[string]*place{}
	}
	if s.places[id] == nil {
		s.places[id] = &place{}
	}
	return s.places[id]
}

// Guest is the running guest of a virtual machine; nil: there is none.
func (s *Site) Guest(id string) *Guest {
	p := s.place(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.guest
}

// PowerOn boots a virtual machine's guest and waits for its address.
func (s *Site) PowerOn(ctx context.Context, vm vcenter.VM) (vcenter.Guest, error) {
	guest, err := s.boot(ctx, vm)
	if err != nil {
		return vcenter.Guest{}, err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if address := guest.IP(ctx); address != "" {
			return vcenter.Guest{Address: address}, nil
		}
		select {
		case <-ctx.Done():
			return vcenter.Guest{}, fmt.Errorf("waiting for the address of %s: %w", vm.Name, ctx.Err())
		case <-ticker.C:
		}
	}
}

func (s *Site) boot(ctx context.Context, vm vcenter.VM) (*Guest, error) {
	p := s.place(vm.ID)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(ctx.Err(), p.halt()); err != nil {
		return nil, err
	}
	guest, err := Boot(ctx, Options{
		Name: "localhost", Folder: filepath.Join(s.Folder, vm.ID), Image: s.Image, Network: s.Network, Bridge: s.Bridge,
		MAC: vm.MAC, Disks: disksOf(vm), Files: s.Files,
		Metadata: vm.ExtraConfig["guestinfo.metadata"], UserData: vm.ExtraConfig["guestinfo.userdata"],
		Told: func(key, value string) {
			if err := s.Tell(vm.ID, key, value); err != nil {
				s.Log("guest %s: %v", vm.Name, err)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	p.guest = guest
	return guest, nil
}

// disksOf lists the data disks; the first unit's is the template's own, which the image stands for.
func disksOf(vm vcenter.VM) (disks []Disk) {
	for _, disk := range vm.Disks {
		if disk.Unit != 0 {
			disks = append(disks, Disk{UUID: disk.UUID, Bytes: disk.Bytes})
		}
	}
	return disks
}

func (p *place) halt() error {
	if p.guest == nil {
		return nil
	}
	err := p.guest.Halt()
	p.guest = nil
	return err
}

// PowerOff ends the guest.
func (s *Site) PowerOff(vm vcenter.VM) {
	p := s.place(vm.ID)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.halt(); err != nil {
		s.Log("powering %s off: %v", vm.Name, err)
	}
}

// Destroy ends the guest and throws its disks away.
func (s *Site) Destroy(vm vcenter.VM) {
	s.PowerOff(vm)
	if err := os.RemoveAll(filepath.Join(s.Folder, vm.ID)); err != nil {
		s.Log("destroying %s: %v", vm.Name, err)
	}
}

// Disks plugs in what was added while the guest runs.
func (s *Site) Disks(vm vcenter.VM) {
	p := s.place(vm.ID)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.guest == nil {
		return
	}
	if err := p.guest.Plug(context.Background(), disksOf(vm)); err != nil {
		s.Log("plugging disks into %s: %v", vm.Name, err)
	}
}

// Close ends all guests.
func (s *Site) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, p := range s.places {
		p.mu.Lock()
		errs = append(errs, p.halt())
		p.mu.Unlock()
	}
	return errors.Join(errs...)
}
