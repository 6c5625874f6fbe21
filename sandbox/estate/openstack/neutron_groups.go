package openstack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
)

type group struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Project     string `json:"project_id"`
	Stateful    bool   `json:"stateful"`
	Rules       []rule `json:"security_group_rules"` // Filled in where it is shown.
	Created     string `json:"created_at"`
	Updated     string `json:"updated_at"`
}

type rule struct {
	ID          string  `json:"id"`
	GroupID     string  `json:"security_group_id"`
	Project     string  `json:"project_id"`
	Description string  `json:"description"`
	Direction   string  `json:"direction"`
	EtherType   string  `json:"ethertype"`
	Protocol    *string `json:"protocol"`
	Min         *int    `json:"port_range_min"`
	Max         *int    `json:"port_range_max"`
	Remote      *string `json:"remote_ip_prefix"`
	RemoteGroup *string `json:"remote_group_id"`
	Created     string  `json:"created_at"`
	Updated     string  `json:"updated_at"`
}

// content is what two rules of a group must not both have. The description is no part of it.
func (r rule) content() string {
	r.ID, r.Description, r.Created, r.Updated = "", "", "", ""
	text, _ := json.Marshal(r) // Plain fields.
	return string(text)
}

// defaultGroup is a project's own, made on first use: members of it reach each other.
func (s *Server) defaultGroup(project string) string {
	if g := find(s.state.Groups, func(g *group) bool { return g.Project == project && g.Name == "default" }); g != nil {
		return g.ID
	}
	g := s.newGroup(project, "default", "Default security group")
	s.addRule(g, rule{Direction: "ingress", EtherType: "IPv4", RemoteGroup: &g.ID})
	return g.ID
}

func (s *Server) newGroup(project, name, description string) group {
	g := group{ID: newID(), Name: name, Description: description, Project: project, Stateful: true, Created: now(), Updated: now()}
	s.state.Groups = append(s.state.Groups, g)
	for _, family := range []string{"IPv4", "IPv6"} {
		s.addRule(g, rule{Direction: "egress", EtherType: family})
	}
	if s.options.OpenGroups && name != "default" {
		s.addRule(g, rule{Direction: "ingress", EtherType: "IPv4", RemoteGroup: &g.ID})
	}
	return g
}

func (s *Server) addRule(g group, r rule) rule {
	r.ID, r.GroupID, r.Project, r.Created, r.Updated = newID(), g.ID, g.Project, now(), now()
	s.state.Rules = append(s.state.Rules, r)
	return r
}

// shown is a group with its rules.
func (s *Server) shown(g group) group {
	g.Rules = []rule{}
	for _, r := range s.state.Rules {
		if r.GroupID == g.ID {
			g.Rules = append(g.Rules, r)
		}
	}
	return g
}

func (s *Server) listGroups(c *call) reply {
	all := []group{}
	for _, g := range s.state.Groups {
		all = append(all, s.shown(g))
	}
	return filtered(c, "security_groups", all, func(g group) string { return g.Project })
}

func (s *Server) makeGroup(c *call) reply {
	var asked struct {
		Group struct {
			Name        string `json:"name"`
			Description string `json:"description"`
		} `json:"security_group"`
	}
	if err := c.decode(&asked); err != nil {
		return neutron.badRequest("Unrecognized attribute(s): %s", err)
	}
	g := asked.Group
	switch {
	case len(g.Name) > 255 || len(g.Description) > 255:
		return neutron.badRequest("Invalid input for description. Reason: exceeds maximum length of 255.")
	case g.Name == "default":
		return neutron.conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
	case s.exceeds(c.project(), "security_group", 1):
		return overQuota("security_group")
	}
	return reply{status: http.StatusCreated, body: object{"security_group": s.shown(s.newGroup(c.project(), g.Name, g.Description))}}
}

func (s *Server) ownGroup(c *call, id string) *group {
	return find(s.state.Groups, func(g *group) bool { return g.ID == id && g.Project == c.project() })
}

func (s *Server) removeGroup(c *call) reply {
	id := c.PathValue("id")
	g := s.ownGroup(c, id)
	switch {
	case g == nil:
		return neutron.refuse(http.StatusNotFound, "SecurityGroupNotFound", fmt.Sprintf("Security group %s does not exist", id))
	case g.Name == "default":
		return neutron.conflict("SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
	case find(s.state.Ports, func(p *port) bool { return slices.Contains(p.Groups, id) }) != nil:
		return neutron.conflict("SecurityGroupInUse", "Security Group %s in use.", id)
	}
	s.state.Rules = slices.DeleteFunc(s.state.Rules, func(r rule) bool { return r.GroupID == id })
	s.state.Groups = slices.DeleteFunc(s.state.Groups, func(g group) bool { return g.ID == id })
	return reply{status: http.StatusNoContent}
}

func (s *Server) listRules(c *call) reply {
	return filtered(c, "security_group_rules", s.state.Rules, func(r rule) string { return r.Project })
}

type ruleRequest struct {
	Direction   string  `json:"direction"`
	Description string  `json:"description"`
	EtherType   string  `json:"ethertype"`
	GroupID     string  `json:"security_group_id"`
	Protocol    *string `json:"protocol"`
	Min         *int    `json:"port_range_min"`
	Max         *int    `json:"port_range_max"`
	Remote      *string `json:"remote_ip_prefix"`
	RemoteGroup *string `json:"remote_group_id"`
}

// makeRules makes one rule, or those of a list: all or none.
func (s *Server) makeRules(c *call) reply {
	var asked struct {
		One  *ruleRequest  `json:"security_group_rule"`
		Many []ruleRequest `json:"security_group_rules"`
	}
	if err := c.decode(&asked); err != nil {
		return neutron.badRequest("Unrecognized attribute(s): %s", err)
	}
	wanted := asked.Many
	if asked.One != nil {
		wanted = []ruleRequest{*asked.One}
	}
	var checked []rule
	for _, w := range wanted {
		r, refused := s.checkRule(c, w)
		if refused != nil {
			return *refused
		}
		for _, other := range checked {
			if other.content() == r.content() {
				return neutron.conflict("DuplicateSecurityGroupRuleInPost", "Duplicate Security Group Rule in POST.")
			}
		}
		checked = append(checked, r)
	}
	if s.exceeds(c.project(), "security_group_rule", len(checked)) {
		return overQuota("security_group_rule")
	}
	made := []rule{}
	for _, r := range checked {
		made = append(made, s.addRule(group{ID: r.GroupID, Project: c.project()}, r))
	}
	if asked.One != nil {
		return reply{status: http.StatusCreated, body: object{"security_group_rule": made[0]}}
	}
	return reply{status: http.StatusCreated, body: object{"security_group_rules": made}}
}

func (s *Server) checkRule(c *call, w ruleRequest) (rule, *reply) {
	refuse := func(answer reply) (rule, *reply) { return rule{}, &answer }
	r := rule{
		GroupID: w.GroupID, Project: c.project(), Description: w.Description, Direction: w.Direction, EtherType: w.EtherType,
		Protocol: w.Protocol, Min: w.Min, Max: w.Max, Remote: w.Remote, RemoteGroup: w.RemoteGroup,
	}
	switch {
	case s.ownGroup(c, w.GroupID) == nil:
		return refuse(neutron.refuse(http.StatusNotFound, "SecurityGroupNotFound", fmt.Sprintf("Security group %s does not exist", w.GroupID)))
	case w.Direction != "ingress" && w.Direction != "egress", w.EtherType != "IPv4" && w.EtherType != "IPv6", len(w.Description) > 255:
		return refuse(neutron.badRequest("Invalid input for a security group rule."))
	case w.Remote != nil && w.RemoteGroup != nil:
		return refuse(neutron.badRequest("Only remote_ip_prefix or remote_group_id may be provided."))
	case w.Min != nil && (w.Protocol == nil || w.Max == nil || *w.Min > *w.Max || *w.Min < 1 || *w.Max > 65535):
		return refuse(neutron.badRequest("Invalid value for port range."))
	}
	if w.Remote != nil {
		prefix, err := netip.ParsePrefix(*w.Remote)
		if err != nil || prefix.Addr().Is4() != (w.EtherType == "IPv4") {
			return refuse(neutron.badRequest("Invalid remote_ip_prefix %s for ethertype %s.", *w.Remote, w.EtherType))
		}
	}
	if same := find(s.state.Rules, func(have *rule) bool { return have.content() == r.content() }); same != nil {
		return refuse(neutron.conflict("SecurityGroupRuleExists", "Security group rule already exists. Rule id is %s.", same.ID))
	}
	return r, nil
}

func (s *Server) removeRule(c *call) reply {
	id := c.PathValue("id")
	if find(s.state.Rules, func(r *rule) bool { return r.ID == id && r.Project == c.project() }) == nil {
		return neutron.refuse(http.StatusNotFound, "SecurityGroupRuleNotFound", fmt.Sprintf("Security group rule %s does not exist", id))
	}
	s.state.Rules = slices.DeleteFunc(s.state.Rules, func(r rule) bool { return r.ID == id })
	return reply{status: http.StatusNoContent}
}
