package openstack

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"fermata/sandbox/estate/machine"
)

// change does something with a server under the lock, and saves. A server that is gone is left.
func (s *Server) change(id string, do func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range slices.Clone(s.state.Servers) { // It may be removed.
		if v.ID == id {
			do(v)
		}
	}
	if err := s.save(); err != nil {
		s.options.Log.Error("saving the state of OpenStack", "error", err)
	}
}

// resume goes on with what was being done when the emulator ended, and boots what was on.
func (s *Server) resume() {
	for _, v := range s.state.Servers {
		id := v.ID
		switch {
		case v.Task == "deleting":
			s.tasks.Add(id, func() { s.destroy(id) })
		case v.Status == building:
			s.tasks.Add(id, func() { s.build(id) })
		case v.Task == "powering-off":
			s.tasks.Add(id, func() { s.shutDown(id) })
		case v.Task == "powering-on", v.Status == active:
			s.tasks.Add(id, func() { s.powerOn(id) })
		}
	}
	for _, v := range s.state.Volumes {
		s.resumeVolume(v)
	}
}

// build takes the ports and turns the server on, or gives it up.
func (s *Server) build(id string) {
	wait, giveUp := s.trouble.build()
	ctx := s.tasks.Start(s.ctx, id)
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return // Deleted, or the emulator ends: resume begins anew.
		}
	}
	good := false
	s.change(id, func(v *server) {
		v.Task = ""
		if giveUp {
			v.Status, v.Fault = failed, "No valid host was found. There are not enough hosts available."
			return
		}
		for _, portID := range v.Ports {
			p := find(s.state.Ports, func(p *port) bool { return p.ID == portID })
			if p == nil || p.DeviceID != "" && p.DeviceID != id {
				v.Status, v.Fault = failed, "Build of instance "+id+" aborted: Port "+portID+" is still in use."
				return
			}
		}
		for _, portID := range v.Ports {
			p := find(s.state.Ports, func(p *port) bool { return p.ID == portID })
			p.DeviceID, p.DeviceOwner, p.Status = id, "compute:"+v.Zone, "ACTIVE"
		}
		v.Status, good = active, true
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
			s.options.Log.Error("booting the guest of a server", "server", m.Name, "error", err)
			return
		}
	}
	s.change(id, func(v *server) {
		v.says("[    4.226511] cloud-init[321]: Cloud-init v. 22.4.2 running 'modules:final'\r\n")
		v.says("-----BEGIN SSH HOST KEY KEYS-----\r\n%s\r\n-----END SSH HOST KEY KEYS-----\r\n", strings.Join(keys, "\r\n"))
		v.says("[    4.401002] cloud-init[321]: Cloud-init v. 22.4.2 finished. Datasource DataSourceOpenStackLocal [net,ver=2].\r\n\r\n%s login: ", v.Name)
	})
}

// machine is a server as its guest needs to know it.
func (s *Server) machine(id string) (m machine.Machine, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.state.Servers {
		if v.ID != id {
			continue
		}
		data, _ := base64.StdEncoding.DecodeString(v.UserData) // It was checked.
		m = machine.Machine{ID: id, Name: v.Name, UserData: string(data), Metadata: v.Metadata, Disks: s.disks(v)}
		if k := find(s.state.KeyPairs, func(k *keyPair) bool { return k.Name == v.KeyName }); k != nil {
			m.KeyPair = k.PublicKey
		}
		if len(v.Ports) > 0 {
			if p := find(s.state.Ports, func(p *port) bool { return p.ID == v.Ports[0] }); p != nil {
				m.Address = p.address()
			}
		}
		return m, true
	}
	return m, false
}

func (s *Server) powerOn(id string) {
	ctx := s.tasks.Start(s.ctx, id)
	s.change(id, func(v *server) { v.Status, v.Task = active, "" })
	s.boot(ctx, id)
}

func (s *Server) shutDown(id string) {
	s.guest(id, "stopping", func(g machine.Guests) error { return g.Shutdown(id) })
	s.change(id, func(v *server) { v.Status, v.Task = shutOff, "" })
}

// destroy removes a server: its ports are free again, or gone if Nova made them, and its volumes are available.
func (s *Server) destroy(id string) {
	s.guest(id, "removing", func(g machine.Guests) error { return g.Destroy(id) })
	s.change(id, s.forget)
}

func (s *Server) guest(id, doing string, do func(machine.Guests) error) {
	if s.options.Guests == nil {
		return
	}
	if err := do(s.options.Guests); err != nil {
		s.options.Log.Warn(doing+" the guest of a server", "server", id, "error", err)
	}
}
