package openstack

import (
	"encoding/base64"
	"slices"
)

// Counted is how many objects there are, of all projects. The default security groups are not among them.
type Counted struct{ Servers, Groups, Volumes, Floating, Ports int }

// Count counts them.
func (s *Server) Count() Counted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counted{
		Servers: len(s.state.Servers), Volumes: len(s.state.Volumes), Floating: len(s.state.Floating), Ports: len(s.state.Ports),
		Groups: count(s.state.Groups, func(g group) bool { return g.Name != "default" }),
	}
}

// Fill sets a quota to what the project of a user has already.
func (s *Server) Fill(project, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Quotas[name] = s.used(projectID(project), name)
	return s.save()
}

// Allow sets a quota, as an operator does for a project that grows.
func (s *Server) Allow(name string, limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Quotas[name] = limit
	return s.save()
}

// ServerShown is a server as it was asked for, and where it is plugged in.
type ServerShown struct {
	UserData string // In clear text.
	Metadata map[string]string
	Groups   []string // Ids of security groups.
}

// Show shows a server; false: there is none.
func (s *Server) Show(id string) (ServerShown, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.state.Servers {
		if v.ID != id {
			continue
		}
		data, _ := base64.StdEncoding.DecodeString(v.UserData) // It was checked.
		shown := ServerShown{UserData: string(data), Metadata: v.Metadata}
		for _, p := range s.state.Ports {
			if p.DeviceID == id {
				shown.Groups = append(shown.Groups, p.Groups...)
			}
		}
		return shown, true
	}
	return ServerShown{}, false
}

// Leads tells which server a floating address leads to; empty: none.
func (s *Server) Leads(address string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := find(s.state.Floating, func(f *floating) bool { return f.Address == address && f.PortID != nil })
	if f == nil {
		return ""
	}
	if p := find(s.state.Ports, func(p *port) bool { return p.ID == *f.PortID }); p != nil {
		return p.DeviceID
	}
	return ""
}

// RuleShown is a rule of a security group.
type RuleShown struct {
	ID, Description, Direction, Remote, Protocol string
	Min, Max                                     int
}

// Rules shows the rules of a group; of all groups for the empty id.
func (s *Server) Rules(groupID string) []RuleShown {
	s.mu.Lock()
	defer s.mu.Unlock()
	var shown []RuleShown
	for _, r := range s.state.Rules {
		if groupID != "" && r.GroupID != groupID {
			continue
		}
		v := RuleShown{ID: r.ID, Description: r.Description, Direction: r.Direction}
		if r.Remote != nil {
			v.Remote = *r.Remote
		}
		if r.Protocol != nil {
			v.Protocol = *r.Protocol
		}
		if r.Min != nil {
			v.Min, v.Max = *r.Min, *r.Max
		}
		shown = append(shown, v)
	}
	return shown
}

// ChangeRule changes what a rule lets in, behind everybody's back; an empty prefix removes the rule.
func (s *Server) ChangeRule(id, prefix string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if prefix == "" {
		s.state.Rules = slices.DeleteFunc(s.state.Rules, func(r rule) bool { return r.ID == id })
	} else if r := find(s.state.Rules, func(r *rule) bool { return r.ID == id }); r != nil {
		r.Remote = &prefix
	}
	return s.save()
}
