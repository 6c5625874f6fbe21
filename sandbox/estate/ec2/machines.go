package ec2

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"

	"fermata/sandbox/estate/machine"
)

// with does something with an instance under the lock, and saves. An instance that is gone is left.
func (s *Server) with(id string, do func(*instance)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := find(s.state.Instances, id); i != nil {
		do(*i)
	}
	if err := s.save(); err != nil {
		s.options.Log.Error("saving the state of EC2", "error", err)
	}
}

// resume goes on with what was being done when the emulator ended, and boots what was on.
func (s *Server) resume() {
	for _, i := range s.state.Instances {
		id := i.ID
		switch i.State {
		case pending:
			s.tasks.Add(id, func() { s.launch(id) })
		case running:
			s.tasks.Add(id, func() { s.powerOn(id) })
		case stopping:
			s.tasks.Add(id, func() { s.shutDown(id) })
		case shuttingDown:
			s.tasks.Add(id, func() { s.destroy(id) })
		}
	}
	for _, v := range s.state.Volumes {
		s.resumeVolume(v)
	}
}

// launch turns an instance on, or gives it up: then EC2 terminates it by itself.
func (s *Server) launch(id string) {
	wait, giveUp := s.trouble.launch()
	ctx := s.tasks.Start(s.ctx, id)
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return // Terminated, or the emulator ends: resume begins anew.
		}
	}
	if giveUp {
		s.with(id, func(i *instance) { s.end(i, serverError) })
		return
	}
	s.powerOn(id)
}

func (s *Server) powerOn(id string) {
	ctx, good := s.tasks.Start(s.ctx, id), false
	s.with(id, func(i *instance) {
		if good = i.State == pending || i.State == running; good {
			i.State, i.Reason = running, ""
		}
	})
	if good {
		s.boot(ctx, id)
	}
}

// boot starts the guest, whose first boot tells the host keys on the console.
func (s *Server) boot(ctx context.Context, id string) {
	m, there := s.machine(id)
	if !there {
		return
	}
	keys := []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA root@" + m.Name}
	if s.options.Guests != nil {
		var err error
		if keys, err = s.options.Guests.Boot(ctx, m); err != nil {
			s.options.Log.Error("booting the guest of an instance", "instance", m.Name, "error", err)
			return
		}
	}
	s.with(id, func(i *instance) {
		i.says("[    4.226511] cloud-init[321]: Cloud-init v. 22.4.2 running 'modules:final'\r\n")
		i.says("-----BEGIN SSH HOST KEY KEYS-----\r\n%s\r\n-----END SSH HOST KEY KEYS-----\r\n", strings.Join(keys, "\r\n"))
		i.says("[    4.401002] cloud-init[321]: Cloud-init v. 22.4.2 finished. Datasource DataSourceEc2Local.\r\n\r\n%s login: ", m.Name)
	})
}

// machine is an instance as its guest needs to know it.
func (s *Server) machine(id string) (m machine.Machine, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := find(s.state.Instances, id)
	if found == nil {
		return m, false
	}
	i := *found
	data, _ := base64.StdEncoding.DecodeString(i.UserData) // It was checked.
	m = machine.Machine{ID: id, Name: i.Tags["Name"], UserData: string(data), Metadata: maps.Clone(i.Tags), Disks: s.disks(i), Address: s.addressOf(i)}
	if k := s.keyPair(i.KeyName); k != nil {
		m.KeyPair = k.PublicKey
	}
	return m, true
}

// disks are the data volumes of an instance. It is called with the lock.
func (s *Server) disks(i *instance) (disks []machine.Disk) {
	for _, id := range i.Volumes {
		if v := find(s.state.Volumes, id); v != nil && (*v).Device != rootDevice {
			disks = append(disks, machine.Disk{ID: id, ByID: "nvme-Amazon_Elastic_Block_Store_" + strings.ReplaceAll(id, "-", ""), Bytes: int64((*v).GiB) << 30})
		}
	}
	return disks
}

func (s *Server) shutDown(id string) {
	s.guest(id, "stopping", func(g machine.Guests) error { return g.Shutdown(id) })
	s.with(id, func(i *instance) {
		if i.State == stopping {
			i.State, i.Reason = stopped, asked
		}
	})
}

func (s *Server) destroy(id string) {
	s.guest(id, "removing", func(g machine.Guests) error { return g.Destroy(id) })
	s.with(id, func(i *instance) { s.end(i, asked) })
}

// end terminates an instance: its interface is gone, its addresses lead nowhere, and its volumes are free, or gone with it. It is
// called with the lock.
func (s *Server) end(i *instance, reason string) {
	for _, a := range s.state.Addresses {
		if a.Interface == i.Interface {
			a.free()
		}
	}
	s.state.Interfaces = without(s.state.Interfaces, i.Interface)
	for _, id := range i.Volumes {
		v := find(s.state.Volumes, id)
		switch {
		case v == nil:
		case (*v).Delete:
			s.state.Volumes = without(s.state.Volumes, id)
		default:
			(*v).Instance, (*v).Device, (*v).Attachment, (*v).State = "", "", "", available
		}
	}
	i.State, i.Reason, i.Interface, i.Volumes, i.Ended = terminated, reason, "", nil, time.Now().UTC()
}

func (s *Server) guest(id, doing string, do func(machine.Guests) error) {
	if s.options.Guests == nil {
		return
	}
	if err := do(s.options.Guests); err != nil {
		s.options.Log.Warn(doing+" the guest of an instance", "instance", id, "error", err)
	}
}

// forget takes a volume from the list of an instance. It is called with the lock.
func (i *instance) forget(volume string) {
	i.Volumes = slices.DeleteFunc(i.Volumes, func(id string) bool { return id == volume })
}
