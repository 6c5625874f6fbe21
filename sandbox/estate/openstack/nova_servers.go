package openstack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
)

// The states of a server.
const (
	building = "BUILD"
	active   = "ACTIVE"
	shutOff  = "SHUTOFF"
	failed   = "ERROR"
)

const mostMetadata = 128

var metadataKey = regexp.MustCompile(`^[a-zA-Z0-9-_:. ]{1,255}$`)

type server struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Project  string            `json:"project"`
	Image    string            `json:"image"`
	Flavor   string            `json:"flavor"`
	KeyName  string            `json:"key_name"`
	Zone     string            `json:"zone"`
	Status   string            `json:"status"`
	Task     string            `json:"task"` // What is being done to it; empty: nothing.
	Fault    string            `json:"fault"`
	Metadata map[string]string `json:"metadata"`
	UserData string            `json:"user_data"` // Base64.
	Ports    []string          `json:"ports"`
	OwnPorts []string          `json:"own_ports"` // Of them, those that Nova made and removes.
	Volumes  []string          `json:"volumes"`   // In the order in which they were attached.
	Console  string            `json:"console"`
	Created  string            `json:"created"`
}

type serverRequest struct {
	Server struct {
		Name      string            `json:"name"`
		Image     string            `json:"imageRef"`
		Flavor    string            `json:"flavorRef"`
		Zone      string            `json:"availability_zone"`
		Networks  json.RawMessage   `json:"networks"`
		Metadata  map[string]string `json:"metadata"`
		Drive     *bool             `json:"config_drive"`
		KeyName   string            `json:"key_name"`
		UserData  string            `json:"user_data"`
		Groups    []named           `json:"security_groups"`
		Min       int               `json:"min_count"`
		Max       int               `json:"max_count"`
		AdminPass string            `json:"adminPass"`
	} `json:"server"`
}

// nic is a network that a server is asked to have.
type nic struct {
	Network string `json:"uuid"`
	Port    string `json:"port"`
	FixedIP string `json:"fixed_ip"`
}

func (s *Server) makeServer(c *call) reply {
	var asked serverRequest
	if err := c.decode(&asked); err != nil {
		return nova.badRequest("Invalid input for field/attribute server. %s", err)
	}
	q := asked.Server
	if refused := s.checkServer(c, asked); refused != nil {
		return *refused
	}
	made := &server{
		ID: newID(), Name: q.Name, Project: c.project(), Image: q.Image, Flavor: q.Flavor, KeyName: q.KeyName, Zone: q.Zone,
		Status: building, Task: "scheduling", Metadata: q.Metadata, UserData: q.UserData, Created: now(),
	}
	if made.Zone == "" {
		made.Zone = s.options.Zones[0]
	}
	if made.Metadata == nil {
		made.Metadata = map[string]string{}
	}
	if refused := s.plug(c, made, q.Networks, q.Groups); refused != nil {
		return *refused
	}
	s.state.Servers = append(s.state.Servers, made)
	s.guests.add(&s.tasks, made.ID, func() { s.build(made.ID) })
	return reply{status: http.StatusAccepted, body: object{"server": object{
		"id": made.ID, "links": []object{}, "OS-DCF:diskConfig": "MANUAL", "adminPass": newID(), "security_groups": []object{},
	}}}
}

func (s *Server) checkServer(c *call, asked serverRequest) *reply {
	q := asked.Server
	refuse := func(answer reply) *reply { return &answer }
	image := find(s.state.Images, func(i *image) bool { return i.ID == q.Image })
	f := s.flavor(q.Flavor)
	switch {
	case q.Name == "" || len(q.Name) > 255:
		return refuse(nova.badRequest("Invalid input for field/attribute name. Value: %s.", q.Name))
	case q.Min > 1 || q.Max > 1:
		return refuse(nova.badRequest("the emulator makes one server at a time"))
	case image == nil:
		return refuse(nova.badRequest("Can not find requested image"))
	case f == nil:
		return refuse(nova.badRequest("Flavor %s could not be found.", q.Flavor))
	case f.Disk < image.MinDisk || f.RAM < image.MinRAM:
		return refuse(nova.badRequest("Flavor's disk or memory is too small for requested image."))
	case q.Zone != "" && !slices.Contains(s.options.Zones, q.Zone):
		return refuse(nova.badRequest("The requested availability zone is not available"))
	case q.KeyName != "" && find(s.state.KeyPairs, func(k *keyPair) bool { return k.Name == q.KeyName }) == nil:
		return refuse(nova.badRequest("Invalid key_name provided."))
	case len(q.Metadata) > mostMetadata:
		return refuse(nova.refuse(http.StatusForbidden, "forbidden", "Maximum number of metadata items exceeds 128"))
	}
	if _, err := base64.StdEncoding.DecodeString(q.UserData); err != nil || len(q.UserData) > 65535 {
		return refuse(nova.badRequest("Invalid input for field/attribute user_data."))
	}
	for key, value := range q.Metadata {
		if !metadataKey.MatchString(key) || len(value) > 255 {
			return refuse(nova.badRequest("Invalid input for field/attribute metadata. %q does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{1,255}$'", key))
		}
	}
	for name, more := range map[string]int{"instances": 1, "cores": f.CPUs, "ram": f.RAM} {
		if s.exceeds(c.project(), name, more) {
			return refuse(nova.refuse(http.StatusForbidden, "forbidden", fmt.Sprintf(
				"Quota exceeded for %s: Requested %d, but already used %d of %d %s", name, more, s.used(c.project(), name), s.limit(name), name)))
		}
	}
	return nil
}

// plug checks the networks and makes the ports that the request leaves to Nova.
func (s *Server) plug(c *call, v *server, networks json.RawMessage, groups []named) *reply {
	refuse := func(answer reply) *reply { return &answer }
	var nics []nic
	if len(networks) == 0 || string(networks) == `"auto"` || string(networks) == `"none"` {
		if microversion(c.Request) >= 37 && len(networks) == 0 {
			return refuse(nova.badRequest("Invalid input for field/attribute server. 'networks' is a required property"))
		}
		return nil
	}
	if err := json.Unmarshal(networks, &nics); err != nil {
		return refuse(nova.badRequest("Invalid input for field/attribute networks."))
	}
	for _, n := range nics {
		if n.Port != "" {
			p := find(s.state.Ports, func(p *port) bool { return p.ID == n.Port && p.Project == c.project() })
			switch {
			case p == nil:
				return refuse(nova.badRequest("Port id %s could not be found.", n.Port))
			case p.DeviceID != "":
				return refuse(nova.conflict("conflictingRequest", "Port %s is still in use.", n.Port))
			}
			v.Ports = append(v.Ports, p.ID)
			continue
		}
		made, refused := s.novaPort(c, n, groups)
		if refused != nil {
			return refused
		}
		v.Ports, v.OwnPorts = append(v.Ports, made), append(v.OwnPorts, made)
	}
	return nil
}

func (s *Server) novaPort(c *call, n nic, groups []named) (string, *reply) {
	net := find(s.state.Networks, func(have *network) bool { return have.ID == n.Network })
	if net == nil {
		refused := nova.badRequest("Network %s could not be found.", n.Network)
		return "", &refused
	}
	made := port{ID: newID(), NetworkID: net.ID, Project: c.project(), Status: "DOWN", Up: true, Created: now(), Updated: now(), MAC: "fa:16:3e:00:00:01"}
	for _, wanted := range groups {
		g := find(s.state.Groups, func(g *group) bool { return g.Project == c.project() && (g.Name == wanted.Name || g.ID == wanted.Name) })
		if g == nil {
			refused := nova.badRequest("Security group %s not found for project %s.", wanted.Name, c.project())
			return "", &refused
		}
		made.Groups = append(made.Groups, g.ID)
	}
	if len(groups) == 0 {
		made.Groups = []string{s.defaultGroup(c.project())}
	}
	var fixed []fixedIP
	if n.FixedIP != "" {
		fixed = []fixedIP{{Address: n.FixedIP}}
	}
	if refused := s.allocate(&made, *net, fixed); refused != nil {
		return "", refused
	}
	s.state.Ports = append(s.state.Ports, made)
	return made.ID, nil
}

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
