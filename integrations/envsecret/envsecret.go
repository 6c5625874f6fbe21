// Package envsecret reads secrets from the environment of the process.
//
// secret://env/rt-token is the variable FERMATA_SECRET_RT_TOKEN. Only variables with the prefix can be read, so a
// reference never reaches what the process was given for other purposes.
package envsecret

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// DefaultPrefix begins the variables that hold secrets.
const DefaultPrefix = "FERMATA_SECRET_"

// Config says which variables hold secrets.
type Config struct {
	// Prefix of the variables; empty: DefaultPrefix.
	Prefix string `yaml:"prefix"`
}

var (
	prefixPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	namePattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./-]*$`)
	toVariable    = strings.NewReplacer("-", "_", ".", "_", "/", "_")
)

type provider struct{ prefix string }

// New returns the provider. Faults: Invalid for a prefix that no variable can begin with.
func New(cfg Config) (secret.Provider, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	if !prefixPattern.MatchString(cfg.Prefix) {
		return nil, fault.New(fault.Invalid, "reading the environment's secrets: prefix %q: expected letters, digits and underscores, like %s",
			cfg.Prefix, DefaultPrefix)
	}
	return provider{prefix: cfg.Prefix}, nil
}

// Read returns the variable's value. The environment is read at each call. An empty variable counts as missing.
func (p provider) Read(ctx context.Context, name string) (secret.Value, error) {
	if err := ctx.Err(); err != nil {
		return secret.Value{}, fmt.Errorf("reading secret %q: %w", name, err)
	}
	if !namePattern.MatchString(name) || strings.Contains(name, "..") || strings.HasSuffix(name, "/") {
		return secret.Value{}, fault.New(fault.Invalid, "reading secret %q: expected a name of letters, digits and . _ - /", name)
	}
	variable := p.prefix + strings.ToUpper(toVariable.Replace(name))
	value, ok := os.LookupEnv(variable)
	if !ok {
		return secret.Value{}, fault.New(fault.NotFound, "reading secret %q: the environment has no %s: set it where the worker is started", name, variable)
	}
	if value == "" {
		return secret.Value{}, fault.New(fault.NotFound, "reading secret %q: %s is set but empty", name, variable)
	}
	return secret.NewValue([]byte(value)), nil
}
