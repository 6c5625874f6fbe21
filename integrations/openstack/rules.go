package openstack

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// path is a firewall rule in the driver's form. In Neutron it is one rule for each source, all with the same description:
// "fermata KEY OWNER NAME DESTINATION".
type path struct {
	key         string
	owner       operation.Owner
	name        string
	sources     []netip.Prefix
	destination netip.Addr
	protocol    string
	port        int
}

// newPath checks a rule. Fault: Invalid.
func newPath(key string, owner operation.Owner, r firewall.Rule) (path, error) {
	parsed, err := operation.ParseKey(key)
	if err != nil {
		return path{}, fault.Wrap(fault.Invalid, err, "reading a firewall rule")
	}
	if err := valid(operation.Op{Key: parsed, Owner: owner}); err != nil {
		return path{}, err
	}
	made := path{key: key, owner: owner, name: r.Name, protocol: r.Protocol, port: r.Port}
	if !nameWord.MatchString(r.Name) {
		return made, fault.New(fault.Invalid, "name %.80q of a firewall rule: expected letters, digits and ./@:+-_", r.Name)
	}
	if r.Protocol != "tcp" && r.Protocol != "udp" {
		return made, fault.New(fault.Invalid, "protocol %q of rule %q: expected tcp or udp", r.Protocol, r.Name)
	}
	if r.Port < 1 || r.Port > 65535 {
		return made, fault.New(fault.Invalid, "port %d of rule %q: expected 1 to 65535", r.Port, r.Name)
	}
	if err := made.setAddresses(r); err != nil {
		return made, err
	}
	if n := len(made.description()); n > mostDescription {
		return made, fault.New(fault.Invalid, "key, owner and name of rule %q make a description of %d bytes, Neutron keeps %d: shorten the names", r.Name, n, mostDescription)
	}
	return made, nil
}

func (p *path) setAddresses(r firewall.Rule) error {
	destination, err := netip.ParseAddr(r.Destination)
	if err != nil || destination.Zone() != "" {
		return fault.New(fault.Invalid, "destination %q of rule %q: expected an IP address without a zone", r.Destination, r.Name)
	}
	p.destination = destination.Unmap()
	if len(r.Sources) == 0 {
		return fault.New(fault.Invalid, "rule %q has no sources: expected CIDRs; 0.0.0.0/0 or ::/0 is everybody", r.Name)
	}
	for _, text := range r.Sources {
		source, err := netip.ParsePrefix(text)
		if err != nil {
			return fault.New(fault.Invalid, "source %q of rule %q: expected a CIDR, as 10.0.0.0/8", text, r.Name)
		}
		if source.Addr().Is4() != p.destination.Is4() {
			return fault.New(fault.Invalid, "source %q of rule %q is not of the family of its destination %s", text, r.Name, p.destination)
		}
		p.sources = append(p.sources, source)
	}
	p.sources = firewall.Canonical(p.sources)
	return nil
}

func (p path) description() string {
	return strings.Join([]string{objectWord, p.key, string(p.owner), p.name, p.destination.String()}, " ")
}

// readPath recognises the driver's rules, without what they let in.
func readPath(description string) (path, bool) {
	words := strings.Split(description, " ")
	if len(words) != 5 || words[0] != objectWord {
		return path{}, false
	}
	destination, err := netip.ParseAddr(words[4])
	return path{key: words[1], owner: operation.Owner(words[2]), name: words[3], destination: destination}, err == nil
}

// is compares whose two rules are.
func (p path) is(other path) bool {
	return p.key == other.key && p.owner == other.owner && p.name == other.name
}

// same compares what they let through.
func (p path) same(other path) bool {
	return slices.Equal(p.sources, other.sources) && p.destination == other.destination && p.protocol == other.protocol && p.port == other.port
}

func (p path) installed() firewall.Installed {
	i := firewall.Installed{Key: p.key, Owner: p.owner, Runtime: true, Saved: true}
	i.Name, i.Protocol, i.Port, i.Destination = p.name, p.protocol, p.port, p.destination.String()
	for _, source := range p.sources {
		i.Sources = append(i.Sources, source.String())
	}
	return i
}

// options are the Neutron rules that a path still lacks, given the sources that it has.
func (p path) options(groupID string, have []netip.Prefix) (list []rules.CreateOpts) {
	for _, source := range p.sources {
		if !slices.Contains(have, source) {
			list = append(list, ruleOptions(groupID, source, rules.RuleProtocol(p.protocol), p.port, p.description()))
		}
	}
	return list
}

func ruleOptions(groupID string, from netip.Prefix, protocol rules.RuleProtocol, port int, description string) rules.CreateOpts {
	family := rules.EtherType4
	if from.Addr().Is6() {
		family = rules.EtherType6
	}
	return rules.CreateOpts{
		Direction: rules.DirIngress, EtherType: family, SecGroupID: groupID, Protocol: protocol, PortRangeMin: port, PortRangeMax: port,
		RemoteIPPrefix: from.String(), Description: description,
	}
}

// canonical is a CIDR that was checked, without host bits.
func canonical(text string) netip.Prefix { return netip.MustParsePrefix(text).Masked() }

// view is the owner's security group as it was read: nil where there is none.
type view struct {
	group *groups.SecGroup
	paths []path
	ids   map[string][]string // Ids of Neutron's rules, by description.
	odd   map[string]bool     // Descriptions whose rules differ in more than the source.
	held  []netip.Addr        // Addresses of the group's ports.
}

// look reads the group of the owner with its rules.
func (f *Firewall) look(ctx context.Context, owner operation.Owner) (view, error) {
	s, err := f.d.session.connect(ctx)
	if err != nil {
		return view{}, err
	}
	list, err := s.listGroups(ctx)
	if err != nil {
		return view{}, err
	}
	mine := owned(list, groupMark, owner)
	if len(mine) == 0 {
		return view{}, nil
	}
	v := read(mine[0])
	holders, err := s.listPorts(ctx, ports.ListOpts{SecurityGroups: []string{v.group.ID}})
	for _, p := range holders {
		for _, fixed := range p.FixedIPs {
			v.held = append(v.held, order(fixed.IPAddress))
		}
	}
	return v, err
}

func read(g groups.SecGroup) view {
	v := view{group: &g, ids: map[string][]string{}, odd: map[string]bool{}}
	for _, r := range g.Rules {
		p, known := readPath(r.Description)
		if !known {
			continue
		}
		p.protocol, p.port = r.Protocol, r.PortRangeMin
		source, err := netip.ParsePrefix(r.RemoteIPPrefix)
		if err == nil {
			p.sources = []netip.Prefix{source}
		}
		if err != nil || r.PortRangeMin != r.PortRangeMax || r.Direction != ingress {
			v.odd[r.Description] = true
		}
		v.ids[r.Description] = append(v.ids[r.Description], r.ID)
		if have := find(v.paths, p.is); have != nil && have.description() == p.description() {
			if have.protocol != p.protocol || have.port != p.port {
				v.odd[r.Description] = true
			}
			have.sources = append(have.sources, p.sources...)
			continue
		}
		v.paths = append(v.paths, p)
	}
	for i := range v.paths {
		slices.SortFunc(v.paths[i].sources, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	}
	slices.SortFunc(v.paths, func(a, b path) int { return strings.Compare(a.name, b.name) })
	return v
}

func (v view) installed(wanted func(path) bool) (list []firewall.Installed) {
	for _, p := range v.paths {
		if wanted(p) {
			list = append(list, p.installed())
		}
	}
	return list
}

// rules are the ids of Neutron's rules for the paths that are wanted.
func (v view) rules(wanted func(path) bool) (ids []string) {
	for _, p := range v.paths {
		if wanted(p) {
			ids = append(ids, v.ids[p.description()]...)
		}
	}
	return ids
}
