package haproxy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// serverKeywords are the options of a server line and how many arguments each takes.
var serverKeywords = map[string]int{
	"check": 0, "no-check": 0, "disabled": 0, "enabled": 0, "backup": 0, "weight": 1, "id": 1, "inter": 1, "rise": 1, "fall": 1,
	"fastinter": 1, "downinter": 1, "maxconn": 1, "minconn": 1, "maxqueue": 1, "slowstart": 1, "cookie": 1, "port": 1, "addr": 1,
	"ssl": 0, "verify": 1, "ca-file": 1, "sni": 1, "send-proxy": 0, "send-proxy-v2": 0, "observe": 1, "on-error": 1,
	"on-marked-down": 1, "on-marked-up": 1, "pool-purge-delay": 1, "pool-max-conn": 1, "resolvers": 1, "init-addr": 1, "proto": 1,
}

func (p *parser) server(w []string) {
	if p.back == nil {
		if p.section == "frontend" {
			p.alert("'%s' not allowed in 'frontend' section.", w[0])
		}
		return
	}
	fail := func(name, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if name != "" {
			text = fmt.Sprintf("'server %s/%s' : %s", p.back.name, name, text)
		}
		p.say("ALERT", "config : [%s] : %s", p.at(), text)
	}
	if w[0] == "default-server" {
		if err := p.back.defaults.options(w[1:]); err != nil {
			fail("", "'default-server' : %v", err)
		}
		return
	}
	s, err := readServer(p.back.defaults, w[1:])
	if err != nil {
		fail(s.name, "%v", err)
		return
	}
	for _, other := range p.back.servers {
		if s.id != 0 && other.id == s.id {
			fail(s.name, "'id' : custom id %d already used at %s ('server %s').", s.id, other.where, other.name)
			return
		}
	}
	s.where, s.line = p.at(), p.line
	p.back.servers = append(p.back.servers, s)
}

// readServer reads what follows the word "server". On an error the name is set if the line got that far.
func readServer(defaults serverSettings, w []string) (serverSettings, error) {
	s := defaults
	if len(w) < 2 {
		return s, fmt.Errorf("'server' expects <name> and <addr>[:<port>] as arguments.")
	}
	if bad, ok := badCharacter(w[0]); ok {
		return s, fmt.Errorf("character '%c' is not permitted in server name '%s'.", bad, w[0])
	}
	addr, port, err := address(w[1])
	if err != nil {
		return s, err
	}
	s.name, s.addr, s.port = w[0], addr, port
	if err := s.options(w[2:]); err != nil {
		return s, err
	}
	if s.check && s.port == 0 {
		return s, fmt.Errorf("server '%s' has neither service port nor check port nor tcp_check rule 'connect' with port information.", s.name)
	}
	return s, nil
}

// address reads addr:port, [v6]:port and v6:port.
func address(text string) (string, int, error) {
	i := strings.LastIndex(text, ":")
	if i < 0 {
		return text, 0, nil
	}
	port, err := strconv.Atoi(text[i+1:])
	if err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("invalid port '%s'", text[i+1:])
	}
	host := strings.Trim(text[:i], "[]")
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	}
	return host, port, nil
}

func (s *serverSettings) options(w []string) error {
	for i := 0; i < len(w); i++ {
		count, ok := serverKeywords[w[i]]
		if !ok {
			return fmt.Errorf("unknown keyword '%s'.", w[i])
		}
		if i+count >= len(w) {
			return fmt.Errorf("'%s' expects an argument.", w[i])
		}
		value := ""
		if count == 1 {
			value = w[i+1]
		}
		if err := s.option(w[i], value); err != nil {
			return err
		}
		i += count
	}
	return nil
}

func (s *serverSettings) option(name, value string) (err error) {
	switch name {
	case "check", "no-check":
		s.check = name == "check"
	case "disabled", "enabled":
		s.disabled = name == "disabled"
	case "weight":
		s.weight, err = strconv.Atoi(value)
		if err != nil || s.weight < 0 || s.weight > 256 {
			return fmt.Errorf("weight of server %s is not within 0 and 256 (%s)..", s.name, value)
		}
	case "id":
		s.id, err = strconv.Atoi(value)
		if err != nil || s.id <= 0 {
			return fmt.Errorf("'id' : custom id has to be > 0")
		}
	case "inter":
		s.inter, err = duration(value)
	case "rise":
		s.rise, err = strconv.Atoi(value)
	case "fall":
		s.fall, err = strconv.Atoi(value)
	}
	if err != nil {
		return fmt.Errorf("unexpected character in argument of '%s' of server %s.", name, s.name)
	}
	return nil
}
