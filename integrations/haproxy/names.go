package haproxy

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"regexp"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// What goes near the socket or the file matches one of these: neither can hold a blank, a semicolon, a quote, a # or the
// end of a line.
var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	markPattern = regexp.MustCompile(`^[A-Za-z0-9._/@:+-]{1,200}$`)
)

func validName(what, name string) error {
	if !namePattern.MatchString(name) {
		return fault.New(fault.Invalid, "%s %q: expected 1 to 100 letters, digits, dots, hyphens and underscores", what, name)
	}
	return nil
}

func validOp(op operation.Op) error {
	for _, mark := range []string{op.Key.String(), string(op.Owner)} {
		if !markPattern.MatchString(mark) {
			return fault.New(fault.Invalid, "%q cannot be written beside a member: expected letters, digits and ./@:+-_", mark)
		}
	}
	return nil
}

// validMember checks a member and brings its address to the usual form.
func validMember(m loadbalancer.Member) (loadbalancer.Member, error) {
	if err := validName("backend", m.Backend); err != nil {
		return m, err
	}
	if err := validName("server", m.Name); err != nil {
		return m, err
	}
	addr, err := netip.ParseAddr(m.Address)
	if err != nil || addr.Zone() != "" {
		return m, fault.New(fault.Invalid, "address %q of server %q: expected an IP address without a zone", m.Address, m.Name)
	}
	m.Address = addr.Unmap().String()
	if m.Port < 1 || m.Port > 65535 {
		return m, fault.New(fault.Invalid, "port %d of server %q: expected 1 to 65535", m.Port, m.Name)
	}
	if m.Weight < 0 || m.Weight > 256 {
		return m, fault.New(fault.Invalid, "weight %d of server %q: expected 1 to 256, or 0 for the balancer's default", m.Weight, m.Name)
	}
	return m, nil
}

// serverID is the number under which HAProxy knows the member that carries a key ("id" of a server line). The runtime has
// no room for a key; through the number a member that is not in the file yet is still recognised as ours.
func serverID(key string) int {
	sum := sha256.Sum256([]byte("fermata server " + key))
	return int(binary.BigEndian.Uint32(sum[:4])&0x3fffffff) | 0x40000000 // Away from the small numbers HAProxy gives itself.
}
