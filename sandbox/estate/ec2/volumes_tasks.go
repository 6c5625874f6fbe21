package ec2

import "fermata/sandbox/estate/machine"

// resumeVolume does the rest of what was asked of a volume by itself.
func (s *Server) resumeVolume(v *volume) {
	id := v.ID
	switch {
	case v.State == creating:
		s.tasks.Go(func() { s.withVolume(id, func(v *volume) { v.State = available }) })
	case v.State == deleting:
		s.tasks.Go(func() { s.withVolume(id, func(*volume) { s.state.Volumes = without(s.state.Volumes, id) }) })
	case v.Attachment == attaching:
		s.tasks.Add(v.Instance, func() {
			s.showDisks(v.Instance)
			s.withVolume(id, func(v *volume) {
				if v.Attachment == attaching {
					v.Attachment = attached
				}
			})
		})
	case v.Attachment == detaching:
		s.tasks.Add(v.Instance, func() { s.detach(v.Instance, id) })
	}
}

// detach takes a volume from its guest, and then from its instance.
func (s *Server) detach(instanceID, volumeID string) {
	s.with(instanceID, func(i *instance) { i.forget(volumeID) })
	s.showDisks(instanceID)
	s.withVolume(volumeID, func(v *volume) { v.Instance, v.Device, v.Attachment, v.State = "", "", "", available })
}

// showDisks shows an instance's guest its disks.
func (s *Server) showDisks(id string) {
	if m, there := s.machine(id); there {
		s.guest(id, "changing the disks of", func(g machine.Guests) error { return g.SetDisks(id, m.Disks) })
	}
}

func (s *Server) withVolume(id string, do func(*volume)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := find(s.state.Volumes, id); v != nil {
		do(*v)
	}
	if err := s.save(); err != nil {
		s.options.Log.Error("saving the state of EC2", "error", err)
	}
}
