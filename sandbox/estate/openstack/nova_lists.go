package openstack

import (
	"net/url"
	"strconv"
)

func (f flavor) view() object {
	return object{
		"id": f.ID, "name": f.Name, "vcpus": f.CPUs, "ram": f.RAM, "disk": f.Disk, "swap": "", "rxtx_factor": 1.0,
		"os-flavor-access:is_public": true, "OS-FLV-EXT-DATA:ephemeral": 0, "OS-FLV-DISABLED:disabled": false, "links": []object{},
	}
}

func (s *Server) listFlavors(*call) reply {
	shown := []object{}
	for _, f := range s.state.Flavors {
		shown = append(shown, f.view())
	}
	return ok(object{"flavors": shown})
}

func (s *Server) flavor(id string) *flavor {
	return find(s.state.Flavors, func(f *flavor) bool { return f.ID == id })
}

func (s *Server) showFlavor(c *call) reply {
	f := s.flavor(c.PathValue("id"))
	if f == nil {
		return nova.notFound("Flavor %s could not be found.", c.PathValue("id"))
	}
	return ok(object{"flavor": f.view()})
}

func (s *Server) listKeyPairs(*call) reply {
	shown := []object{}
	for _, k := range s.state.KeyPairs {
		shown = append(shown, object{"keypair": k})
	}
	return ok(object{"keypairs": shown})
}

func (s *Server) listZones(*call) reply {
	shown := []object{}
	for _, z := range s.options.Zones {
		shown = append(shown, object{"zoneName": z, "zoneState": object{"available": true}, "hosts": nil})
	}
	return ok(object{"availabilityZoneInfo": shown})
}

func (s *Server) novaLimits(c *call) reply {
	used := func(name string) int { return s.used(c.project(), name) }
	return ok(object{"limits": object{"rate": []object{}, "absolute": object{
		"maxTotalInstances": s.limit("instances"), "totalInstancesUsed": used("instances"),
		"maxTotalCores": s.limit("cores"), "totalCoresUsed": used("cores"),
		"maxTotalRAMSize": s.limit("ram"), "totalRAMUsed": used("ram"), "maxServerMeta": mostMetadata,
	}}})
}

// page cuts a list where the query or the service says, and links to the rest.
func (s *Server) page(c *call, base string, all []*server) (kept []*server, links []object) {
	query := c.URL.Query()
	if marker := query.Get("marker"); marker != "" {
		for i, v := range all {
			if v.ID == marker {
				all = all[i+1:]
				break
			}
		}
	}
	size := s.options.PageSize
	if n, err := strconv.Atoi(query.Get("limit")); err == nil && n > 0 {
		size = min(size, n)
	}
	if len(all) <= size {
		return all, nil
	}
	query.Set("marker", all[size-1].ID)
	next := url.URL{Path: c.URL.Path, RawQuery: query.Encode()}
	return all[:size], []object{{"rel": "next", "href": base + next.String()}}
}
