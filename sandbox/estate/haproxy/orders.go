package haproxy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// locate finds backend/server. The text is HAProxy's refusal.
func (b *Balancer) locate(word string) (*backend, *server, string) {
	bk, name, ok := strings.Cut(word, "/")
	if !ok || bk == "" || name == "" {
		return nil, nil, "Require 'backend/server'.\n"
	}
	be := b.find(bk)
	if be == nil {
		return nil, nil, "No such backend.\n"
	}
	s := be.find(name)
	if s == nil {
		return be, nil, "No such server.\n"
	}
	return be, s, ""
}

func (b *Balancer) addServer(args []string) string {
	be, s, refusal := b.locate(first(args))
	switch {
	case be == nil:
		return strings.TrimSuffix(refusal, "\n")
	case s != nil:
		return "Already exists a server with the same name in backend.\n"
	}
	_, name, _ := strings.Cut(args[0], "/")
	wanted, err := readServer(be.settings.defaults, append([]string{name}, args[1:]...))
	if err != nil {
		return err.Error() + "\n"
	}
	for _, other := range be.servers {
		if wanted.id != 0 && other.id == wanted.id {
			return fmt.Sprintf("'id' : custom id %d already used at (null):0 ('server %s').\n", wanted.id, other.name)
		}
	}
	be.add(wanted, true)
	return "New server registered.\n"
}

func (b *Balancer) delServer(args []string) string {
	be, s, refusal := b.locate(first(args))
	switch {
	case refusal != "":
		return strings.TrimSuffix(refusal, "\n")
	case !s.maint():
		return "Only servers in maintenance mode can be deleted."
	case s.sessions > 0:
		return "Server still has connections attached to it, cannot remove it."
	}
	s.stopChecks()
	for i := range be.servers {
		if be.servers[i] == s {
			be.servers = append(be.servers[:i:i], be.servers[i+1:]...)
			break
		}
	}
	return "Server deleted."
}

func (b *Balancer) setServer(args []string) string {
	_, s, refusal := b.locate(first(args))
	if refusal != "" {
		return refusal
	}
	if len(args) < 3 {
		return "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | health | ssl | state | weight\n"
	}
	switch args[1] {
	case "state":
		return s.stateOrder(args[2])
	case "health":
		if args[2] != "up" && args[2] != "down" && args[2] != "stopping" {
			return "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n"
		}
		s.setHealth(args[2] == "up")
		return ""
	case "addr":
		return s.addrOrder(args[2:])
	case "weight":
		n, err := strconv.Atoi(args[2])
		if err != nil || n < 0 || n > 256 {
			return "Absolute weight can only be between 0 and 256 inclusive.\n"
		}
		s.uweight = n
		return ""
	}
	return "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | health | ssl | state | weight\n"
}

// addrOrder gives the server another address and, behind the word "port", another port.
func (s *server) addrOrder(args []string) string {
	addr, err := netip.ParseAddr(args[0])
	if err != nil {
		return fmt.Sprintf("Invalid addr '%s'\n", args[0])
	}
	var said []string
	if text := addr.String(); text != s.addr {
		said = append(said, fmt.Sprintf("IP changed from '%s' to '%s'", s.addr, text))
		s.addr = text
	}
	if len(args) >= 3 && args[1] == "port" {
		port, err := strconv.Atoi(args[2])
		if err != nil || port < 0 || port > 65535 {
			return "provided port is not an integer\n"
		}
		if port != s.port {
			said = append(said, fmt.Sprintf("port changed from '%d' to '%d'", s.port, port))
			s.port = port
		}
	}
	if len(said) == 0 {
		return "no need to change the addr, no need to change the port\n"
	}
	s.changed = time.Now()
	return strings.Join(said, ", ") + " by 'stats socket command'\n"
}

func (s *server) stateOrder(state string) string {
	if state != "ready" && state != "drain" && state != "maint" {
		return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n"
	}
	s.setState(state)
	return ""
}

func (b *Balancer) getWeight(args []string) string {
	_, s, refusal := b.locate(first(args))
	if refusal != "" {
		return refusal
	}
	return fmt.Sprintf("%d (initial %d)\n", s.uweight, s.weight)
}

func (b *Balancer) enableHealth(word string, on bool) string {
	_, s, refusal := b.locate(word)
	switch {
	case refusal != "":
		return refusal
	case !s.check:
		return "Health checks are not configured on this server, cannot enable.\n"
	case on == s.checking:
		return ""
	}
	s.checking, s.changed = on, time.Now()
	if on {
		s.startChecks()
	} else {
		s.stopChecks()
	}
	return ""
}

func (b *Balancer) shutdownSessions(args []string) string {
	_, s, refusal := b.locate(first(args))
	if refusal != "" {
		return refusal
	}
	s.connsMu.Lock()
	defer s.connsMu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
	return ""
}
