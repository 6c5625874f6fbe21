package ec2

import (
	"net/netip"
	"slices"
	"strings"
)

type rule struct {
	tagged
	Group       string `json:"group"`
	Egress      bool   `json:"egress"`
	Protocol    string `json:"protocol"` // tcp, udp, or -1: all.
	From        int    `json:"from"`
	To          int    `json:"to"`
	CIDR        string `json:"cidr"`       // Either this
	FromGroup   string `json:"from_group"` // or the id of a group.
	Description string `json:"description"`
}

// same compares what two rules of a group let through, which only one may. The description is no part of it.
func (r *rule) same(other *rule) bool {
	return r.Group == other.Group && r.Egress == other.Egress && r.Protocol == other.Protocol && r.From == other.From && r.To == other.To &&
		r.CIDR == other.CIDR && r.FromGroup == other.FromGroup
}

type ruleOut struct {
	ID          string `xml:"securityGroupRuleId"`
	Group       string `xml:"groupId"`
	Owner       string `xml:"groupOwnerId"`
	Egress      bool   `xml:"isEgress"`
	Protocol    string `xml:"ipProtocol"`
	From        int    `xml:"fromPort"`
	To          int    `xml:"toPort"`
	CIDR4       string `xml:"cidrIpv4,omitempty"`
	CIDR6       string `xml:"cidrIpv6,omitempty"`
	FromGroup   string `xml:"referencedGroupInfo>groupId,omitempty"`
	Description string `xml:"description,omitempty"`
}

func (s *Server) ruleOut(r *rule) ruleOut {
	out := ruleOut{ID: r.ID, Group: r.Group, Owner: s.options.Account, Egress: r.Egress, Protocol: r.Protocol, From: r.From, To: r.To, FromGroup: r.FromGroup, Description: r.Description}
	if strings.Contains(r.CIDR, ":") {
		out.CIDR6 = r.CIDR
	} else {
		out.CIDR4 = r.CIDR
	}
	return out
}

type rulesIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"SecurityGroupRuleId"`
	Max     int        `q:"MaxResults"`
	Next    string     `q:"NextToken"`
}

type rulesOut struct {
	Return bool      `xml:"return"`
	Items  []ruleOut `xml:"securityGroupRuleSet>item"`
	Next   string    `xml:"nextToken,omitempty"`
}

func (s *Server) describeRules(in rulesIn) (any, error) {
	list, err := selected(s, s.state.Rules, in.IDs, "InvalidSecurityGroupRuleId.NotFound", in.Filters, func(r *rule) attributes {
		return attributes{"group-id": {r.Group}, "security-group-rule-id": {r.ID}}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(s, list, pageIn{in.Max, in.Next}, in.IDs, 1000)
	out := rulesOut{Next: next}
	for _, r := range part {
		out.Items = append(out.Items, s.ruleOut(r))
	}
	return out, err
}

type permissionIn struct {
	Protocol string `q:"IpProtocol"`
	From     int    `q:"FromPort"`
	To       int    `q:"ToPort"`
	IPv4     []struct {
		CIDR        string `q:"CidrIp"`
		Description string `q:"Description"`
	} `q:"IpRanges"`
	IPv6 []struct {
		CIDR        string `q:"CidrIpv6"`
		Description string `q:"Description"`
	} `q:"Ipv6Ranges"`
}

type authorizeIn struct {
	Group       string         `q:"GroupId"`
	Permissions []permissionIn `q:"IpPermissions"`
}

// authorizeIngress adds rules, all or none.
func (s *Server) authorizeIngress(in authorizeIn) (any, error) {
	g := the(s, s.state.Groups, in.Group)
	if g == nil {
		return nil, bad("InvalidGroup.NotFound", "The security group '"+in.Group+"' does not exist")
	}
	var added []*rule
	for _, p := range in.Permissions {
		var wanted []*rule
		for _, r := range p.IPv4 {
			wanted = append(wanted, &rule{CIDR: r.CIDR, Description: r.Description})
		}
		for _, r := range p.IPv6 {
			wanted = append(wanted, &rule{CIDR: r.CIDR, Description: r.Description})
		}
		for _, r := range wanted {
			r.tagged, r.Group, r.Protocol, r.From, r.To = made("sgr", nil), g.ID, p.Protocol, p.From, p.To
			if err := s.checkRule(r, append(slices.Clone(s.state.Rules), added...)); err != nil {
				return nil, err
			}
			added = append(added, r)
		}
	}
	if len(added) == 0 {
		return nil, bad("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	}
	if count(s.state.Rules, func(r *rule) bool { return r.Group == g.ID && !r.Egress })+len(added) > s.state.Quotas["rules"] {
		return nil, bad("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	s.state.Rules = append(s.state.Rules, added...)
	out := rulesOut{Return: true}
	for _, r := range added {
		out.Items = append(out.Items, s.ruleOut(r))
	}
	return out, nil
}

// checkRule refuses a rule that is bad or there already. EC2 takes the host bits out of a source.
func (s *Server) checkRule(r *rule, have []*rule) error {
	prefix, err := netip.ParsePrefix(r.CIDR)
	switch {
	case err != nil:
		return bad("InvalidParameterValue", "CIDR block "+r.CIDR+" is malformed")
	case r.Protocol != "tcp" && r.Protocol != "udp" && r.Protocol != "-1":
		return bad("InvalidParameterValue", "Invalid value '"+r.Protocol+"' for IP protocol. Unknown protocol.")
	case r.Protocol != "-1" && (r.From < 0 || r.To > 65535 || r.From > r.To):
		return bad("InvalidParameterValue", "Invalid value for port range.")
	case !groupWord.MatchString(r.Description):
		return bad("InvalidParameterValue", "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
	}
	r.CIDR = prefix.Masked().String()
	if slices.ContainsFunc(have, r.same) {
		return bad("InvalidPermission.Duplicate", "the specified rule \"peer: "+r.CIDR+", "+r.Protocol+", ALLOW\" already exists")
	}
	return nil
}

type revokeIn struct {
	Group string   `q:"GroupId"`
	IDs   []string `q:"SecurityGroupRuleId"`
}

// revokeIngress removes rules by their ids, all or none.
func (s *Server) revokeIngress(in revokeIn) (any, error) {
	if the(s, s.state.Groups, in.Group) == nil {
		return nil, bad("InvalidGroup.NotFound", "The security group '"+in.Group+"' does not exist")
	}
	for _, id := range in.IDs {
		if r := the(s, s.state.Rules, id); r == nil || r.Group != in.Group || r.Egress {
			return nil, bad("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '"+id+"' does not exist")
		}
	}
	s.state.Rules = slices.DeleteFunc(s.state.Rules, func(r *rule) bool { return slices.Contains(in.IDs, r.ID) })
	return done{true}, nil
}
