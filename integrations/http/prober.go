// Package http probes services with real requests, as a user would send them.
//
// It promises to ask the address that it was given, through the jump host if there is one (names are then resolved over
// there), to follow redirects on the same host only, and to read no more of an answer than it needs.
package http

import (
	"context"
	"net"
	"net/http"
	"time"

	"fermata/activities/fault"
	"fermata/activities/probe"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/httpx"
	"fermata/integrations/sshx"
)

// Type is the word in the configuration.
const Type = "http"

// Config is how requests are sent, as an installation describes it.
type Config struct {
	// CA is the path of a PEM file with the authorities to trust instead of the machine's.
	CA string `yaml:"ca,omitempty"`
	// Proxy is the URL of an HTTP proxy; empty: as the environment says; "none": no proxy.
	Proxy string `yaml:"proxy,omitempty"`
	// Jump is the host to go through.
	Jump *sshx.Config `yaml:"jump,omitempty"`
	// Timeout bounds one request: 10s if absent.
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

// DefaultTimeout bounds one request where the configuration does not.
const DefaultTimeout = 10 * time.Second

// Integration returns the integration.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{probe.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	var cfg Config
	if err := sys.Decode(&cfg); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of "+sys.Name)
	}
	cfg.CA = sys.Resolve(cfg.CA)
	if cfg.Jump != nil {
		jump := cfg.Jump.Resolved(sys.Resolve)
		cfg.Jump = &jump
	}
	return New(cfg, env)
}

// Prober sends requests. It is safe for concurrent use.
type Prober struct {
	client  *http.Client
	timeout time.Duration
	pool    *sshx.Pool // Nil without a jump host.
	jump    string
	proxy   proxies
}

var _ probe.Prober = (*Prober)(nil)

// New prepares the prober; it does not connect. Faults: Invalid for a bad configuration.
func New(cfg Config, env integrations.Environment) (*Prober, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	p := &Prober{timeout: cfg.Timeout}
	opts := []httpx.Option{httpx.WithRedirect(follow)}
	if cfg.Jump != nil {
		pool, err := sshx.NewPool(sshx.Config{Jump: cfg.Jump}, env.Secrets)
		if err != nil {
			return nil, err
		}
		p.pool, p.jump = pool, cfg.Jump.Address
		opts = append(opts, httpx.WithDialer(witness{pool}))
	}
	client, err := httpx.New(httpx.Config{CA: cfg.CA, Proxy: cfg.Proxy, Timeout: cfg.Timeout}, opts...)
	if err != nil {
		return nil, err
	}
	p.client = client
	if p.pool == nil {
		p.proxy = proxiesOf(cfg.Proxy)
	}
	return p, nil
}

// Endpoint says which way the requests go.
func (p *Prober) Endpoint() string {
	if p.pool != nil {
		return "http through " + p.jump
	}
	return "http"
}

// Close ends all connections.
func (p *Prober) Close(context.Context) error {
	p.client.CloseIdleConnections()
	if p.pool != nil {
		return p.pool.Close()
	}
	return nil
}

// Check proves that the jump host lets us in, or that the proxies take connections; without them there is nothing to
// prove.
func (p *Prober) Check(ctx context.Context) error {
	if p.pool != nil {
		return p.pool.Ping(ctx)
	}
	for _, at := range p.proxy.addresses() {
		conn, err := (&net.Dialer{Timeout: p.timeout}).DialContext(ctx, "tcp", at)
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "connecting to the proxy")
		}
		if err := conn.Close(); err != nil {
			return fault.Wrap(fault.Unavailable, err, "leaving the proxy")
		}
	}
	return nil
}
