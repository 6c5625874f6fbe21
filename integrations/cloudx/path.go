package cloudx

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// mostDescription is what clouds keep of a description, in bytes.
const mostDescription = 255

// pathWord is the first word of the description of a rule that the firewall made. AccessWord is that of the rule which lets the
// worker in: the firewall leaves it alone.
const (
	pathWord   = "fermata"
	AccessWord = "fermata-access"
)

// nameWord is what stands in a description: no blank, quote or end of line.
var nameWord = regexp.MustCompile(`^[A-Za-z0-9._/@:+-]+$`)

// path is a firewall rule. In the cloud it is one rule for each source, all with the same description: "fermata KEY OWNER NAME
// DESTINATION".
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
	if err := cloud.ValidOp(operation.Op{Key: parsed, Owner: owner}); err != nil {
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
		return made, fault.New(fault.Invalid, "key, owner and name of rule %q make a description of %d bytes, the cloud keeps %d: shorten the names", r.Name, n, mostDescription)
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
	return strings.Join([]string{pathWord, p.key, string(p.owner), p.name, p.destination.String()}, " ")
}

// readPath recognises the firewall's rules, without what they let in.
func readPath(description string) (path, bool) {
	words := strings.Split(description, " ")
	if len(words) != 5 || words[0] != pathWord {
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

// overlaps reports whether one of the cloud's rules for the two would be the same.
func (p path) overlaps(other path) bool {
	return p.protocol == other.protocol && p.port == other.port &&
		slices.ContainsFunc(p.sources, func(s netip.Prefix) bool { return slices.Contains(other.sources, s) })
}

func (p path) installed() firewall.Installed {
	i := firewall.Installed{Key: p.key, Owner: p.owner, Runtime: true, Saved: true}
	i.Name, i.Protocol, i.Port, i.Destination = p.name, p.protocol, p.port, p.destination.String()
	for _, source := range p.sources {
		i.Sources = append(i.Sources, source.String())
	}
	return i
}

// missing are the cloud's rules that a path still lacks, given the sources that it has.
func (p path) missing(have []netip.Prefix) (list []Rule) {
	for _, source := range p.sources {
		if !slices.Contains(have, source) {
			list = append(list, Rule{Description: p.description(), Ingress: true, Protocol: p.protocol, From: p.port, To: p.port, Source: source})
		}
	}
	return list
}
