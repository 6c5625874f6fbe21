package network

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// conn is one end of a virtual connection.
type conn struct {
	network       *Network
	local, remote netip.AddrPort
	in, out       *stream
	once          sync.Once
}

func pair(n *Network, from, to netip.AddrPort) (near, far *conn) {
	forth, back := newStream(), newStream()
	near = &conn{network: n, local: from, remote: to, in: back, out: forth}
	far = &conn{network: n, local: to, remote: from, in: forth, out: back}
	return near, far
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.wrap("read", err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.wrap("write", err)
}

func (c *conn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, errEnd) {
		return eof(err)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Close ends both directions; what was written before is still delivered.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.out.finish()
		c.in.abandon()
		c.network.forget(c)
	})
	return nil
}

// CloseWrite ends our direction only, as TCP's half-close.
func (c *conn) CloseWrite() error { c.out.finish(); return nil }

// reset breaks both directions at once, at both ends.
func (c *conn) reset() {
	c.out.fail()
	c.in.fail()
	c.network.forget(c)
}

func (c *conn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *conn) SetDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	c.out.setWriteDeadline(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error  { c.in.setReadDeadline(t); return nil }
func (c *conn) SetWriteDeadline(t time.Time) error { c.out.setWriteDeadline(t); return nil }
