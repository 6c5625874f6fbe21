package openstack

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
)

type port struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	NetworkID   string    `json:"network_id"`
	Project     string    `json:"project_id"`
	Status      string    `json:"status"`
	Up          bool      `json:"admin_state_up"`
	MAC         string    `json:"mac_address"`
	FixedIPs    []fixedIP `json:"fixed_ips"`
	Groups      []string  `json:"security_groups"`
	DeviceID    string    `json:"device_id"`
	DeviceOwner string    `json:"device_owner"`
	Created     string    `json:"created_at"`
	Updated     string    `json:"updated_at"`
}

type fixedIP struct {
	Address string `json:"ip_address"`
	Subnet  string `json:"subnet_id"`
}

func (p port) address() netip.Addr {
	if len(p.FixedIPs) == 0 {
		return netip.Addr{}
	}
	a, _ := netip.ParseAddr(p.FixedIPs[0].Address) // It was written by this package.
	return a
}

func (s *Server) listPorts(c *call) reply {
	return filtered(c, "ports", s.state.Ports, func(p port) string { return p.Project })
}

type portRequest struct {
	Port struct {
		NetworkID   string    `json:"network_id"`
		Name        string    `json:"name"`
		Description string    `json:"description"`
		Up          *bool     `json:"admin_state_up"`
		FixedIPs    []fixedIP `json:"fixed_ips"`
		Groups      *[]string `json:"security_groups"`
	} `json:"port"`
}

func (s *Server) makePort(c *call) reply {
	var asked portRequest
	if err := c.decode(&asked); err != nil {
		return neutron.badRequest("Unrecognized attribute(s): %s", err)
	}
	p := asked.Port
	net := find(s.state.Networks, func(n *network) bool { return n.ID == p.NetworkID })
	if net == nil {
		return neutron.refuse(http.StatusNotFound, "NetworkNotFound", fmt.Sprintf("Network %s could not be found.", p.NetworkID))
	}
	if len(p.Name) > 255 || len(p.Description) > 255 {
		return neutron.badRequest("Invalid input for description. Reason: exceeds maximum length of 255.")
	}
	made := port{
		ID: newID(), Name: p.Name, Description: p.Description, NetworkID: net.ID, Project: c.project(), Status: "DOWN",
		Up: p.Up == nil || *p.Up, Groups: []string{s.defaultGroup(c.project())}, Created: now(), Updated: now(),
	}
	made.MAC = "fa:16:3e:" + made.ID[0:2] + ":" + made.ID[2:4] + ":" + made.ID[4:6]
	if p.Groups != nil {
		made.Groups = slices.Clone(*p.Groups)
	}
	for _, id := range made.Groups {
		if find(s.state.Groups, func(g *group) bool { return g.ID == id && g.Project == c.project() }) == nil {
			return neutron.refuse(http.StatusNotFound, "SecurityGroupNotFound", fmt.Sprintf("Security group %s does not exist", id))
		}
	}
	if s.exceeds(c.project(), "port", 1) {
		return overQuota("port")
	}
	if refused := s.allocate(&made, *net, p.FixedIPs); refused != nil {
		return *refused
	}
	s.state.Ports = append(s.state.Ports, made)
	return reply{status: http.StatusCreated, body: object{"port": made}}
}

// allocate gives a port the addresses that it asks for, or one of each subnet's family.
func (s *Server) allocate(p *port, n network, wanted []fixedIP) *reply {
	for _, w := range wanted {
		address, err := netip.ParseAddr(w.Address)
		sub := find(s.state.Subnets, func(sub *subnet) bool { return sub.NetworkID == n.ID && err == nil && sub.CIDR.Contains(address) })
		if sub == nil {
			refused := neutron.badRequest("IP address %s is not a valid IP for any of the subnets on the specified network.", w.Address)
			return &refused
		}
		if s.taken(n.ID, address.String()) {
			refused := neutron.conflict("IpAddressAlreadyAllocated", "IP address %s already allocated in subnet %s", address, sub.ID)
			return &refused
		}
		p.FixedIPs = append(p.FixedIPs, fixedIP{address.String(), sub.ID})
	}
	if len(wanted) > 0 {
		return nil
	}
	for _, sub := range s.state.Subnets {
		if sub.NetworkID != n.ID {
			continue
		}
		address, free := s.nextAddress(sub)
		if !free {
			refused := neutron.conflict("IpAddressGenerationFailure", "No more IP addresses available on network %s.", n.ID)
			return &refused
		}
		p.FixedIPs = append(p.FixedIPs, fixedIP{address, sub.ID})
	}
	return nil
}

func (s *Server) taken(networkID, address string) bool {
	held := func(p *port) bool {
		return p.NetworkID == networkID && slices.ContainsFunc(p.FixedIPs, func(f fixedIP) bool { return f.Address == address })
	}
	return find(s.state.Ports, held) != nil || find(s.state.Floating, func(f *floating) bool { return f.NetworkID == networkID && f.Address == address }) != nil
}

// nextAddress is the next free one of a subnet. The first ten are the operator's: routers, DHCP.
func (s *Server) nextAddress(sub subnet) (string, bool) {
	for range 250 {
		s.state.Addresses[sub.ID]++
		n := 10 + (s.state.Addresses[sub.ID]-1)%244
		raw := sub.CIDR.Masked().Addr().AsSlice()
		raw[len(raw)-1] += byte(n)
		address, _ := netip.AddrFromSlice(raw)
		if !s.taken(sub.NetworkID, address.String()) && sub.CIDR.Contains(address) {
			return address.String(), true
		}
	}
	return "", false
}

func (s *Server) removePort(c *call) reply {
	id := c.PathValue("id")
	p := find(s.state.Ports, func(p *port) bool { return p.ID == id && p.Project == c.project() })
	if p == nil {
		return neutron.refuse(http.StatusNotFound, "PortNotFound", fmt.Sprintf("Port %s could not be found.", id))
	}
	s.freeAddresses(id)
	s.state.Ports = slices.DeleteFunc(s.state.Ports, func(p port) bool { return p.ID == id })
	return reply{status: http.StatusNoContent}
}

// freeAddresses leads floating addresses of a port nowhere.
func (s *Server) freeAddresses(portID string) {
	for i := range s.state.Floating {
		if f := &s.state.Floating[i]; f.PortID != nil && *f.PortID == portID {
			f.PortID, f.FixedIP, f.Status = nil, nil, "DOWN"
		}
	}
}
