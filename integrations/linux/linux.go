// Package linux sets up Debian-like guests over SSH: their disks, their settings, one application.
//
// It implements the ports of activities/guest. It promises that a disk is written only after every check of the port
// said that it may be, that nothing from outside is ever part of a program's text, that secrets travel on standard
// input only, and that commands which change a guest never run side by side there, whichever worker sent them.
package linux

import (
	"context"
	"strings"

	"golang.org/x/crypto/ssh"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/sshx"
)

// Type is the word in the configuration.
const Type = "linux"

// Integration returns the integration.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{guest.Capability}, Aids: []string{database.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	var cfg Config
	if err := sys.Decode(&cfg); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of "+sys.Name)
	}
	if cfg.Jump != nil {
		jump := cfg.Jump.Resolved(sys.Resolve)
		cfg.Jump = &jump
	}
	return New(cfg, env)
}

// Access reaches guests. It is safe for concurrent use.
type Access struct {
	cfg  Config
	pool *sshx.Pool
}

var _ guest.Access = (*Access)(nil)

// New prepares the access; it does not connect. Faults: Invalid for a bad configuration.
func New(cfg Config, env integrations.Environment) (*Access, error) {
	if err := cfg.complete(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of guests")
	}
	pool, err := sshx.NewPool(cfg.ssh(), env.Secrets)
	if err != nil {
		return nil, err
	}
	return &Access{cfg: cfg, pool: pool}, nil
}

// Endpoint says how guests are reached.
func (a *Access) Endpoint() string {
	if a.cfg.Jump != nil {
		return "ssh through " + a.cfg.Jump.Address
	}
	return "ssh"
}

// Close ends all connections.
func (a *Access) Close(context.Context) error { return a.pool.Close() }

// Check proves that the key can be read and the jump host lets it in.
func (a *Access) Check(ctx context.Context) error {
	if _, err := a.pool.PublicKey(ctx); err != nil {
		return err
	}
	return a.pool.Ping(ctx)
}

// AuthorizedKey returns the public key that guests must accept.
func (a *Access) AuthorizedKey(ctx context.Context) (string, error) {
	key, err := a.pool.PublicKey(ctx)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}
