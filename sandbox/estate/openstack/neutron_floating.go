package openstack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// floating is a floating address.
type floating struct {
	ID          string  `json:"id"`
	Description string  `json:"description"`
	NetworkID   string  `json:"floating_network_id"`
	Address     string  `json:"floating_ip_address"`
	PortID      *string `json:"port_id"`
	FixedIP     *string `json:"fixed_ip_address"`
	Project     string  `json:"project_id"`
	Status      string  `json:"status"`
	Created     string  `json:"created_at"`
	Updated     string  `json:"updated_at"`
}

func (s *Server) listFloating(c *call) reply {
	return filtered(c, "floatingips", s.state.Floating, func(f floating) string { return f.Project })
}

type floatingRequest struct {
	Floating struct {
		NetworkID   string          `json:"floating_network_id"`
		Description string          `json:"description"`
		PortID      json.RawMessage `json:"port_id"`
	} `json:"floatingip"`
}

func (s *Server) makeFloating(c *call) reply {
	var asked floatingRequest
	if err := c.decode(&asked); err != nil {
		return neutron.badRequest("Unrecognized attribute(s): %s", err)
	}
	f := asked.Floating
	net := find(s.state.Networks, func(n *network) bool { return n.ID == f.NetworkID })
	switch {
	case net == nil:
		return neutron.refuse(http.StatusNotFound, "NetworkNotFound", fmt.Sprintf("Network %s could not be found.", f.NetworkID))
	case !net.External:
		return neutron.badRequest("Bad floatingip request: Network %s is not a valid external network.", net.ID)
	case s.exceeds(c.project(), "floatingip", 1):
		return overQuota("floatingip")
	}
	made := floating{ID: newID(), Description: f.Description, NetworkID: net.ID, Project: c.project(), Status: "DOWN", Created: now(), Updated: now()}
	if refused := s.associate(c, &made, f.PortID); refused != nil {
		return *refused
	}
	sub := find(s.state.Subnets, func(sub *subnet) bool { return sub.NetworkID == net.ID && sub.CIDR.Addr().Is4() })
	free := sub != nil
	if free {
		made.Address, free = s.nextAddress(*sub)
	}
	if !free {
		return neutron.conflict("IpAddressGenerationFailure", "No more IP addresses available on network %s.", net.ID)
	}
	s.state.Floating = append(s.state.Floating, made)
	return reply{status: http.StatusCreated, body: object{"floatingip": made}}
}

// associate leads a floating address to a port, or nowhere for null.
func (s *Server) associate(c *call, f *floating, to json.RawMessage) *reply {
	var id *string
	if len(to) == 0 || json.Unmarshal(to, &id) != nil {
		return nil
	}
	if id == nil {
		f.PortID, f.FixedIP, f.Status = nil, nil, "DOWN"
		return nil
	}
	p := find(s.state.Ports, func(p *port) bool { return p.ID == *id && p.Project == c.project() })
	if p == nil {
		refused := neutron.refuse(http.StatusNotFound, "PortNotFound", fmt.Sprintf("Port %s could not be found.", *id))
		return &refused
	}
	other := find(s.state.Floating, func(o *floating) bool { return o.ID != f.ID && o.PortID != nil && *o.PortID == *id })
	if other != nil {
		refused := neutron.conflict("FloatingIPPortAlreadyAssociated",
			"Cannot associate floating IP %s (%s) with port %s using fixed IP %s, as that fixed IP already has a floating IP on external network %s.",
			f.Address, f.ID, *id, p.address(), f.NetworkID)
		return &refused
	}
	address := p.address().String()
	f.PortID, f.FixedIP, f.Status = id, &address, "ACTIVE"
	return nil
}

func (s *Server) changeFloating(c *call) reply {
	var asked floatingRequest
	if err := c.decode(&asked); err != nil {
		return neutron.badRequest("Unrecognized attribute(s): %s", err)
	}
	id := c.PathValue("id")
	f := find(s.state.Floating, func(f *floating) bool { return f.ID == id && f.Project == c.project() })
	if f == nil {
		return neutron.refuse(http.StatusNotFound, "FloatingIPNotFound", fmt.Sprintf("Floating IP %s could not be found", id))
	}
	if refused := s.associate(c, f, asked.Floating.PortID); refused != nil {
		return *refused
	}
	return ok(object{"floatingip": *f})
}

func (s *Server) removeFloating(c *call) reply {
	id := c.PathValue("id")
	if find(s.state.Floating, func(f *floating) bool { return f.ID == id && f.Project == c.project() }) == nil {
		return neutron.refuse(http.StatusNotFound, "FloatingIPNotFound", fmt.Sprintf("Floating IP %s could not be found", id))
	}
	s.state.Floating = slices.DeleteFunc(s.state.Floating, func(f floating) bool { return f.ID == id })
	return reply{status: http.StatusNoContent}
}
