package ldap

import (
	"context"
	"crypto/tls"
	"io"
	"net"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"
)

// Names of extended operations (RFC 4511, section 4.14; RFC 4532).
const (
	startTLS = "1.3.6.1.4.1.1466.20037"
	whoAmI   = "1.3.6.1.4.1.4203.1.11.3"
)

// maxMessage is how long a message may be.
const maxMessage = 1 << 20

// session is one client.
type session struct {
	*Server
	conn   net.Conn
	secure bool
	who    string // Normal form of the DN that is logged in; empty: nobody.
}

func (s *Server) accept(listener net.Listener, secure bool) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		away := s.closed || s.options.Faults.Down()
		if !away {
			s.open[conn] = true
		}
		s.mu.Unlock()
		if away {
			_ = conn.Close()
			continue
		}
		s.group.Go(func() { s.serve(conn, secure) })
	}
}

func (s *Server) serve(raw net.Conn, secure bool) {
	defer func() {
		s.mu.Lock()
		delete(s.open, raw)
		s.mu.Unlock()
		_ = raw.Close()
	}()
	c := &session{Server: s, conn: raw}
	if secure {
		c.conn, c.secure = tls.Server(raw, s.tls), true
	}
	for {
		packet, err := ber.ReadPacket(io.LimitReader(c.conn, maxMessage))
		if err != nil {
			return
		}
		r, ok := read(packet)
		if !ok || !c.handle(r) {
			return
		}
	}
}

// handle does one request. False ends the connection: for a good-bye, and for an answer that is to be lost.
func (c *session) handle(r request) bool {
	tag, answered := responses[r.op.Tag]
	if !answered { // Unbind ends, Abandon comes too late: each request is done before the next is read.
		return r.op.Tag == ldap.ApplicationAbandonRequest
	}
	faults := c.options.Faults
	refused := faults.Refuse(context.Background())
	switch {
	case refused && faults.Down():
		return false
	case refused:
		return c.send(message(r.id, answer(tag, refuse(ldap.LDAPResultBusy, "the directory is busy"))))
	}
	switch r.op.Tag {
	case ldap.ApplicationSearchRequest:
		return c.search(r)
	case ldap.ApplicationExtendedRequest:
		return c.extended(r)
	case ldap.ApplicationBindRequest:
		return c.send(message(r.id, answer(tag, c.bind(r.op))))
	default:
		return c.changed(r, tag)
	}
}

// changed answers what changes something, if the answer is not to be lost.
func (c *session) changed(r request, tag ber.Tag) bool {
	done := c.change(r.op)
	if done.code == 0 && c.options.Faults.Lose() {
		return false // The change is made; the connection is closed without an answer.
	}
	return c.send(message(r.id, answer(tag, done)))
}

func (c *session) send(packet *ber.Packet) bool {
	_, err := c.conn.Write(packet.Bytes())
	return err == nil
}

func (c *session) extended(r request) bool {
	name := ""
	if len(r.op.Children) > 0 {
		name = text(r.op.Children[0])
	}
	reply := answer(ldap.ApplicationExtendedResponse, success)
	switch {
	case name == startTLS && !c.secure:
		if !c.send(message(r.id, reply)) {
			return false
		}
		c.conn, c.secure = tls.Server(c.conn, c.tls), true
		return true
	case name == startTLS:
		reply = answer(ldap.ApplicationExtendedResponse, refuse(ldap.LDAPResultOperationsError, "TLS already started"))
	case name == whoAmI:
		who := ""
		if c.who != "" {
			who = "dn:" + c.who
		}
		reply.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 11, who, ""))
	default:
		reply = answer(ldap.ApplicationExtendedResponse, refuse(ldap.LDAPResultProtocolError, "unsupported extended operation"))
	}
	return c.send(message(r.id, reply))
}
