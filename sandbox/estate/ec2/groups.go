package ec2

import (
	"regexp"
	"slices"
	"strings"
)

// groupWord is what may stand in the name and the description of a group, and in the description of a rule.
var groupWord = regexp.MustCompile(`^[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}$`)

type group struct {
	tagged
	Name        string `json:"name"`
	Description string `json:"description"`
}

// newGroup makes a group that lets everything out.
func (s *Server) newGroup(name, description string, tags map[string]string) *group {
	g := &group{tagged: made("sg", tags), Name: name, Description: description}
	s.state.Groups = append(s.state.Groups, g)
	s.state.Rules = append(s.state.Rules, &rule{tagged: made("sgr", nil), Group: g.ID, Egress: true, Protocol: "-1", From: -1, To: -1, CIDR: "0.0.0.0/0"})
	if slices.ContainsFunc(s.state.Subnets, func(n *subnet) bool { return n.IPv6 != nil }) {
		s.state.Rules = append(s.state.Rules, &rule{tagged: made("sgr", nil), Group: g.ID, Egress: true, Protocol: "-1", From: -1, To: -1, CIDR: "::/0"})
	}
	return g
}

type groupsIn struct {
	Filters []filterIn `q:"Filter"`
	IDs     []string   `q:"GroupId"`
	Max     int        `q:"MaxResults"`
	Next    string     `q:"NextToken"`
}

func (s *Server) describeGroups(in groupsIn) (any, error) {
	list, err := selected(s, s.state.Groups, in.IDs, "InvalidGroup.NotFound", in.Filters, func(g *group) attributes {
		return attributes{"group-name": {g.Name}, "group-id": {g.ID}, "vpc-id": {vpcID}}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(s, list, pageIn{in.Max, in.Next}, in.IDs, 1000)
	type item struct {
		ID          string   `xml:"groupId"`
		Name        string   `xml:"groupName"`
		Description string   `xml:"groupDescription"`
		VPC         string   `xml:"vpcId"`
		Owner       string   `xml:"ownerId"`
		Tags        []tagOut `xml:"tagSet>item"`
	}
	out := struct {
		Items []item `xml:"securityGroupInfo>item"`
		Next  string `xml:"nextToken,omitempty"`
	}{Next: next}
	for _, g := range part {
		out.Items = append(out.Items, item{g.ID, g.Name, g.Description, vpcID, s.options.Account, tagsOut(g.Tags)})
	}
	return out, err
}

type createGroupIn struct {
	Name        string   `q:"GroupName"`
	Description string   `q:"GroupDescription"`
	VPC         string   `q:"VpcId"`
	Tags        []specIn `q:"TagSpecification"`
}

func (s *Server) createGroup(in createGroupIn) (any, error) {
	tags, err := tagsFor(in.Tags, "security-group")
	switch {
	case err != nil:
		return nil, err
	case in.VPC != "" && in.VPC != vpcID:
		return nil, bad("InvalidVpcID.NotFound", "The vpc ID '"+in.VPC+"' does not exist")
	case in.Name == "" || in.Description == "":
		return nil, bad("MissingParameter", "The request must contain the parameters GroupName and GroupDescription")
	case !groupWord.MatchString(in.Name) || !groupWord.MatchString(in.Description) || strings.HasPrefix(in.Name, "sg-"):
		return nil, bad("InvalidParameterValue", "Invalid value for group name or description.")
	case slices.ContainsFunc(s.state.Groups, func(g *group) bool { return g.Name == in.Name }):
		return nil, bad("InvalidGroup.Duplicate", "The security group '"+in.Name+"' already exists for VPC '"+vpcID+"'")
	case s.exceeds("groups", 1):
		return nil, bad("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")
	}
	g := s.newGroup(in.Name, in.Description, tags)
	return struct {
		ID   string   `xml:"groupId"`
		Tags []tagOut `xml:"tagSet>item"`
	}{g.ID, tagsOut(g.Tags)}, nil
}

type deleteGroupIn struct {
	ID string `q:"GroupId"`
}

func (s *Server) deleteGroup(in deleteGroupIn) (any, error) {
	g := the(s, s.state.Groups, in.ID)
	switch {
	case g == nil:
		return nil, bad("InvalidGroup.NotFound", "The security group '"+in.ID+"' does not exist")
	case g.Name == "default":
		return nil, bad("CannotDelete", "the specified group: \""+g.ID+"\" name: \"default\" cannot be deleted by a user")
	case slices.ContainsFunc(s.state.Interfaces, func(n *iface) bool { return slices.Contains(n.Groups, g.ID) }),
		slices.ContainsFunc(s.state.Rules, func(r *rule) bool { return r.FromGroup == g.ID && r.Group != g.ID }):
		return nil, bad("DependencyViolation", "resource "+g.ID+" has a dependent object")
	}
	s.state.Groups = without(s.state.Groups, g.ID)
	s.state.Rules = slices.DeleteFunc(s.state.Rules, func(r *rule) bool { return r.Group == g.ID })
	return done{true}, nil
}
