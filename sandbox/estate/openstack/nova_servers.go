package openstack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
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
	s.tasks.Add(made.ID, func() { s.build(made.ID) })
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
