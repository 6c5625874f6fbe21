// Package nftables opens paths through nftables on a host reached by SSH: at once in the kernel, and for good in a file
// that the host's configuration includes.
//
// The promise: rules of one call take effect together or not at all; kernel and file are changed in one critical section
// that begins only if both are still what was read, so that writers lose nothing of each other; and only rules that carry a
// key are ever touched. Rules stand in a chain of their own, so what the firewall denies stays its own business.
package nftables

import (
	"context"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/sshx"
)

// Type is the word in the configuration.
const Type = "nftables"

// Integration opens packet filters of type "nftables".
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{firewall.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	var cfg Config
	if err := sys.Decode(&cfg); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of "+sys.Name)
	}
	if err := cfg.Validate(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of "+sys.Name)
	}
	cfg.SSH = cfg.SSH.Resolved(sys.Resolve)
	pool, err := sshx.NewPool(cfg.SSH, env.Secrets)
	if err != nil {
		return nil, err
	}
	return New(cfg, remote{pool}), nil
}

// Host is the packet filter's host as the driver uses it.
type Host interface {
	// Run runs a command; faults as sshx.Conn.Run has them.
	Run(ctx context.Context, cmd sshx.Command) (sshx.Result, error)
	// Close ends the connections.
	Close() error
}

// Firewall is one packet filter. It is safe for concurrent use.
type Firewall struct {
	cfg  Config
	host Host
	turn chan struct{} // Writers of this process take turns before they compete with those of others.
}

var _ firewall.Firewall = (*Firewall)(nil)

// New returns the driver of the packet filter that host leads to.
func New(cfg Config, host Host) *Firewall {
	return &Firewall{cfg: cfg.withDefaults(), host: host, turn: make(chan struct{}, 1)}
}

// Endpoint says where the packet filter is.
func (f *Firewall) Endpoint() string {
	return "nftables " + f.cfg.SSH.Address + " " + f.place()
}

// Close ends the connections.
func (f *Firewall) Close(context.Context) error { return f.host.Close() }

// place is the chain as nft names it.
func (f *Firewall) place() string { return f.cfg.Family + " " + f.cfg.Table + " " + f.cfg.Chain }

type remote struct{ pool *sshx.Pool }

func (r remote) Run(ctx context.Context, cmd sshx.Command) (sshx.Result, error) {
	conn, err := r.pool.Client(ctx, sshx.Target{})
	if err != nil {
		return sshx.Result{}, err
	}
	return conn.Run(ctx, cmd)
}

func (r remote) Close() error { return r.pool.Close() }
