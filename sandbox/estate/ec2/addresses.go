package ec2

import (
	"net/netip"
	"slices"
)

// amazon is the pool of Amazon's own addresses.
const amazon = "amazon"

// address is an Elastic IP address.
type address struct {
	tagged
	IP          string `json:"ip"`
	Pool        string `json:"pool"`
	Association string `json:"association"`
	Instance    string `json:"instance"`
	Interface   string `json:"interface"`
}

// free leads an address nowhere.
func (a *address) free() { a.Association, a.Instance, a.Interface = "", "", "" }

type addressOut struct {
	ID          string   `xml:"allocationId"`
	IP          string   `xml:"publicIp"`
	Pool        string   `xml:"publicIpv4Pool"`
	Domain      string   `xml:"domain"`
	Association string   `xml:"associationId,omitempty"`
	Instance    string   `xml:"instanceId,omitempty"`
	Interface   string   `xml:"networkInterfaceId,omitempty"`
	Tags        []tagOut `xml:"tagSet>item"`
}

func (a *address) out() addressOut {
	return addressOut{a.ID, a.IP, a.Pool, "vpc", a.Association, a.Instance, a.Interface, tagsOut(a.Tags)}
}

type addressesIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"AllocationId"`
}

func (s *Server) describeAddresses(in addressesIn) (any, error) {
	list, err := selected(s, s.state.Addresses, in.IDs, "InvalidAllocationID.NotFound", in.Filters, func(a *address) attributes {
		return attributes{"instance-id": {a.Instance}, "public-ip": {a.IP}, "allocation-id": {a.ID}}
	})
	out := struct {
		Items []addressOut `xml:"addressesSet>item"`
	}{}
	for _, a := range list {
		out.Items = append(out.Items, a.out())
	}
	return out, err
}

type allocateIn struct {
	Domain string   `q:"Domain"`
	Pool   string   `q:"PublicIpv4Pool"`
	Tags   []specIn `q:"TagSpecification"`
}

func (s *Server) allocateAddress(in allocateIn) (any, error) {
	tags, err := tagsFor(in.Tags, "elastic-ip")
	from, name := s.options.Addresses, amazon
	if in.Pool != "" {
		p := the(s, s.state.Pools, in.Pool)
		if p == nil {
			return nil, bad("InvalidPublicIpv4PoolID.NotFound", "The pool ID '"+in.Pool+"' does not exist")
		}
		from, name = p.Prefix, p.ID
	}
	switch {
	case err != nil:
		return nil, err
	case in.Domain != "" && in.Domain != "vpc":
		return nil, bad("InvalidParameterValue", "Invalid domain '"+in.Domain+"'")
	case s.exceeds("addresses", 1):
		return nil, bad("AddressLimitExceeded", "The maximum number of addresses has been reached.")
	}
	ip, free := s.next(from, func(a netip.Addr) bool {
		return slices.ContainsFunc(s.state.Addresses, func(have *address) bool { return have.IP == a.String() })
	})
	if !free {
		return nil, bad("InsufficientAddressCapacity", "Insufficient capacity.")
	}
	a := &address{tagged: made("eipalloc", tags), IP: ip.String(), Pool: name}
	s.state.Addresses = append(s.state.Addresses, a)
	return a.out(), nil
}

type associateIn struct {
	Allocation  string `q:"AllocationId"`
	Instance    string `q:"InstanceId"`
	Reassociate *bool  `q:"AllowReassociation"`
}

// associateAddress leads an address to an instance that has none. To do it again is no error.
func (s *Server) associateAddress(in associateIn) (any, error) {
	a := the(s, s.state.Addresses, in.Allocation)
	list, err := s.pick([]string{in.Instance})
	switch {
	case err != nil:
		return nil, err
	case a == nil:
		return nil, bad("InvalidAllocationID.NotFound", "The allocation ID '"+in.Allocation+"' does not exist")
	}
	i := list[0]
	out := struct {
		Return      bool   `xml:"return"`
		Association string `xml:"associationId"`
	}{true, a.Association}
	if a.Association != "" && a.Instance == i.ID {
		return out, nil
	}
	other := slices.ContainsFunc(s.state.Addresses, func(other *address) bool { return other != a && other.Instance == i.ID })
	switch {
	case i.State == terminated || i.State == shuttingDown:
		return nil, bad("IncorrectInstanceState", "The instance '"+i.ID+"' is '"+i.State+"'")
	case (a.Association != "" || other) && in.Reassociate != nil && !*in.Reassociate:
		return nil, bad("Resource.AlreadyAssociated", "resource "+a.ID+" is already associated with associate-id "+a.Association)
	}
	for _, each := range s.state.Addresses {
		if each.Instance == i.ID {
			each.free()
		}
	}
	a.Association, a.Instance, a.Interface = newID("eipassoc"), i.ID, i.Interface
	out.Association = a.Association
	return out, nil
}

type disassociateIn struct {
	Association string `q:"AssociationId"`
}

func (s *Server) disassociateAddress(in disassociateIn) (any, error) {
	for _, a := range s.state.Addresses {
		if a.Association == in.Association && in.Association != "" {
			a.free()
			return done{true}, nil
		}
	}
	return nil, bad("InvalidAssociationID.NotFound", "The association ID '"+in.Association+"' does not exist")
}

type releaseIn struct {
	Allocation string `q:"AllocationId"`
}

func (s *Server) releaseAddress(in releaseIn) (any, error) {
	a := the(s, s.state.Addresses, in.Allocation)
	switch {
	case a == nil:
		return nil, bad("InvalidAllocationID.NotFound", "The allocation ID '"+in.Allocation+"' does not exist")
	case a.Association != "":
		return nil, bad("InvalidIPAddress.InUse", "Address "+a.IP+" is in use.")
	}
	s.state.Addresses = without(s.state.Addresses, a.ID)
	return done{true}, nil
}
