package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Dialer dials from inside a namespace. The zero value of net.Dialer is a good one.
func (n *Network) Dialer(namespace string, with *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, proto, address string) (conn net.Conn, err error) {
		// A dial to several addresses would race on threads of other namespaces.
		dialer := *with
		dialer.FallbackDelay = -1
		inside := n.inside(namespace, func() error {
			conn, err = dialer.DialContext(ctx, proto, address)
			return err
		})
		return conn, inside
	}
}

// Listen listens inside a namespace; the listener may be used from anywhere.
func (n *Network) Listen(ctx context.Context, namespace, address string) (listener net.Listener, err error) {
	err = n.inside(namespace, func() error {
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		return err
	})
	return listener, err
}

// ListenPacket is Listen for UDP.
func (n *Network) ListenPacket(ctx context.Context, namespace, address string) (conn net.PacketConn, err error) {
	err = n.inside(namespace, func() error {
		conn, err = (&net.ListenConfig{}).ListenPacket(ctx, "udp", address)
		return err
	})
	return conn, err
}

// inside calls f on a thread of its own in the namespace. The thread ends with it: it is of no use to anybody else. The
// empty name is the machine's own namespace.
func (n *Network) inside(namespace string, f func() error) error {
	if namespace == "" {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		if err := enter(n.Namespace(namespace)); err != nil {
			done <- fmt.Errorf("entering namespace %q: %w", namespace, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// Forward lets the machine's own namespace reach an address inside one: what connects to the returned gate, on loopback,
// is connected there. It ends with the network. Of the machine's own namespace, "", it makes a way that can be cut.
func (n *Network) Forward(ctx context.Context, namespace, address string) (*Gate, error) {
	near, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("forwarding to %s: %w", address, err)
	}
	g := &Gate{near: near, far: address, dial: n.Dialer(namespace, &net.Dialer{}), open: map[net.Conn]bool{}}
	g.all.Go(g.accept)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closers = append(n.closers, g.close)
	return g, nil
}

// Gate is a way into a namespace that can be cut.
type Gate struct {
	near net.Listener
	far  string
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	all  sync.WaitGroup

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

// Address is where it begins, on loopback.
func (g *Gate) Address() string { return g.near.Addr().String() }

// Cut ends all connections, and those that come as long as it is cut; false mends it.
func (g *Gate) Cut(cut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = cut
	for conn := range g.open {
		if cut {
			_ = conn.Close()
		}
	}
}

func (g *Gate) close() error {
	err := g.near.Close()
	g.Cut(true)
	g.all.Wait()
	return err
}

func (g *Gate) accept() {
	for {
		conn, err := g.near.Accept()
		if err != nil {
			return
		}
		g.all.Go(func() { g.pass(conn) })
	}
}

// enrol notes a connection, so that it can be cut; false: it is cut already.
func (g *Gate) enrol(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cut {
		return false
	}
	g.open[conn] = true
	return true
}

func (g *Gate) forget(conn net.Conn) {
	_ = conn.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, conn)
}

func (g *Gate) pass(near net.Conn) {
	defer g.forget(near)
	if !g.enrol(near) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	far, err := g.dial(ctx, "tcp", g.far)
	if err != nil {
		return
	}
	defer g.forget(far)
	if !g.enrol(far) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { half(far, near) })
	both.Go(func() { half(near, far) })
	both.Wait()
}

// half copies one direction and passes its end on, or its breaking.
func half(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if closer, ok := to.(*net.TCPConn); ok && (err == nil || errors.Is(err, io.EOF)) {
		_ = closer.CloseWrite()
		return
	}
	_, _ = to.Close(), from.Close()
}
