package ec2

import (
	"encoding/base64"
	"net/netip"
	"slices"
)

// Counted is how many objects there are. What is terminated, the default security group and volumes that instances boot from are
// not among them.
type Counted struct{ Instances, Groups, Volumes, Addresses, Interfaces int }

// Count counts them.
func (s *Server) Count() Counted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counted{
		Instances: count(s.state.Instances, func(i *instance) bool { return i.State != terminated }), Groups: len(s.state.Groups) - 1, Addresses: len(s.state.Addresses), Interfaces: len(s.state.Interfaces),
		Volumes: count(s.state.Volumes, func(v *volume) bool { return v.Device != rootDevice }),
	}
}

// GivenUp shows the instances that could not be launched.
func (s *Server) GivenUp() (shown []Shown) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.state.Instances {
		if i.State == terminated && i.Reason != asked {
			shown = append(shown, Shown{Tags: i.Tags})
		}
	}
	return shown
}

// Fill sets a quota to what there is already.
func (s *Server) Fill(quota string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Quotas[quota] = s.used(quota)
	return s.save()
}

// Shown is an instance as it was asked for, and where it is plugged in.
type Shown struct {
	UserData   string // In clear text.
	HTTPTokens string
	Tags       map[string]string
	Groups     []string // Ids of security groups.
	Roots      int      // Volumes that it boots from.
}

// Show shows an instance; false: there is none.
func (s *Server) Show(id string) (Shown, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := find(s.state.Instances, id)
	if found == nil {
		return Shown{}, false
	}
	i := *found
	data, _ := base64.StdEncoding.DecodeString(i.UserData) // It was checked.
	shown := Shown{UserData: string(data), Tags: i.Tags, HTTPTokens: i.Metadata}
	shown.Roots = count(s.state.Volumes, func(v *volume) bool { return v.Instance == id && v.Device == rootDevice })
	if n := find(s.state.Interfaces, i.Interface); n != nil {
		shown.Groups = (*n).Groups
	}
	return shown, true
}

// Leads tells which instance a public address leads to; empty: none.
func (s *Server) Leads(ip string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.state.Addresses {
		if a.IP == ip {
			return a.Instance
		}
	}
	return ""
}

// RuleShown is a rule of a security group.
type RuleShown struct {
	ID, Description, Source, Protocol string
	Egress                            bool
	From, To                          int
}

// Rules shows the rules of a group; of all groups but the default one for the empty id.
func (s *Server) Rules(groupID string) (shown []RuleShown) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.state.Rules {
		if r.Group == groupID || groupID == "" && r.Group != s.state.Groups[0].ID {
			shown = append(shown, RuleShown{r.ID, r.Description, r.CIDR, r.Protocol, r.Egress, r.From, r.To})
		}
	}
	return shown
}

// ChangeRule changes what a rule lets in, behind everybody's back; an empty prefix removes the rule.
func (s *Server) ChangeRule(id, prefix string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := find(s.state.Rules, id); r != nil && prefix != "" {
		(*r).CIDR = prefix
	} else {
		s.state.Rules = without(s.state.Rules, id)
	}
	return s.save()
}

// AddImage adds an image.
func (s *Server) AddImage(i Image) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addImage(i)
	return s.save()
}

// AddInterface plugs an interface of nobody's in, with addresses of a subnet, in as many groups as are given.
func (s *Server) AddInterface(addresses []netip.Addr, groups []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := &iface{tagged: made("eni", map[string]string{}), Groups: slices.Clone(groups)}
	for _, a := range addresses {
		if a.Is4() {
			n.IPv4 = append(n.IPv4, a.String())
		} else {
			n.IPv6 = append(n.IPv6, a.String())
		}
	}
	s.state.Interfaces = append(s.state.Interfaces, n)
	return s.save()
}
