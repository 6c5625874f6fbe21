package judge

import (
	"fmt"
	"slices"
	"strings"
)

// project is what the cloud's project holds, as the services' own lists show it.
type project struct {
	servers  []server
	ports    []port
	volumes  []volume
	groups   []group
	floating []floating
}

type server struct {
	ID, Name, Status string
	Metadata         map[string]string
	Addresses        map[string][]struct{ Addr string }
}

type port struct {
	ID, Name, Description, Status string
	DeviceID                      string   `json:"device_id"`
	Groups                        []string `json:"security_groups"`
}

type volume struct {
	ID, Name, Status string
	Size             int
	Metadata         map[string]string
	Attachments      []struct {
		ServerID string `json:"server_id"`
	}
}

type group struct {
	ID, Name, Description string
	Rules                 []struct {
		Description, Direction, EtherType string
		Protocol                          *string
		Min                               *int    `json:"port_range_min"`
		Max                               *int    `json:"port_range_max"`
		Remote                            *string `json:"remote_ip_prefix"`
	} `json:"security_group_rules"`
}

type floating struct {
	Address     string `json:"floating_ip_address"`
	Description string
	Status      string
	PortID      *string `json:"port_id"`
}

// of leaves what belongs to an owner: what says so itself, what is called so, and what is plugged into its servers.
func (p project) of(name string) (own project) {
	mine := func(text string) bool { return slices.Contains(strings.Fields(text), "instance/"+name) }
	ids := map[string]bool{}
	for _, s := range p.servers {
		if s.Name == name || s.Metadata["fermata_owner"] == "instance/"+name {
			own.servers, ids[s.ID] = append(own.servers, s), true
		}
	}
	for _, x := range p.ports {
		if mine(x.Description) || x.Name == name || ids[x.DeviceID] {
			own.ports, ids[x.ID] = append(own.ports, x), true
		}
	}
	for _, v := range p.volumes {
		if v.Metadata["fermata_owner"] == "instance/"+name || len(v.Attachments) > 0 && ids[v.Attachments[0].ServerID] {
			own.volumes = append(own.volumes, v)
		}
	}
	for _, g := range p.groups {
		if mine(g.Description) || g.Name == name {
			own.groups, ids[g.ID] = append(own.groups, g), true
		}
	}
	for _, f := range p.floating {
		if mine(f.Description) || f.PortID != nil && ids[*f.PortID] {
			own.floating = append(own.floating, f)
		}
	}
	return own
}

// addresses are those that the cloud gave: fixed ones first.
func (p project) addresses() (fixed, public []string) {
	for _, f := range p.floating {
		public = append(public, f.Address)
	}
	for _, s := range p.servers {
		for _, list := range s.Addresses {
			for _, a := range list {
				if !slices.Contains(public, a.Addr) {
					fixed = append(fixed, a.Addr)
				}
			}
		}
	}
	return fixed, public
}

// facts lists it, a line for each object and what is joined to it.
func (p project) facts() (facts []string) {
	called := map[string]string{}
	for _, s := range p.servers {
		called[s.ID] = "server " + s.Name
		facts = append(facts, fmt.Sprintf("server %s is %s", s.Name, s.Status))
		facts = append(facts, metadata("server "+s.Name, s.Metadata)...)
	}
	for _, x := range p.ports {
		called[x.ID] = "port " + x.Name
	}
	for _, g := range p.groups {
		called[g.ID] = "group " + g.Name
		facts = append(facts, fmt.Sprintf("security group %s is marked %q", g.Name, g.Description))
		facts = append(facts, g.rules()...)
	}
	for _, x := range p.ports {
		var groups []string
		for _, id := range x.Groups {
			groups = append(groups, known(called, id))
		}
		facts = append(facts, fmt.Sprintf("port %s is in %s, plugged into %s, marked %q", x.Name, strings.Join(groups, ", "), known(called, x.DeviceID), x.Description))
	}
	for _, v := range p.volumes {
		at := "nothing"
		if len(v.Attachments) > 0 {
			at = known(called, v.Attachments[0].ServerID)
		}
		facts = append(facts, fmt.Sprintf("volume %s is %s, %d GiB, attached to %s", v.Name, v.Status, v.Size, at))
		facts = append(facts, metadata("volume "+v.Name, v.Metadata)...)
	}
	for _, f := range p.floating {
		to := "nothing"
		if f.PortID != nil {
			to = known(called, *f.PortID)
		}
		facts = append(facts, fmt.Sprintf("public address marked %q is %s, leads to %s", f.Description, f.Status, to))
	}
	return facts
}

func (g group) rules() (facts []string) {
	for _, r := range g.Rules {
		facts = append(facts, fmt.Sprintf("rule of security group %s: %s %s, %s %s-%s from %s, %q", g.Name, r.Direction, r.EtherType,
			said(r.Protocol), said(r.Min), said(r.Max), said(r.Remote), r.Description))
	}
	return facts
}

func said[T any](value *T) string {
	if value == nil {
		return "any"
	}
	return fmt.Sprint(*value)
}

// known names an object by its id. One that is not the owner's has no name here.
func known(called map[string]string, id string) string {
	switch name, ok := called[id]; {
	case ok:
		return name
	case id == "":
		return "nothing"
	}
	return "something else"
}

func metadata(of string, values map[string]string) (facts []string) {
	for name, value := range values {
		facts = append(facts, fmt.Sprintf("%s carries %s=%s", of, name, value))
	}
	return facts
}
