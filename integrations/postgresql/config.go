package postgresql

import (
	"fmt"
	"regexp"

	"fermata/integrations/dbx"
)

// Config is the vendor's part of the configuration of a PostgreSQL.
type Config struct {
	dbx.Config `yaml:",inline"`
	// Database is the one that the account connects to for what concerns the whole server: postgres if absent.
	Database string `yaml:"database,omitempty"`
	// PGDump is the path of pg_dump, of the server's version or a newer one: found in PATH if absent.
	PGDump string `yaml:"pgDump,omitempty"`
}

const defaultPort = 5432

// DefaultConfig is what a configuration starts from.
func DefaultConfig() Config { return Config{Database: "postgres", PGDump: "pg_dump"} }

var databaseForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,62}$`)

func (c *Config) check() (dbx.Site, error) {
	if !databaseForm.MatchString(c.Database) {
		return dbx.Site{}, fmt.Errorf("database: expected the name of a database to connect to, found %q", c.Database)
	}
	if c.PGDump == "" {
		return dbx.Site{}, fmt.Errorf("pgDump: expected the path of pg_dump")
	}
	return c.Check(defaultPort)
}
