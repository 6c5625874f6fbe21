package guest

import (
	"context"
	"net/netip"
	"strings"
)

// networkCommands speak to the world outside, through the virtual network only.
func networkCommands() map[string]Command {
	return map[string]Command{"curl": curl, "vmware-rpctool": rpctool, "cloud-init": cloudInitCommand, "nginx": nginxCommand, "logger": logger}
}

// resolve finds a name's address: /etc/hosts, then the network's names.
func (m *Machine) resolve(name string) (netip.Addr, error) {
	if data, err := m.ReadFile("/etc/hosts"); err == nil {
		for _, line := range lines(data) {
			fields := strings.Fields(strings.SplitN(line, "#", 2)[0])
			for i, field := range fields {
				if i == 0 || field != name {
					continue
				}
				if addr, err := netip.ParseAddr(fields[0]); err == nil {
					return m.own(addr), nil
				}
			}
		}
	}
	addr, err := m.Network().Lookup(name)
	return m.own(addr), err
}

// own turns the loopback into the machine's one address: services listen there.
func (m *Machine) own(addr netip.Addr) netip.Addr {
	if addr.IsValid() && addr.IsLoopback() {
		return m.Address()
	}
	return addr
}

// rpctool is vmware-rpctool: guestinfo variables, through which a guest and its platform talk.
func rpctool(_ context.Context, c Call) int {
	m := c.Machine
	request := strings.Join(c.Args[1:], " ")
	verb, rest, _ := strings.Cut(request, " ")
	name, value, given := strings.Cut(rest, " ")
	key, ok := strings.CutPrefix(name, "guestinfo.")
	switch {
	case !c.Root():
		return c.Fail(1, "Failed to open the vmware backdoor: Permission denied")
	case !ok || key == "":
		c.Print("No value found\n")
		return 1
	case verb == "info-set" && given:
		m.change(func(s *state) { s.GuestInfo[key] = value })
		if m.options.SetGuestInfo != nil {
			m.options.SetGuestInfo(key, value)
		}
		c.Print("\n")
		return 0
	case verb == "info-get":
		value, ok := m.guestInfo(key)
		if !ok {
			c.Print("No value found\n")
			return 1
		}
		c.Print("%s\n", value)
		return 0
	}
	c.Print("Unknown command\n")
	return 1
}

func (m *Machine) guestInfo(key string) (string, bool) {
	if m.options.GetGuestInfo != nil {
		return m.options.GetGuestInfo(key)
	}
	value := read(m, func(s *state) *string {
		if value, ok := s.GuestInfo[key]; ok {
			return &value
		}
		return nil
	})
	if value == nil {
		return "", false
	}
	return *value, true
}

func logger(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "t: tag: p: priority:")
	if err != nil {
		return c.usage(1, err)
	}
	c.Machine.Journal(cmpOr(f.value("t", "tag"), c.User), strings.Join(f.args, " "))
	return 0
}
