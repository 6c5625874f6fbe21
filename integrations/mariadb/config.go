package mariadb

import (
	"fmt"
	"regexp"

	"fermata/integrations/dbx"
)

// Config is the vendor's part of the configuration of a MariaDB or MySQL.
type Config struct {
	dbx.Config `yaml:",inline"`
	// Vendor is mariadb or mysql: how clients' programs call what their option file says. mariadb if absent.
	Vendor string `yaml:"vendor,omitempty"`
	// Hosts is where roles may connect from, as account names have it: "%", anywhere, if absent; "10.20.0.%".
	Hosts string `yaml:"hosts,omitempty"`
	// DumpProgram is the path of mariadb-dump or mysqldump: mariadb-dump in PATH if absent.
	DumpProgram string `yaml:"dumpProgram,omitempty"`
}

const defaultPort = 3306

// The vendors.
const (
	vendorMariaDB = "mariadb"
	vendorMySQL   = "mysql"
)

// DefaultConfig is what a configuration starts from.
func DefaultConfig() Config {
	return Config{Vendor: vendorMariaDB, Hosts: "%", DumpProgram: "mariadb-dump"}
}

var hostsForm = regexp.MustCompile(`^[A-Za-z0-9.:%_/-]{1,60}$`)

func (c *Config) check() (dbx.Site, error) {
	if c.Vendor != vendorMariaDB && c.Vendor != vendorMySQL {
		return dbx.Site{}, fmt.Errorf("vendor: expected mariadb or mysql, found %q", c.Vendor)
	}
	if !hostsForm.MatchString(c.Hosts) {
		return dbx.Site{}, fmt.Errorf("hosts: expected a pattern such as %% or 10.20.0.%%, found %q", c.Hosts)
	}
	if c.DumpProgram == "" {
		return dbx.Site{}, fmt.Errorf("dumpProgram: expected the path of mariadb-dump or mysqldump")
	}
	return c.Check(defaultPort)
}
