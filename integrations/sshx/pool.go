package sshx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// Pool keeps connections and shares them among callers. It is safe for concurrent use.
type Pool struct {
	cfg     Config
	secrets secret.Resolver
	jump    *Pool // Nil: hosts are reached directly.

	mu     sync.Mutex
	slots  map[string]*slot
	closed bool
}

// slot is the place of one target's connection. Its lock is a channel, so that a caller that waits can give up.
type slot struct {
	lock chan struct{}
	conn *Conn
}

// NewPool prepares a pool; it does not connect. Private keys are resolved whenever a connection is made, so that a
// renewed key is used without a restart. Faults: Invalid, as Config.Validate has it.
func NewPool(cfg Config, secrets secret.Resolver) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the SSH configuration")
	}
	cfg = cfg.withDefaults()
	p := &Pool{cfg: cfg, secrets: secrets, slots: map[string]*slot{}}
	if cfg.Jump != nil {
		jump, err := NewPool(*cfg.Jump, secrets)
		if err != nil {
			return nil, err
		}
		p.jump = jump
	}
	return p, nil
}

// Dial connects to addr: through the jump host (direct-tcpip, RFC 4254 section 7.2; addr is resolved over there), or
// directly if there is none. Faults: Unavailable, Unauthorized.
func (p *Pool) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if p.jump != nil {
		return p.jump.forward(ctx, network, addr)
	}
	dialer := net.Dialer{Timeout: p.cfg.Timeout}
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "connecting to "+addr)
	}
	return conn, nil
}

// forward opens a channel to addr through the pool's own host. A connection that turns out to be dead is replaced once.
func (p *Pool) forward(ctx context.Context, network, addr string) (net.Conn, error) {
	for attempt := 1; ; attempt++ {
		conn, err := p.Client(ctx, Target{})
		if err != nil {
			return nil, fmt.Errorf("reaching %s through the jump host: %w", addr, err)
		}
		far, err := conn.dial(ctx, network, addr)
		if err == nil || attempt == 2 || !conn.gone() || ctx.Err() != nil {
			return far, err
		}
	}
}

// Ping logs in to the configured host, and to every jump host on the way; without an address, to the jump hosts only.
// Faults: those of Client.
func (p *Pool) Ping(ctx context.Context) error {
	switch {
	case p.cfg.Address != "":
		_, err := p.Client(ctx, Target{})
		return err
	case p.jump != nil:
		return p.jump.Ping(ctx)
	}
	return nil
}

// PublicKey returns the public part of the configured key. Faults: those of the secret's provider; Invalid if it is no
// private key.
func (p *Pool) PublicKey(ctx context.Context) (ssh.PublicKey, error) {
	signer, err := p.signer(ctx)
	if err != nil {
		return nil, err
	}
	return signer.PublicKey(), nil
}

// Client returns a connection to the target that is logged in, an open one if there is. It stays the pool's: do not
// keep it longer than one piece of work. Faults: Unavailable if the host does not answer; Unauthorized if it is not the
// one expected or refuses the login; Invalid if nothing says how to recognise it.
func (p *Pool) Client(ctx context.Context, target Target) (*Conn, error) {
	target = p.complete(target)
	s, err := p.slot(target)
	if err != nil {
		return nil, err
	}
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for a connection to "+target.Address)
	}
	if s.conn != nil && s.conn.usable(ctx) {
		return s.conn, nil
	}
	conn, err := p.connect(ctx, target)
	if err != nil {
		return nil, err
	}
	s.conn = conn
	if p.isClosed() { // Close ran beside us and may have missed this one.
		conn.close()
	}
	return conn, nil
}

func (p *Pool) complete(t Target) Target {
	if t.Address == "" {
		t.Address = p.cfg.Address
	}
	t.Address = withPort(t.Address)
	if t.User == "" {
		t.User = p.cfg.User
	}
	if len(t.HostKeys) == 0 {
		t.HostKeys = p.cfg.HostKeys
	}
	if len(t.HostCA) == 0 {
		t.HostCA = p.cfg.HostCA
	}
	return t
}

// slot finds the place of a target's connection. What the caller trusts is part of it: a connection is not shared with
// a caller that expects another key.
func (p *Pool) slot(t Target) (*slot, error) {
	if t.Address == "" || t.User == "" {
		return nil, fault.New(fault.Invalid, "connecting by SSH: address and user must be given, found %q and %q", t.Address, t.User)
	}
	key := strings.Join([]string{t.User, t.Address, t.Name, strings.Join(t.HostKeys, "\n"), strings.Join(t.HostCA, "\n")}, "\x00")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fault.New(fault.Unavailable, "connecting to %s: the connections are being closed", t.Address)
	}
	s, ok := p.slots[key]
	if !ok {
		s = &slot{lock: make(chan struct{}, 1)}
		p.slots[key] = s
	}
	return s, nil
}

func (p *Pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Close ends all connections, those to the jump hosts too. It waits for no command.
func (p *Pool) Close() error {
	p.mu.Lock()
	slots := p.slots
	p.slots, p.closed = map[string]*slot{}, true
	p.mu.Unlock()
	for _, s := range slots {
		select {
		case s.lock <- struct{}{}:
			if s.conn != nil {
				s.conn.close()
			}
			<-s.lock
		default: // Somebody is connecting there, and will find the pool closed.
		}
	}
	if p.jump != nil {
		return p.jump.Close()
	}
	return nil
}

func (p *Pool) signer(ctx context.Context) (ssh.Signer, error) {
	if p.cfg.Key == "" || p.secrets == nil {
		return nil, fault.New(fault.Invalid, "no private key is configured for SSH: expected key: secret://provider/name")
	}
	value, err := p.secrets.Resolve(ctx, p.cfg.Key)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(value.Reveal())
	if err == nil {
		return signer, nil
	}
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		return nil, fault.New(fault.Invalid, "%s has a passphrase: store the key without one, protected by its secret provider", p.cfg.Key)
	}
	// The parser's text is left out: it may quote what it read.
	return nil, fault.New(fault.Invalid, "%s is no private key: expected OpenSSH or PEM form", p.cfg.Key)
}
