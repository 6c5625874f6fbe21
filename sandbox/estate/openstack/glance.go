package openstack

import (
	"net/http"
)

func (i image) view() object {
	return object{
		"id": i.ID, "name": i.Name, "status": i.Status, "visibility": "public", "min_disk": i.MinDisk, "min_ram": i.MinRAM,
		"container_format": "bare", "disk_format": "qcow2", "protected": false, "tags": []string{}, "size": 1 << 20,
		"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "schema": "/v2/schemas/image",
	}
}

func (s *Server) listImages(c *call) reply {
	name := c.URL.Query().Get("name")
	shown := []object{}
	for _, i := range s.state.Images {
		if name == "" || i.Name == name {
			shown = append(shown, i.view())
		}
	}
	return ok(object{"images": shown, "schema": "/v2/schemas/images", "first": "/v2/images"})
}

func (s *Server) showImage(c *call) reply {
	i := find(s.state.Images, func(i *image) bool { return i.ID == c.PathValue("id") })
	if i == nil {
		return glance.refuse(http.StatusNotFound, "Not Found", "No image found with ID "+c.PathValue("id"))
	}
	return ok(i.view())
}

// AddImage makes another image; names need not be unique.
func (s *Server) AddImage(i Image) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Images = append(s.state.Images, image{ID: newID(), Name: i.Name, Status: "active", MinDisk: i.MinDisk, MinRAM: i.MinRAM})
	return s.save()
}
