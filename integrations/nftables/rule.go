package nftables

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// CommentLimit is what the kernel keeps of a rule's comment, in bytes (NFTNL_UDATA_COMMENT_MAXLEN of libnftnl).
const CommentLimit = 128

// rule is a rule in the driver's form: parsed values only, so that no text from outside gets into a script.
type rule struct {
	key, owner, name string
	sources          []netip.Prefix
	destination      netip.Addr
	protocol         string
	port             int
}

// What stands in a comment matches this: no blank, quote or end of line.
var markPattern = regexp.MustCompile(`^[A-Za-z0-9._/@:+-]+$`)

// newRule checks a rule and brings its addresses to the usual form. Faults: Invalid.
func newRule(op operation.Op, r firewall.Rule) (rule, error) {
	made := rule{key: op.Key.String(), owner: string(op.Owner), name: r.Name, protocol: r.Protocol, port: r.Port}
	for what, mark := range map[string]string{"key": made.key, "owner": made.owner, "name": made.name} {
		if !markPattern.MatchString(mark) {
			return made, fault.New(fault.Invalid, "%s %q of a firewall rule: expected letters, digits and ./@:+-_", what, mark)
		}
	}
	if length := len(made.comment()); length > CommentLimit {
		return made, fault.New(fault.Invalid, "key, owner and name of rule %q make a comment of %d bytes, nftables keeps %d: shorten the names", r.Name, length, CommentLimit)
	}
	if r.Protocol != "tcp" && r.Protocol != "udp" {
		return made, fault.New(fault.Invalid, "protocol %q of rule %q: expected tcp or udp", r.Protocol, r.Name)
	}
	if r.Port < 1 || r.Port > 65535 {
		return made, fault.New(fault.Invalid, "port %d of rule %q: expected 1 to 65535", r.Port, r.Name)
	}
	return made, made.setAddresses(r)
}

func (r *rule) setAddresses(from firewall.Rule) error {
	addr, err := netip.ParseAddr(from.Destination)
	if err != nil || addr.Zone() != "" {
		return fault.New(fault.Invalid, "destination %q of rule %q: expected an IP address without a zone", from.Destination, r.name)
	}
	r.destination = addr.Unmap()
	if len(from.Sources) == 0 {
		return fault.New(fault.Invalid, "rule %q has no sources: expected CIDRs; 0.0.0.0/0 or ::/0 is everybody", r.name)
	}
	for _, text := range from.Sources {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return fault.New(fault.Invalid, "source %q of rule %q: expected a CIDR, as 10.0.0.0/8", text, r.name)
		}
		if p.Addr().Is4() != r.destination.Is4() {
			return fault.New(fault.Invalid, "source %q of rule %q is not of the family of its destination %s", text, r.name, r.destination)
		}
		r.sources = append(r.sources, p)
	}
	r.sources = firewall.Canonical(r.sources)
	return nil
}

func (r rule) comment() string { return "fermata " + r.key + " " + r.owner + " " + r.name }

// text is the rule as nft reads it.
func (r rule) text() string {
	ip := "ip"
	if r.destination.Is6() {
		ip = "ip6"
	}
	source := ""
	switch {
	case len(r.sources) == 1 && r.sources[0].Bits() == 0: // Everybody: a match would say nothing.
	case len(r.sources) == 1:
		source = ip + " saddr " + prefixText(r.sources[0]) + " "
	default:
		var list []string
		for _, p := range r.sources {
			list = append(list, prefixText(p))
		}
		source = ip + " saddr { " + strings.Join(list, ", ") + " } "
	}
	return fmt.Sprintf("%s%s daddr %s %s dport %d accept comment \"%s\"", source, ip, r.destination, r.protocol, r.port, r.comment())
}

func prefixText(p netip.Prefix) string {
	if p.Bits() == p.Addr().BitLen() {
		return p.Addr().String()
	}
	return p.String()
}

// same compares what two rules let through.
func (r rule) same(other rule) bool {
	return slices.Equal(r.sources, other.sources) && r.destination == other.destination && r.protocol == other.protocol && r.port == other.port
}

// is compares whose they are.
func (r rule) is(other rule) bool {
	return r.key == other.key && r.owner == other.owner && r.name == other.name
}

func (r rule) installed() firewall.Installed {
	i := firewall.Installed{Key: r.key, Owner: operation.Owner(r.owner)}
	i.Name, i.Protocol, i.Port = r.name, r.protocol, r.port
	if r.destination.IsValid() {
		i.Destination = r.destination.String()
	}
	for _, p := range r.sources {
		i.Sources = append(i.Sources, p.String())
	}
	return i
}

// readComment recognises the driver's comments.
func readComment(text string) (rule, bool) {
	fields := strings.Split(text, " ")
	if len(fields) != 4 || fields[0] != "fermata" {
		return rule{}, false
	}
	for _, mark := range fields[1:] {
		if !markPattern.MatchString(mark) {
			return rule{}, false
		}
	}
	return rule{key: fields[1], owner: fields[2], name: fields[3]}, true
}

var linePattern = regexp.MustCompile(`^(?:ip6? saddr (?:([0-9A-Fa-f.:/]+)|\{ ([0-9A-Fa-f.:/, ]+) \}) )?ip6? daddr (\S+) (tcp|udp) dport (\d{1,5}) accept comment "([^"]*)"$`)

// readLine reads a rule that text wrote; anything else is refused, so that a change by hand is noticed.
func readLine(line string) (rule, bool) {
	m := linePattern.FindStringSubmatch(line)
	if m == nil {
		return rule{}, false
	}
	r, ok := readComment(m[6])
	addr, err := netip.ParseAddr(m[3])
	if !ok || err != nil {
		return rule{}, false
	}
	r.destination, r.protocol = addr, m[4]
	r.port, _ = strconv.Atoi(m[5])
	if m[1]+m[2] == "" {
		r.sources = []netip.Prefix{everybody(addr)}
	} else {
		for _, text := range strings.Split(m[1]+m[2], ", ") {
			p, ok := readPrefix(text)
			if !ok || p.Addr().Is4() != addr.Is4() {
				return rule{}, false
			}
			r.sources = append(r.sources, p)
		}
	}
	return r, r.text() == line
}

func everybody(like netip.Addr) netip.Prefix {
	if like.Is6() {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

func readPrefix(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	return netip.Prefix{}, false
}
