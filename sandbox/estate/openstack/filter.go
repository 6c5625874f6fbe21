package openstack

import (
	"net/netip"
	"slices"
)

// Serves tells whether an address is one of the cloud's networks.
func (s *Server) Serves(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inside(a)
}

// inside tells whether an address is in a network of the cloud. Those of external networks are not: they belong to the world.
func (s *Server) inside(a netip.Addr) bool {
	return find(s.state.Subnets, func(sub *subnet) bool {
		return sub.CIDR.Contains(a) && find(s.state.Networks, func(n *network) bool { return n.ID == sub.NetworkID && !n.External }) != nil
	}) != nil
}

// Allows tells whether the first packet of a connection gets through the security groups: out of the port that it comes from
// and into the port that it goes to, where these are the cloud's. proto is tcp or udp.
func (s *Server) Allows(from, to netip.AddrPort, proto string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passes("egress", from.Addr(), to.Addr(), to.Port(), proto) && s.passes("ingress", to.Addr(), from.Addr(), to.Port(), proto)
}

// passes holds one end against its groups. Whoever is not in the cloud's networks is filtered by others.
func (s *Server) passes(direction string, own, far netip.Addr, number uint16, proto string) bool {
	if !s.inside(own) {
		return true
	}
	p := s.portOf(own)
	if p == nil {
		return false
	}
	return find(s.state.Rules, func(r *rule) bool {
		return slices.Contains(p.Groups, r.GroupID) && r.Direction == direction && s.matches(*r, far, number, proto)
	}) != nil
}

func (s *Server) portOf(a netip.Addr) *port {
	return find(s.state.Ports, func(p *port) bool {
		return slices.ContainsFunc(p.FixedIPs, func(f fixedIP) bool { return f.Address == a.String() })
	})
}

func (s *Server) matches(r rule, far netip.Addr, number uint16, proto string) bool {
	if (r.EtherType == "IPv4") != far.Is4() || r.Protocol != nil && *r.Protocol != proto {
		return false
	}
	if r.Min != nil && (int(number) < *r.Min || int(number) > *r.Max) {
		return false
	}
	if r.Remote != nil {
		prefix, err := netip.ParsePrefix(*r.Remote)
		return err == nil && prefix.Contains(far)
	}
	if r.RemoteGroup != nil {
		p := s.portOf(far)
		return p != nil && slices.Contains(p.Groups, *r.RemoteGroup)
	}
	return true
}
