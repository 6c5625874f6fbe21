package sshx

import (
	"context"
	"net"
)

// Dial connects to an address as this host sees it: "tcp" to host:port (direct-tcpip, RFC 4254 section 7.2) or "unix" to
// the path of a socket there (direct-streamlocal@openssh.com). Faults: those of Pool.Dial.
func (c *Conn) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return c.dial(ctx, network, addr)
}
