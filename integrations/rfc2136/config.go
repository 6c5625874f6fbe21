package rfc2136

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/miekg/dns"

	"fermata/activities/secret"
	"fermata/integrations/dnsx"
)

// Config is the vendor's part of the configuration of a DNS server.
type Config struct {
	// Address of the primary server: an address or a name, with a port if it is not 53.
	Address string `yaml:"address"`
	// Key is the TSIG key that updates and zone transfers are signed with.
	Key TSIG `yaml:"key"`
	// Nameserver answers the questions of verifying steps, if it is not the primary: a secondary that users ask.
	Nameserver string `yaml:"nameserver,omitempty"`
	// Timeout bounds one question and its answer: 5s if absent.
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

// TSIG is a key (RFC 8945).
type TSIG struct {
	// Name of the key, as the server knows it.
	Name string `yaml:"name"`
	// Algorithm is hmac-sha256, if absent, or hmac-sha384 or hmac-sha512.
	Algorithm string `yaml:"algorithm,omitempty"`
	// Secret is a reference to the key's secret, in base64.
	Secret secret.Ref `yaml:"secret"`
}

// algorithms are those that are not broken (RFC 8945, section 6).
var algorithms = map[string]string{ //nolint:gochecknoglobals // A table.
	"": dns.HmacSHA256, "hmac-sha256": dns.HmacSHA256, "hmac-sha384": dns.HmacSHA384, "hmac-sha512": dns.HmacSHA512,
}

var keyForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,100}[a-z0-9])?$`)

// check reports what is wrong and completes the addresses.
func (c *Config) check() (err error) {
	if c.Address, err = dnsx.Address(c.Address); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if c.Nameserver == "" {
		c.Nameserver = c.Address
	}
	if c.Nameserver, err = dnsx.Address(c.Nameserver); err != nil {
		return fmt.Errorf("nameserver: %w", err)
	}
	if !keyForm.MatchString(c.Key.Name) {
		return fmt.Errorf("key.name: expected the name of a key in lower case, found %q", c.Key.Name)
	}
	if _, known := algorithms[strings.ToLower(c.Key.Algorithm)]; !known {
		return fmt.Errorf("key.algorithm: expected hmac-sha256, hmac-sha384 or hmac-sha512, found %q", c.Key.Algorithm)
	}
	if _, _, err := c.Key.Secret.Parse(); err != nil {
		return fmt.Errorf("key.secret: expected a reference secret://provider/name")
	}
	if c.Timeout < 0 {
		return fmt.Errorf("timeout: expected a length of time above zero, found %s", c.Timeout)
	}
	return nil
}
