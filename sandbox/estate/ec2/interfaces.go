package ec2

import (
	"net/netip"
	"slices"
)

// iface is a network interface.
type iface struct {
	tagged
	Subnet   string   `json:"subnet"`
	IPv4     []string `json:"ipv4"`
	IPv6     []string `json:"ipv6"`
	Groups   []string `json:"groups"`
	Instance string   `json:"instance"`
}

type groupRefOut struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

type privateOut struct {
	Address string `xml:"privateIpAddress"`
	Primary bool   `xml:"primary"`
}

type ipv6Out struct {
	Address string `xml:"ipv6Address"`
}

type attachedOut struct {
	Instance string `xml:"instanceId"`
	Device   int    `xml:"deviceIndex"`
	Status   string `xml:"status"`
}

type interfaceOut struct {
	ID         string        `xml:"networkInterfaceId"`
	Subnet     string        `xml:"subnetId"`
	VPC        string        `xml:"vpcId"`
	Status     string        `xml:"status"`
	Address    string        `xml:"privateIpAddress"`
	Addresses  []privateOut  `xml:"privateIpAddressesSet>item"`
	IPv6       []ipv6Out     `xml:"ipv6AddressesSet>item"`
	Groups     []groupRefOut `xml:"groupSet>item"`
	Attachment *attachedOut  `xml:"attachment"`
}

func (s *Server) interfaceOut(n *iface) interfaceOut {
	out := interfaceOut{ID: n.ID, Subnet: n.Subnet, VPC: vpcID, Status: "in-use"}
	for i, a := range n.IPv4 {
		out.Addresses = append(out.Addresses, privateOut{a, i == 0})
	}
	if len(n.IPv4) > 0 {
		out.Address = n.IPv4[0]
	}
	for _, a := range n.IPv6 {
		out.IPv6 = append(out.IPv6, ipv6Out{a})
	}
	for _, id := range n.Groups {
		if g := find(s.state.Groups, id); g != nil {
			out.Groups = append(out.Groups, groupRefOut{id, (*g).Name})
		}
	}
	if n.Instance != "" {
		out.Attachment = &attachedOut{Instance: n.Instance, Status: attached}
	}
	return out
}

type interfacesIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"NetworkInterfaceId"`
	Max     int        `q:"MaxResults"`
	Next    string     `q:"NextToken"`
}

func (s *Server) describeInterfaces(in interfacesIn) (any, error) {
	list, err := selected(s, s.state.Interfaces, in.IDs, "InvalidNetworkInterfaceID.NotFound", in.Filters, func(n *iface) attributes {
		return attributes{"group-id": n.Groups, "subnet-id": {n.Subnet}, "vpc-id": {vpcID}, "addresses.private-ip-address": n.IPv4}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(s, list, pageIn{in.Max, in.Next}, in.IDs, 1000)
	out := struct {
		Items []interfaceOut `xml:"networkInterfaceSet>item"`
		Next  string         `xml:"nextToken,omitempty"`
	}{Next: next}
	for _, n := range part {
		out.Items = append(out.Items, s.interfaceOut(n))
	}
	return out, err
}

// plug makes the interface of an instance, with the address that it asks for or the next free one.
func (s *Server) plug(instanceID, subnetID string, groups []string, wanted string) (string, error) {
	n := the(s, s.state.Subnets, subnetID)
	if n == nil {
		return "", bad("InvalidSubnetID.NotFound", "The subnet ID '"+subnetID+"' does not exist")
	}
	if len(groups) == 0 {
		groups = []string{s.state.Groups[0].ID} // The default one.
	}
	for _, id := range groups {
		if the(s, s.state.Groups, id) == nil {
			return "", bad("InvalidGroup.NotFound", "The security group '"+id+"' does not exist in VPC '"+vpcID+"'")
		}
	}
	if len(groups) > s.state.Quotas["interface-groups"] {
		return "", bad("SecurityGroupsPerInterfaceLimitExceeded", "You have exceeded the maximum number of security groups allowed per network interface.")
	}
	address, err := s.privateAddress(n, wanted)
	if err != nil {
		return "", err
	}
	made := &iface{tagged: made("eni", map[string]string{}), Subnet: n.ID, IPv4: []string{address}, Groups: slices.Clone(groups), Instance: instanceID}
	if n.IPv6 != nil {
		if a, free := s.next(*n.IPv6, s.taken); free {
			made.IPv6 = []string{a.String()}
		}
	}
	s.state.Interfaces = append(s.state.Interfaces, made)
	return made.ID, nil
}

func (s *Server) privateAddress(n *subnet, wanted string) (string, error) {
	if wanted == "" {
		a, free := s.next(n.IPv4, s.taken)
		if !free {
			return "", bad("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet '"+n.ID+"' to satisfy the requested number of instances.")
		}
		return a.String(), nil
	}
	a, err := netip.ParseAddr(wanted)
	switch {
	case err != nil || !n.IPv4.Contains(a):
		return "", bad("InvalidParameterValue", "Address "+wanted+" does not fall within the subnet's address range")
	case s.taken(a):
		return "", bad("InvalidIPAddress.InUse", "Address "+wanted+" is in use.")
	}
	return a.String(), nil
}

func (s *Server) taken(a netip.Addr) bool {
	return slices.ContainsFunc(s.state.Interfaces, func(n *iface) bool { return n.has(a) })
}

func (n *iface) has(a netip.Addr) bool {
	return slices.Contains(n.IPv4, a.String()) || slices.Contains(n.IPv6, a.String())
}
