package nftables

import (
	"fmt"
	"path"
	"regexp"
	"slices"

	"fermata/integrations/sshx"
)

// Config describes one packet filter.
type Config struct {
	// SSH is how the host is logged in to.
	SSH sshx.Config `yaml:"ssh"`
	// Family, Table and Chain name the chain that holds Fermata's rules and nothing else; a base chain jumps to it.
	// inet, filter and fermata if absent.
	Family string `yaml:"family,omitempty"`
	Table  string `yaml:"table,omitempty"`
	Chain  string `yaml:"chain,omitempty"`
	// File is the file of the saved rules, which the main configuration includes; /etc/nftables.d/fermata.nft if absent.
	File string `yaml:"file,omitempty"`
	// Lock is the file on the host that writers take turns on; /run/lock/fermata-nftables.lock if absent.
	Lock string `yaml:"lock,omitempty"`
	// Sudo runs nft as root through sudo -n.
	Sudo bool `yaml:"sudo,omitempty"`
}

// The defaults of a Config.
const (
	DefaultFamily = "inet"
	DefaultTable  = "filter"
	DefaultChain  = "fermata"
	DefaultFile   = "/etc/nftables.d/fermata.nft"
	DefaultLock   = "/run/lock/fermata-nftables.lock"
)

func (c Config) withDefaults() Config {
	for field, value := range map[*string]string{
		&c.Family: DefaultFamily, &c.Table: DefaultTable, &c.Chain: DefaultChain, &c.File: DefaultFile, &c.Lock: DefaultLock,
	} {
		if *field == "" {
			*field = value
		}
	}
	return c
}

var identifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,30}$`)

// Validate says what a person must correct.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.SSH.Address == "" {
		return fmt.Errorf("ssh.address is missing: expected host:port of the packet filter's host")
	}
	if err := c.SSH.Validate(); err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	if !slices.Contains([]string{"inet", "ip", "ip6"}, c.Family) {
		return fmt.Errorf("family %q: expected inet, ip or ip6", c.Family)
	}
	for _, name := range []string{c.Table, c.Chain} {
		if !identifier.MatchString(name) {
			return fmt.Errorf("%q: expected the name of a table or chain: a letter, then letters, digits, _ and -", name)
		}
	}
	for _, file := range []string{c.File, c.Lock} {
		if !path.IsAbs(file) || path.Clean(file) != file {
			return fmt.Errorf("%q: expected an absolute path without \".\" or \"..\"", file)
		}
	}
	return nil
}
