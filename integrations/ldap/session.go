package ldap

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/fault"
)

const (
	dialTimeout = 10 * time.Second
	// leaveTimeout bounds the good-bye, on which nothing depends.
	leaveTimeout = 3 * time.Second
	// startTLS is the name of the operation (RFC 4511, section 4.14.1).
	startTLS = "1.3.6.1.4.1.1466.20037"
	// longestAnswer is how many bytes the answer to it may have.
	longestAnswer = 64 << 10
	pageSize      = 500 // Entries in one answer; Active Directory gives at most 1,000.
)

// session is a connection that is logged in. It lives as long as one call.
type session struct {
	ctx  context.Context //nolint:containedctx // See above.
	raw  net.Conn
	conn *ldap.Conn
	stop func() bool
}

// connect dials, secures the connection and logs in. Whoever gets a session closes it.
func (d *Driver) connect(ctx context.Context, doing string) (*session, error) {
	if err := ctx.Err(); err != nil { // An attempt that was given up must not act.
		return nil, fault.Wrap(fault.Unavailable, err, doing)
	}
	password, err := d.secrets.Resolve(ctx, d.config.Password)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, doing)
	}
	if password.Text() == "" { // It would be a login as nobody (RFC 4513, section 5.1.2).
		return nil, fault.New(fault.Invalid, "%s: the password of %s is empty", doing, d.config.Bind)
	}
	raw, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", d.dial)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, doing)
	}
	secured, err := d.secure(ctx, raw)
	if err != nil {
		_ = raw.Close()
		return nil, fault.Wrap(unsecured(err), err, doing)
	}
	conn := ldap.NewConn(secured, true)
	conn.SetTimeout(d.config.Timeout)
	conn.Start()
	s := &session{ctx: ctx, raw: raw, conn: conn, stop: context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })}
	if err := conn.Bind(d.config.Bind, password.Text()); err != nil {
		s.close()
		return nil, refused(err, doing)
	}
	return s, nil
}

// secure does the handshake, after asking for it where the connection begins in clear text. The library's own StartTLS does
// not tell a bad certificate from a broken line.
func (d *Driver) secure(ctx context.Context, raw net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if !d.implicit {
		if err := askForTLS(raw); err != nil {
			return nil, err
		}
	}
	secured := tls.Client(raw, d.security)
	return secured, secured.HandshakeContext(ctx)
}

func askForTLS(raw net.Conn) error {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	request := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "")
	request.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, startTLS, ""))
	message.AppendChild(request)
	if _, err := raw.Write(message.Bytes()); err != nil {
		return err
	}
	answer, err := ber.ReadPacket(io.LimitReader(raw, longestAnswer)) // Nobody vouches for it yet.
	if err != nil {
		return err
	}
	return ldap.GetLDAPError(answer)
}

// close says good-bye.
func (s *session) close() {
	s.stop()
	_ = s.raw.SetDeadline(time.Now().Add(leaveTimeout))
	_ = s.conn.Unbind()
	_ = s.conn.Close()
}

// search asks for entries, page by page. No such base is NotFound.
func (s *session) search(base string, scope int, filter string, attributes []string, doing string) ([]*ldap.Entry, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, doing)
	}
	request := ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
	found, err := s.conn.SearchWithPaging(request, pageSize)
	if err != nil {
		return nil, failure(err, false, doing)
	}
	return found.Entries, nil
}

// change sends what changes something. What cannot even be sent any more has changed nothing.
func (s *session) change(doing string, send func(*ldap.Conn) error) error {
	if err := s.ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	if s.conn.IsClosing() {
		return fault.New(fault.Unavailable, "%s: the directory has closed the connection", doing)
	}
	return failure(send(s.conn), true, doing)
}
