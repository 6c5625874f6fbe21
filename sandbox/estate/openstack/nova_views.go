package openstack

import (
	"net/netip"
	"regexp"
	"slices"
)

func (s *Server) listServers(c *call) reply {
	var own []*server
	name := c.URL.Query().Get("name")
	pattern, err := regexp.Compile(name)
	if err != nil {
		return nova.badRequest("Invalid filter name.")
	}
	for _, v := range s.state.Servers {
		if v.Project == c.project() && pattern.MatchString(v.Name) {
			own = append(own, v)
		}
	}
	kept, links := s.page(c, s.web.URL(), own)
	shown := []object{}
	for _, v := range kept {
		shown = append(shown, s.serverView(v))
	}
	answer := object{"servers": shown}
	if links != nil {
		answer["servers_links"] = links
	}
	return ok(answer)
}

func (s *Server) ownServer(c *call) *server {
	for _, v := range s.state.Servers {
		if v.ID == c.PathValue("id") && v.Project == c.project() {
			return v
		}
	}
	return nil
}

func noServer(c *call) reply {
	return nova.notFound("Instance %s could not be found.", c.PathValue("id"))
}

func (s *Server) showServer(c *call) reply {
	if v := s.ownServer(c); v != nil {
		return ok(object{"server": s.serverView(v)})
	}
	return noServer(c)
}

func (s *Server) serverView(v *server) object {
	addresses := map[string][]object{}
	groups := []object{}
	if v.Status != building {
		for _, id := range v.Ports {
			p := find(s.state.Ports, func(p *port) bool { return p.ID == id && p.DeviceID == v.ID })
			if p == nil {
				continue
			}
			net := find(s.state.Networks, func(n *network) bool { return n.ID == p.NetworkID })
			for _, f := range p.FixedIPs {
				addresses[net.Name] = append(addresses[net.Name], s.addressView(f.Address, "fixed", p.MAC))
			}
			if f := find(s.state.Floating, func(f *floating) bool { return f.PortID != nil && *f.PortID == id }); f != nil {
				addresses[net.Name] = append(addresses[net.Name], s.addressView(f.Address, "floating", p.MAC))
			}
			for _, g := range s.state.Groups {
				if slices.Contains(p.Groups, g.ID) {
					groups = append(groups, object{"name": g.Name})
				}
			}
		}
	}
	attached := []object{}
	for _, id := range v.Volumes {
		attached = append(attached, object{"id": id})
	}
	view := object{
		"id": v.ID, "name": v.Name, "status": v.Status, "tenant_id": v.Project, "user_id": "", "metadata": v.Metadata,
		"image": object{"id": v.Image, "links": []object{}}, "flavor": object{"id": v.Flavor, "links": []object{}}, "key_name": nullable(v.KeyName),
		"addresses": addresses, "security_groups": groups, "os-extended-volumes:volumes_attached": attached, "progress": 0,
		"OS-EXT-AZ:availability_zone": v.Zone, "OS-EXT-STS:task_state": nullable(v.Task), "OS-EXT-STS:vm_state": vmState(v.Status),
		"OS-EXT-STS:power_state": map[bool]int{true: 1, false: 4}[v.Status == active], "config_drive": "", "created": v.Created, "updated": v.Created,
		"links": []object{}, "hostId": "", "accessIPv4": "", "accessIPv6": "", "OS-DCF:diskConfig": "MANUAL",
	}
	if v.Status == failed {
		view["fault"] = object{"code": 500, "created": v.Created, "message": v.Fault}
	}
	return view
}

func (s *Server) addressView(address, kind, mac string) object {
	a, _ := netip.ParseAddr(address) // It was written by this package.
	return object{"addr": address, "version": map[bool]int{true: 4, false: 6}[a.Is4()], "OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": mac}
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func vmState(status string) string {
	return map[string]string{building: "building", active: "active", shutOff: "stopped", failed: "error"}[status]
}
