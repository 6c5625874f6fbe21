package ec2

import (
	"net/netip"
	"slices"
)

// Serves tells whether an address is in one of the VPC's subnets.
func (s *Server) Serves(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inside(a)
}

func (s *Server) inside(a netip.Addr) bool {
	return slices.ContainsFunc(s.state.Subnets, func(n *subnet) bool { return n.IPv4.Contains(a) || n.IPv6 != nil && n.IPv6.Contains(a) })
}

// Allows tells whether the first packet of a connection gets through the security groups: out of the interface that it comes
// from and into the one that it goes to, where these are the VPC's. proto is tcp or udp.
func (s *Server) Allows(from, to netip.AddrPort, proto string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passes(true, from.Addr(), to.Addr(), int(to.Port()), proto) && s.passes(false, to.Addr(), from.Addr(), int(to.Port()), proto)
}

// passes holds one end against its groups. Whoever is not in the VPC is filtered by others.
func (s *Server) passes(egress bool, own, far netip.Addr, port int, proto string) bool {
	if !s.inside(own) {
		return true
	}
	n := s.holder(own)
	return n != nil && slices.ContainsFunc(s.state.Rules, func(r *rule) bool {
		return slices.Contains(n.Groups, r.Group) && r.Egress == egress && s.matches(r, far, port, proto)
	})
}

func (s *Server) holder(a netip.Addr) *iface {
	for _, n := range s.state.Interfaces {
		if n.has(a) {
			return n
		}
	}
	return nil
}

func (s *Server) matches(r *rule, far netip.Addr, port int, proto string) bool {
	if r.Protocol != "-1" && (r.Protocol != proto || port < r.From || port > r.To) {
		return false
	}
	if r.FromGroup != "" {
		n := s.holder(far)
		return n != nil && slices.Contains(n.Groups, r.FromGroup)
	}
	prefix, err := netip.ParsePrefix(r.CIDR)
	return err == nil && prefix.Contains(far)
}
