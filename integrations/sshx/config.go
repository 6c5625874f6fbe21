package sshx

import (
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"fermata/activities/secret"
)

// Config is how hosts are logged in to, as an installation describes it.
type Config struct {
	// Address is the host, host:port; port 22 if absent. Empty where each call names its own.
	Address string `yaml:"address,omitempty"`
	// User is the account. A jump host's is its own.
	User string `yaml:"user,omitempty"`
	// Key is the reference to the private key, OpenSSH or PEM form, without a passphrase. A jump host without one takes
	// that of the host behind it.
	Key secret.Ref `yaml:"key,omitempty"`
	// KnownHosts is the path of a known_hosts file (sshd(8)), with hashed names, patterns, @cert-authority and @revoked.
	KnownHosts string `yaml:"knownHosts,omitempty"`
	// HostKeys are host keys to trust, "ssh-ed25519 AAAA...".
	HostKeys []string `yaml:"hostKeys,omitempty"`
	// HostCA are keys that sign host certificates, "ssh-ed25519 AAAA...".
	HostCA []string `yaml:"hostCA,omitempty"`
	// Jump is the host to go through; it may have a jump host of its own.
	Jump *Config `yaml:"jump,omitempty"`
	// Timeout bounds connecting and logging in: 15s if absent.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Keepalive is how often an open connection is checked, and how long an answer may take: 15s if absent.
	Keepalive time.Duration `yaml:"keepalive,omitempty"`
	// Idle is how long an unused connection is kept: 5m if absent.
	Idle time.Duration `yaml:"idle,omitempty"`
}

// The defaults of a Config.
const (
	DefaultPort      = "22"
	DefaultTimeout   = 15 * time.Second
	DefaultKeepalive = 15 * time.Second
	DefaultIdle      = 5 * time.Minute
)

func (c Config) withDefaults() Config {
	c.Timeout = orDefault(c.Timeout, DefaultTimeout)
	c.Keepalive = orDefault(c.Keepalive, DefaultKeepalive)
	c.Idle = orDefault(c.Idle, DefaultIdle)
	if c.Jump != nil {
		jump := *c.Jump
		if jump.Key == "" {
			jump.Key = c.Key
		}
		c.Jump = &jump
	}
	return c
}

func orDefault(d, value time.Duration) time.Duration {
	if d == 0 {
		return value
	}
	return d
}

// Validate says what a person must correct. A Config whose Address is empty needs no trust of its own: its targets
// bring theirs. The known_hosts file is read when a connection is made.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.Timeout < 0 || c.Keepalive < 0 || c.Idle < 0 {
		return fmt.Errorf("timeout, keepalive and idle must be positive")
	}
	if c.Key != "" {
		if _, _, err := c.Key.Parse(); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	if _, err := parseKeys("hostKeys", c.HostKeys); err != nil {
		return err
	}
	if _, err := parseKeys("hostCA", c.HostCA); err != nil {
		return err
	}
	if c.Address != "" {
		if err := c.validateHost(); err != nil {
			return err
		}
	}
	if c.Jump == nil {
		return nil
	}
	if c.Jump.Address == "" {
		return fmt.Errorf("jump: address is missing: expected host:port of the jump host")
	}
	if err := c.Jump.Validate(); err != nil {
		return fmt.Errorf("jump: %w", err)
	}
	return nil
}

func (c Config) validateHost() error {
	if _, _, err := net.SplitHostPort(withPort(c.Address)); err != nil {
		return fmt.Errorf("address %q: expected host:port", c.Address)
	}
	switch {
	case c.User == "":
		return fmt.Errorf("user is missing: expected the account to log in to %s with", c.Address)
	case c.Key == "":
		return fmt.Errorf("key is missing: expected secret://provider/name of a private key")
	case c.KnownHosts == "" && len(c.HostKeys) == 0 && len(c.HostCA) == 0:
		return fmt.Errorf("%s cannot be recognised: give hostKeys, hostCA or knownHosts", c.Address)
	}
	return nil
}

// Resolved returns the Config with its paths made absolute by resolve, those of jump hosts too; config.System has one.
func (c Config) Resolved(resolve func(path string) string) Config {
	c.KnownHosts = resolve(c.KnownHosts)
	if c.Jump != nil {
		jump := c.Jump.Resolved(resolve)
		c.Jump = &jump
	}
	return c
}

// withPort adds port 22 where an address has none.
func withPort(address string) string {
	if address == "" {
		return ""
	}
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), DefaultPort)
}

func parseKeys(field string, lines []string) ([]ssh.PublicKey, error) {
	keys := make([]ssh.PublicKey, 0, len(lines))
	for _, line := range lines {
		key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil || len(options) > 0 || strings.TrimSpace(string(rest)) != "" {
			return nil, fmt.Errorf("%s: %.60q is no public key: expected \"ssh-ed25519 AAAA...\"", field, line)
		}
		if _, isCert := key.(*ssh.Certificate); isCert {
			return nil, fmt.Errorf("%s: %.60q is a certificate: expected the public key alone", field, line)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
