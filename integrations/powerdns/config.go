package powerdns

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"fermata/activities/secret"
	"fermata/integrations/dnsx"
	"fermata/integrations/httpx"
)

// Config is the vendor's part of the configuration of a PowerDNS.
type Config struct {
	// URL of the web server that has the API: https://pdns.example.net:8081. Plain http on loopback only.
	URL string `yaml:"url"`
	// Key is a reference to the API key (api-key in pdns.conf).
	Key secret.Ref `yaml:"key"`
	// Server is the server's id in the API: localhost, if absent, which is the only one that PowerDNS itself has.
	Server string `yaml:"server,omitempty"`
	// Nameserver answers the questions of verifying steps: the address of this server, or of a secondary that users ask.
	Nameserver string `yaml:"nameserver"`
	// Timeout bounds one question to the nameserver and its answer: 5s if absent.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// HTTP says how the API is reached: ca, pin, proxy, timeout.
	HTTP httpx.Config `yaml:"http,omitempty"`
}

// DefaultConfig is what a configuration starts from.
func DefaultConfig() Config { return Config{Server: "localhost"} }

var serverForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$`)

// check reports what is wrong, completes the nameserver, and returns the API's address.
func (c *Config) check() (*url.URL, error) {
	address, err := checkURL(c.URL)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.Key.Parse(); err != nil {
		return nil, errors.New("key: expected a reference secret://provider/name")
	}
	if !serverForm.MatchString(c.Server) {
		return nil, fmt.Errorf("server: expected an id such as localhost, found %q", c.Server)
	}
	if c.Nameserver, err = dnsx.Address(c.Nameserver); err != nil {
		return nil, fmt.Errorf("nameserver: %w", err)
	}
	if c.Timeout < 0 {
		return nil, fmt.Errorf("timeout: expected a length of time above zero, found %s", c.Timeout)
	}
	return address.JoinPath("api", "v1", "servers", c.Server), nil
}

func checkURL(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Host == "" || (address.Scheme != "https" && address.Scheme != "http"):
		return nil, errors.New("url: expected the address of a PowerDNS such as https://pdns.example.net:8081")
	case address.User != nil:
		return nil, errors.New("url: it holds a credential; use key instead")
	case address.RawQuery != "" || address.Fragment != "":
		return nil, errors.New("url: expected no query and no fragment")
	case address.Scheme == "http" && !loopback(address.Hostname()):
		return nil, errors.New("url: expected https: the API key would cross the network in clear text")
	}
	address.Path, address.RawPath = strings.TrimSuffix(strings.TrimSuffix(address.Path, "/"), "/api/v1"), ""
	return address, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
