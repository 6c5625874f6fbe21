// Package haproxy puts members into HAProxy's backends: at once over the runtime socket, and for good in the marked block
// of its configuration file.
//
// The promise: a member that is not known to be healthy takes no traffic, neither now nor after a reload; what lies
// outside the marked blocks stays byte for byte as it was; a configuration that HAProxy would refuse is never put in place;
// and writers that work at the same time lose nothing of each other.
package haproxy

import (
	"context"
	"net"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/sshx"
)

// Type is the word in the configuration.
const Type = "haproxy"

// Integration opens balancers of type "haproxy".
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{loadbalancer.Capability}, Open: open}
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
	return New(cfg, &remote{pool: pool, socket: cfg.Socket}), nil
}

// Host is the balancer's host as the driver uses it.
type Host interface {
	// Run runs a command; faults as sshx.Conn.Run has them.
	Run(ctx context.Context, cmd sshx.Command) (sshx.Result, error)
	// DialSocket connects to the runtime socket.
	DialSocket(ctx context.Context) (net.Conn, error)
	// Close ends the connections.
	Close() error
}

// Balancer is one HAProxy. It is safe for concurrent use.
type Balancer struct {
	cfg    Config
	host   Host
	turn   chan struct{} // Writers of this process take turns before they compete with those of others.
	render renderer
}

var _ loadbalancer.Balancer = (*Balancer)(nil)

// New returns the driver of the balancer that host leads to.
func New(cfg Config, host Host) *Balancer {
	cfg = cfg.withDefaults()
	return &Balancer{cfg: cfg, host: host, turn: make(chan struct{}, 1), render: renderer{inter: cfg.CheckInterval}}
}

// Endpoint says where the balancer is.
func (b *Balancer) Endpoint() string {
	if strings.HasPrefix(b.cfg.Socket, "/") {
		return "haproxy " + b.cfg.SSH.Address + " " + b.cfg.Socket
	}
	return "haproxy " + b.cfg.Socket
}

// Close ends the connections.
func (b *Balancer) Close(context.Context) error { return b.host.Close() }

// remote is the host over SSH.
type remote struct {
	pool   *sshx.Pool
	socket string
}

func (r *remote) Run(ctx context.Context, cmd sshx.Command) (sshx.Result, error) {
	conn, err := r.pool.Client(ctx, sshx.Target{})
	if err != nil {
		return sshx.Result{}, err
	}
	return conn.Run(ctx, cmd)
}

func (r *remote) DialSocket(ctx context.Context) (net.Conn, error) {
	if !strings.HasPrefix(r.socket, "/") {
		return r.pool.Dial(ctx, "tcp", r.socket)
	}
	conn, err := r.pool.Client(ctx, sshx.Target{})
	if err != nil {
		return nil, err
	}
	return conn.Dial(ctx, "unix", r.socket)
}

func (r *remote) Close() error { return r.pool.Close() }
