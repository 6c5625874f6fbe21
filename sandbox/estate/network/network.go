// Package network is the wire between the emulated systems of the sandbox: IPv4 and IPv6 addresses, listeners, names and
// a packet filter, all inside one process.
//
// Nothing here opens a socket of the machine. A connection is a pair of buffers that carries the virtual addresses, keeps
// deadlines and half-closes as TCP does, so that net/http and x/crypto/ssh run over it unchanged. Traffic between
// different /24 networks passes only if the filter (the rules of the emulated edge) lets it.
package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"fermata/sandbox/estate/faults"
)

// Filter says whether a connection may be opened. It is asked once for each dial between different /24 networks
// (/64 for IPv6); connections that are open already are not asked about, as with a stateful packet filter.
type Filter func(from, to netip.AddrPort, proto string) bool

// dropWait is how long a dial waits on a dropped packet, unless SetDropWait says otherwise. It is short, so that a
// laptop shows a closed firewall quickly.
const dropWait = 2 * time.Second

// Network holds listeners and names. Use New.
type Network struct {
	mu        sync.Mutex
	listeners map[netip.AddrPort]*listener
	names     map[string]netip.Addr
	faults    map[netip.Addr]*faults.Faults
	conns     map[netip.Addr]map[*conn]struct{} // Open connections by local address.
	filter    Filter
	wait      time.Duration
	port      uint16 // Last ephemeral port.
}

// New returns an empty network without a filter: everything passes.
func New() *Network {
	return &Network{
		listeners: map[netip.AddrPort]*listener{}, names: map[string]netip.Addr{}, wait: dropWait, port: 32767,
		faults: map[netip.Addr]*faults.Faults{}, conns: map[netip.Addr]map[*conn]struct{}{},
	}
}

// SetFilter puts the packet filter in place; nil lets everything pass.
func (n *Network) SetFilter(f Filter) { n.mu.Lock(); defer n.mu.Unlock(); n.filter = f }

// SetDropWait sets how long a dial whose packets are dropped waits before it times out.
func (n *Network) SetDropWait(d time.Duration) { n.mu.Lock(); defer n.mu.Unlock(); n.wait = d }

// SetFaults makes an address misbehave: down is unreachable, slow delays dials, fail refuses every n-th of them, lose
// opens the connection and resets it at once.
func (n *Network) SetFaults(addr netip.Addr, f *faults.Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults[addr] = f
}

// SetName lets Dial find addr under name; a second call moves the name.
func (n *Network) SetName(name string, addr netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[name] = addr
}

// RemoveName forgets a name.
func (n *Network) RemoveName(name string) { n.mu.Lock(); defer n.mu.Unlock(); delete(n.names, name) }

// Lookup resolves a name or an address in text form.
func (n *Network) Lookup(name string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Unmap(), nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if addr, ok := n.names[name]; ok {
		return addr, nil
	}
	return netip.Addr{}, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// Listen opens a virtual listener. Port 0 chooses a free one. An address that is taken answers EADDRINUSE.
func (n *Network) Listen(at netip.AddrPort) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !at.Addr().IsValid() || at.Addr().IsUnspecified() {
		return nil, listenError(at, syscall.EADDRNOTAVAIL)
	}
	if at.Port() == 0 {
		at = netip.AddrPortFrom(at.Addr(), n.freePort(at.Addr()))
	}
	if _, taken := n.listeners[at]; taken {
		return nil, listenError(at, syscall.EADDRINUSE)
	}
	l := &listener{network: n, at: at, queue: make(chan *conn, 128), closed: make(chan struct{})}
	n.listeners[at] = l
	return l, nil
}

func listenError(at netip.AddrPort, errno syscall.Errno) error {
	return &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(at), Err: os.NewSyscallError("bind", errno)}
}

func (n *Network) freePort(addr netip.Addr) uint16 {
	for {
		n.port++
		if n.port < 32768 {
			n.port = 32768
		}
		if _, taken := n.listeners[netip.AddrPortFrom(addr, n.port)]; !taken {
			return n.port
		}
	}
}

// Dial connects from an address of the network to "ip:port" or "name:port". A closed port refuses, an address where
// nobody listens is unreachable, a dropped packet times out: the errors are those of the net package.
func (n *Network) Dial(ctx context.Context, from netip.Addr, to string) (net.Conn, error) {
	target, err := n.resolve(to)
	if err != nil {
		return nil, fmt.Errorf("dialling %s: %w", to, err)
	}
	source, pass, f := n.route(from, target)
	if !pass {
		return nil, n.drop(ctx, source, target)
	}
	if f.Down() {
		return nil, dialError(source, target, syscall.EHOSTUNREACH)
	}
	if f.Refuse(ctx) {
		return nil, dialError(source, target, syscall.ECONNREFUSED)
	}
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(target), Err: err}
	}
	c, errno := n.connect(source, target)
	if errno != 0 {
		return nil, dialError(source, target, errno)
	}
	if f.Lose() {
		c.reset()
	}
	return c, nil
}

func (n *Network) resolve(to string) (netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(to)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("reading the address: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}, &net.AddrError{Err: "invalid port", Addr: to}
	}
	addr, err := n.Lookup(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

func (n *Network) route(from netip.Addr, to netip.AddrPort) (netip.AddrPort, bool, *faults.Faults) {
	n.mu.Lock()
	source := netip.AddrPortFrom(from, n.freePort(from))
	filter, f := n.filter, n.faults[to.Addr()]
	n.mu.Unlock()
	pass := filter == nil || sameNetwork(from, to.Addr()) || filter(source, to, "tcp")
	return source, pass, f
}

func sameNetwork(a, b netip.Addr) bool {
	bits := 24
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a, bits).Contains(b)
}

func (n *Network) drop(ctx context.Context, from, to netip.AddrPort) error {
	n.mu.Lock()
	wait := n.wait
	n.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return dialError(from, to, syscall.ETIMEDOUT)
}

func dialError(from, to netip.AddrPort, errno syscall.Errno) error {
	return &net.OpError{
		Op: "dial", Net: "tcp", Source: net.TCPAddrFromAddrPort(from), Addr: net.TCPAddrFromAddrPort(to),
		Err: os.NewSyscallError("connect", errno),
	}
}

func (n *Network) connect(from, to netip.AddrPort) (*conn, syscall.Errno) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l, ok := n.listeners[to]
	if !ok && n.present(to.Addr()) {
		return nil, syscall.ECONNREFUSED
	}
	if !ok {
		return nil, syscall.EHOSTUNREACH
	}
	near, far := pair(n, from, to)
	select {
	case l.queue <- far:
		n.track(near)
		n.track(far)
		return near, 0
	default:
		return nil, syscall.ECONNREFUSED
	}
}

// present reports whether a host is up at addr: somebody listens there.
func (n *Network) present(addr netip.Addr) bool {
	for at := range n.listeners {
		if at.Addr() == addr {
			return true
		}
	}
	return false
}

// PowerOff takes an address off the network at once: listeners closed, connections reset, as when a machine loses power.
func (n *Network) PowerOff(addr netip.Addr) {
	n.mu.Lock()
	var listeners []*listener
	for at, l := range n.listeners {
		if at.Addr() == addr {
			listeners = append(listeners, l)
		}
	}
	conns := n.conns[addr]
	delete(n.conns, addr)
	n.mu.Unlock()
	for _, l := range listeners {
		_ = l.Close() // Closing a virtual listener twice is harmless.
	}
	for c := range conns {
		c.reset()
	}
}

func (n *Network) track(c *conn) {
	addr := c.local.Addr()
	if n.conns[addr] == nil {
		n.conns[addr] = map[*conn]struct{}{}
	}
	n.conns[addr][c] = struct{}{}
}

func (n *Network) forget(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns[c.local.Addr()], c)
}
