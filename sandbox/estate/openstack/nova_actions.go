package openstack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// action serves POST servers/{id}/action, where the body names what is to be done.
func (s *Server) action(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var asked map[string]json.RawMessage
	if err != nil || json.Unmarshal(body, &asked) != nil || len(asked) != 1 {
		send(w, nova.badRequest("There is no such action: %s", body))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	for name := range asked {
		switch name {
		case "os-getConsoleOutput":
			s.handle(nova, "", s.console)(w, r)
		case "os-stop":
			s.handle(nova, StopServer, func(c *call) reply { return s.power(c, "stop", active, "powering-off", s.shutDown) })(w, r)
		case "os-start":
			s.handle(nova, StartServer, func(c *call) reply { return s.power(c, "start", shutOff, "powering-on", s.powerOn) })(w, r)
		default:
			send(w, nova.badRequest("There is no such action: %s", name))
		}
	}
}

// console shows the last lines of what the server wrote.
func (s *Server) console(c *call) reply {
	v := s.ownServer(c)
	if v == nil {
		return noServer(c)
	}
	if v.Status == building {
		return nova.conflict("conflictingRequest", "Instance %s is not ready", v.ID)
	}
	var asked struct {
		Console struct {
			Length *int `json:"length"`
		} `json:"os-getConsoleOutput"`
	}
	if err := c.decode(&asked); err != nil {
		return nova.badRequest("Invalid input. %s", err)
	}
	lines := strings.SplitAfter(v.Console, "\n")
	if n := asked.Console.Length; n != nil && *n >= 0 && *n < len(lines) {
		lines = lines[len(lines)-*n:]
	}
	return ok(object{"output": strings.Join(lines, "")})
}

// power asks for another state; the guest follows.
func (s *Server) power(c *call, doing, from, task string, do func(id string)) reply {
	v := s.ownServer(c)
	switch {
	case v == nil:
		return noServer(c)
	case v.Task != "":
		return nova.conflict("conflictingRequest", "Cannot '%s' instance %s while it is in task_state %s", doing, v.ID, v.Task)
	case v.Status != from:
		return nova.conflict("conflictingRequest", "Cannot '%s' instance %s while it is in vm_state %s", doing, v.ID, vmState(v.Status))
	}
	v.Task = task
	s.tasks.Add(v.ID, func() { do(v.ID) })
	return reply{status: http.StatusAccepted}
}

func (s *Server) removeServer(c *call) reply {
	v := s.ownServer(c)
	if v == nil {
		return noServer(c)
	}
	if v.Task != "deleting" {
		v.Task = "deleting"
		s.tasks.Cancel(v.ID)
		s.tasks.Add(v.ID, func() { s.destroy(v.ID) })
	}
	return reply{status: http.StatusNoContent}
}

func (s *Server) listAttachments(c *call) reply {
	v := s.ownServer(c)
	if v == nil {
		return noServer(c)
	}
	shown := []object{}
	for i, id := range v.Volumes {
		shown = append(shown, attachmentView(v.ID, id, i))
	}
	return ok(object{"volumeAttachments": shown})
}

func attachmentView(serverID, volumeID string, i int) object {
	return object{"id": volumeID, "volumeId": volumeID, "serverId": serverID, "device": "/dev/vd" + string(rune('b'+i))}
}

func (s *Server) attach(c *call) reply {
	v := s.ownServer(c)
	if v == nil {
		return noServer(c)
	}
	var asked struct {
		Attachment struct {
			VolumeID string `json:"volumeId"`
			Device   string `json:"device"`
		} `json:"volumeAttachment"`
	}
	if err := c.decode(&asked); err != nil {
		return nova.badRequest("Invalid input for field/attribute volumeAttachment. %s", err)
	}
	volume := s.volume(asked.Attachment.VolumeID, c.project())
	switch {
	case volume == nil:
		return nova.notFound("Volume %s could not be found.", asked.Attachment.VolumeID)
	case v.Status != active && v.Status != shutOff || v.Task != "":
		return nova.conflict("conflictingRequest", "Cannot 'attach_volume' instance %s while it is in vm_state %s", v.ID, vmState(v.Status))
	case volume.Status != available:
		return nova.badRequest("Invalid volume: volume %s status must be available or downloading to reserve, but the current status is %s.", volume.ID, volume.Status)
	}
	volume.Status, volume.Server = attaching, v.ID
	v.Volumes = append(v.Volumes, volume.ID)
	s.tasks.Add(v.ID, func() { s.settleVolume(v.ID, volume.ID, inUse) })
	return ok(object{"volumeAttachment": attachmentView(v.ID, volume.ID, len(v.Volumes)-1)})
}

func (s *Server) detach(c *call) reply {
	v, id := s.ownServer(c), c.PathValue("volumeID")
	if v == nil {
		return noServer(c)
	}
	volume := s.volume(id, c.project())
	switch {
	case volume == nil || volume.Server != v.ID:
		return nova.notFound("Instance %s is not attached to volume %s", v.ID, id)
	case volume.Status != inUse:
		return nova.badRequest("Invalid volume: Volume %s status must be in-use, but the current status is %s.", id, volume.Status)
	case v.Status != active && v.Status != shutOff || v.Task != "":
		return nova.conflict("conflictingRequest", "Cannot 'detach_volume' instance %s while it is in vm_state %s", v.ID, vmState(v.Status))
	}
	volume.Status = detaching
	v.Volumes = slices.DeleteFunc(v.Volumes, func(have string) bool { return have == id })
	s.tasks.Add(v.ID, func() { s.settleVolume(v.ID, id, available) })
	return reply{status: http.StatusAccepted}
}

// says adds lines to a server's console. It is called with the lock.
func (v *server) says(format string, args ...any) { v.Console += fmt.Sprintf(format, args...) }
