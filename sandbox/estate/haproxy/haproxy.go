// Package haproxy emulates HAProxy 2.6: its configuration file and the check of it, its runtime socket, its health
// checks, and a real proxy that forwards what reaches its frontends.
//
// The promise: what is changed on the socket takes effect at once and is forgotten by a reload, as with the real one;
// traffic reaches a server only while it is ready and its check succeeds. Answers on the socket are 2.6's, word for word.
package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"fermata/sandbox/estate/faults"
)

// Options describe a balancer.
type Options struct {
	// ReadConfig reads the configuration files from the balancer's host. Needed.
	ReadConfig func() ([]File, error)
	// Dial connects to servers, for checks and for traffic. Needed.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// ListenFrontend opens what a "bind" line names. Needed if there is one.
	ListenFrontend func(address string) (net.Listener, error)
	// ListenSocket opens what a "stats socket" line names (host:port or a path). Needed if there is one.
	ListenSocket func(address string) (net.Listener, error)
	// CheckInterval replaces the two seconds between checks of a server that has no "inter".
	CheckInterval time.Duration
	// Faults make the runtime socket misbehave; traffic goes on.
	Faults *faults.Faults
}

// Balancer is a running HAProxy.
type Balancer struct {
	options Options
	ctx     context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup

	mu        sync.Mutex
	backends  []*backend
	listeners map[string]*listening // By kind and address; kept across reloads.
	started   time.Time
	closed    bool
}

// listening is an open listener and what it currently serves.
type listening struct {
	net.Listener
	serve  func(net.Conn)
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// Start reads the configuration and listens. A configuration that haproxy refuses is an error with its words.
func Start(options Options) (*Balancer, error) {
	ctx, cancel := context.WithCancel(context.Background())
	b := &Balancer{options: options, ctx: ctx, cancel: cancel, listeners: map[string]*listening{}}
	if b.options.CheckInterval == 0 {
		b.options.CheckInterval = 2 * time.Second
	}
	if err := b.Reload(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Reload reads the configuration again and forgets what was changed on the socket. If the configuration is refused, the
// balancer goes on as it was. Connections that are open live on.
func (b *Balancer) Reload() error {
	files, err := b.options.ReadConfig()
	if err != nil {
		return fmt.Errorf("reading HAProxy's configuration: %w", err)
	}
	if output, exit := check(files); exit != 0 {
		return fmt.Errorf("reloading HAProxy: %s", output)
	}
	s, _ := parse(files)
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return errors.New("reloading HAProxy: it is stopped")
	}
	for _, old := range b.backends {
		old.stopChecks()
	}
	b.backends, b.started = nil, time.Now()
	for i, settings := range s.backends {
		b.backends = append(b.backends, newBackend(b, i+2, *settings))
	}
	b.mu.Unlock()
	return b.listen(s)
}

// Close ends the process: listeners, checks and connections.
func (b *Balancer) Close() error {
	b.mu.Lock()
	b.closed = true
	for _, old := range b.backends {
		old.stopChecks()
	}
	listeners := b.listeners
	b.listeners = nil
	b.mu.Unlock()
	b.cancel()
	for _, l := range listeners {
		l.stop()
	}
	b.tasks.Wait()
	return nil
}

// FrontendAddress tells where a frontend's listener really is; empty if there is none.
func (b *Balancer) FrontendAddress(bind string) string { return b.addressOf("frontend " + bind) }

// SocketAddress tells where the listener of a stats socket really is; empty if there is none.
func (b *Balancer) SocketAddress(address string) string { return b.addressOf("socket " + address) }

func (b *Balancer) addressOf(key string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l, ok := b.listeners[key]; ok {
		return l.Addr().String()
	}
	return ""
}

func (b *Balancer) find(name string) *backend {
	for _, be := range b.backends {
		if be.name == name {
			return be
		}
	}
	return nil
}
