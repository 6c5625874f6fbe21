package openstack

import (
	"fmt"
	"net/http"
	"slices"

	"fermata/sandbox/estate/machine"
)

// The states of a volume.
const (
	creating  = "creating"
	available = "available"
	attaching = "attaching"
	inUse     = "in-use"
	detaching = "detaching"
	deleting  = "deleting"
)

// shownSerial is how much of its id a volume shows as its serial on virtio.
const shownSerial = 20

type volume struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Project  string            `json:"project"`
	GiB      int               `json:"size"`
	Zone     string            `json:"availability_zone"`
	Type     string            `json:"volume_type"`
	Status   string            `json:"status"`
	Server   string            `json:"server"` // What it is attached to.
	Metadata map[string]string `json:"metadata"`
	Created  string            `json:"created"`
}

func (v *volume) view() object {
	attachments := []object{}
	if v.Server != "" && v.Status != attaching {
		attachments = append(attachments, object{"server_id": v.Server, "volume_id": v.ID, "id": v.ID, "attachment_id": v.ID, "device": "/dev/vdb", "attached_at": "2026-01-01T00:00:00.000000"})
	}
	return object{
		"id": v.ID, "name": v.Name, "status": v.Status, "size": v.GiB, "availability_zone": v.Zone, "volume_type": v.Type,
		"metadata": v.Metadata, "attachments": attachments, "created_at": v.Created, "updated_at": v.Created, "description": "", "bootable": "false",
		"encrypted": false, "multiattach": false, "os-vol-tenant-attr:tenant_id": v.Project,
	}
}

func (s *Server) cinderLimits(c *call) reply {
	return ok(object{"limits": object{"rate": []object{}, "absolute": object{
		"maxTotalVolumes": s.limit("volumes"), "totalVolumesUsed": s.used(c.project(), "volumes"),
		"maxTotalVolumeGigabytes": s.limit("gigabytes"), "totalGigabytesUsed": s.used(c.project(), "gigabytes"),
	}}})
}

func (s *Server) listVolumes(c *call) reply {
	shown := []object{}
	for _, v := range s.state.Volumes {
		if v.Project == c.project() {
			shown = append(shown, v.view())
		}
	}
	return ok(object{"volumes": shown})
}

func (s *Server) volume(id, project string) *volume {
	for _, v := range s.state.Volumes {
		if v.ID == id && v.Project == project {
			return v
		}
	}
	return nil
}

func (s *Server) showVolume(c *call) reply {
	if v := s.volume(c.PathValue("id"), c.project()); v != nil {
		return ok(object{"volume": v.view()})
	}
	return cinder.notFound("Volume %s could not be found.", c.PathValue("id"))
}

func (s *Server) makeVolume(c *call) reply {
	var asked struct {
		Volume struct {
			Size     int               `json:"size"`
			Name     string            `json:"name"`
			Zone     string            `json:"availability_zone"`
			Type     string            `json:"volume_type"`
			Metadata map[string]string `json:"metadata"`
		} `json:"volume"`
	}
	if err := c.decode(&asked); err != nil {
		return cinder.badRequest("Invalid input for field/attribute volume. %s", err)
	}
	q := asked.Volume
	switch {
	case q.Size < 1:
		return cinder.badRequest("Invalid input received: Invalid volume size provided for create request: %d", q.Size)
	case q.Zone != "" && !slices.Contains(s.options.Zones, q.Zone):
		return cinder.badRequest("Availability zone '%s' is invalid.", q.Zone)
	case q.Type != "" && q.Type != "__DEFAULT__" && q.Type != "ssd":
		return cinder.notFound("Volume type with name %s could not be found.", q.Type)
	case s.exceeds(c.project(), "volumes", 1):
		return s.overVolumes("VolumeLimitExceeded: Maximum number of volumes allowed (%d) exceeded for quota 'volumes'.", "volumes")
	case s.exceeds(c.project(), "gigabytes", q.Size):
		return s.overVolumes("VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota of %dG.", "gigabytes")
	}
	made := &volume{ID: newID(), Name: q.Name, Project: c.project(), GiB: q.Size, Zone: q.Zone, Type: q.Type, Status: creating, Metadata: q.Metadata, Created: created()}
	if made.Zone == "" {
		made.Zone = s.options.Zones[0]
	}
	if made.Metadata == nil {
		made.Metadata = map[string]string{}
	}
	s.state.Volumes = append(s.state.Volumes, made)
	s.resumeVolume(made)
	return reply{status: http.StatusAccepted, body: object{"volume": made.view()}}
}

// overVolumes is how Cinder says that a quota is used up: as if it were a matter of waiting.
func (s *Server) overVolumes(format, name string) reply {
	answer := cinder.refuse(http.StatusRequestEntityTooLarge, "overLimit", fmt.Sprintf(format, s.limit(name)))
	answer.header = map[string]string{"Retry-After": "0"}
	return answer
}

func (s *Server) removeVolume(c *call) reply {
	v := s.volume(c.PathValue("id"), c.project())
	switch {
	case v == nil:
		return cinder.notFound("Volume %s could not be found.", c.PathValue("id"))
	case v.Status != available && v.Status != "error":
		return cinder.badRequest("Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and must not be migrating, attached, belong to a group, have snapshots or be disassociated from snapshots after volume transfer.")
	}
	v.Status = deleting
	s.resumeVolume(v)
	return reply{status: http.StatusAccepted}
}

// resumeVolume does the rest of what was asked of a volume by itself.
func (s *Server) resumeVolume(v *volume) {
	id := v.ID
	switch v.Status {
	case creating:
		s.tasks.Go(func() { s.changeVolume(id, func(v *volume) { v.Status = available }) })
	case deleting:
		s.tasks.Go(func() {
			s.changeVolume(id, func(*volume) {
				s.state.Volumes = slices.DeleteFunc(s.state.Volumes, func(v *volume) bool { return v.ID == id })
			})
		})
	case attaching:
		s.tasks.Add(v.Server, func() { s.settleVolume(v.Server, id, inUse) })
	case detaching:
		s.tasks.Add(v.Server, func() { s.settleVolume(v.Server, id, available) })
	}
}

func (s *Server) changeVolume(id string, do func(*volume)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range slices.Clone(s.state.Volumes) {
		if v.ID == id {
			do(v)
		}
	}
	if err := s.save(); err != nil {
		s.options.Log.Error("saving the state of OpenStack", "error", err)
	}
}

// settleVolume shows a server's guest its disks, and then says that the volume is there or gone.
func (s *Server) settleVolume(serverID, volumeID, status string) {
	if m, there := s.machine(serverID); there {
		s.guest(serverID, "changing the disks of", func(g machine.Guests) error { return g.SetDisks(serverID, m.Disks) })
	}
	s.changeVolume(volumeID, func(v *volume) {
		if v.Status == attaching || v.Status == detaching {
			v.Status = status
		}
		if v.Status == available {
			v.Server = ""
		}
	})
}

// disks are the volumes of a server. It is called with the lock.
func (s *Server) disks(v *server) []machine.Disk {
	var disks []machine.Disk
	for _, id := range v.Volumes {
		if volume := s.volume(id, v.Project); volume != nil {
			disks = append(disks, machine.Disk{ID: id, ByID: "virtio-" + id[:min(shownSerial, len(id))], Bytes: int64(volume.GiB) << 30})
		}
	}
	return disks
}

// forget removes a server from the state. It is called with the lock.
func (s *Server) forget(gone *server) {
	for _, id := range gone.OwnPorts {
		s.freeAddresses(id)
		s.state.Ports = slices.DeleteFunc(s.state.Ports, func(p port) bool { return p.ID == id })
	}
	for i := range s.state.Ports {
		if p := &s.state.Ports[i]; p.DeviceID == gone.ID {
			p.DeviceID, p.DeviceOwner, p.Status = "", "", "DOWN"
		}
	}
	for _, v := range s.state.Volumes {
		if v.Server == gone.ID {
			v.Server, v.Status = "", available
		}
	}
	s.state.Servers = slices.DeleteFunc(s.state.Servers, func(v *server) bool { return v.ID == gone.ID })
}
