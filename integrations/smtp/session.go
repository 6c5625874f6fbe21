package smtp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/smtp"
	"strconv"
	"strings"
	"time"

	"fermata/activities/fault"
)

// stage is how far a session got: it tells what an answer, or the lack of one, means.
type stage string

const (
	greeting  stage = "the greeting"
	securing  stage = "TLS"
	loggingIn stage = "the login"
	sender    stage = "the sender"
	recipient stage = "the recipient"
	content   stage = "the text"
	taking    stage = "the end of the text" // From here on the server may have taken it.
)

const (
	dialTimeout = 10 * time.Second
	// leaveTimeout bounds the good-bye, on which nothing depends.
	leaveTimeout = 3 * time.Second
)

// session is one connection to the server.
type session struct {
	ctx    context.Context //nolint:containedctx // A session lives as long as one call.
	conn   net.Conn
	client *smtp.Client
	doing  string
	stop   func() bool
}

// connect dials, secures the connection and logs in. Whoever gets a session leaves it.
func (d *Driver) connect(ctx context.Context, doing string) (*session, error) {
	if err := ctx.Err(); err != nil { // An attempt that was given up must not act.
		return nil, fault.Wrap(fault.Unavailable, err, doing)
	}
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", d.config.Server)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, doing)
	}
	s := &session{ctx: ctx, conn: conn, doing: doing}
	_ = conn.SetDeadline(time.Now().Add(d.config.Timeout))
	s.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	if err := d.open(s); err != nil {
		s.leave()
		return nil, err
	}
	return s, nil
}

func (d *Driver) open(s *session) error {
	at := greeting
	var dialled net.Conn = s.conn
	if d.config.TLS == Implicit {
		secured := tls.Client(s.conn, d.security)
		if err := secured.HandshakeContext(s.ctx); err != nil {
			return s.fault(securing, err)
		}
		dialled = secured
	}
	client, err := smtp.NewClient(dialled, d.host)
	if err != nil {
		return s.fault(at, err)
	}
	s.client = client
	if err := client.Hello(literal(s.conn.LocalAddr())); err != nil {
		return s.fault(at, err)
	}
	if d.config.TLS == StartTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return fault.New(fault.Invalid, "%s: the server offers no STARTTLS, so nothing was sent: switch it on there, or set tls: implicit", s.doing)
		}
		if err := client.StartTLS(d.security); err != nil {
			return s.fault(securing, err)
		}
	}
	return d.logIn(s)
}

func (d *Driver) logIn(s *session) error {
	if d.config.Username == "" {
		return nil
	}
	_, offered := s.client.Extension("AUTH")
	password, err := d.secrets.Resolve(s.ctx, d.config.Password)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, s.doing)
	}
	var how smtp.Auth
	switch mechanisms := strings.Fields(strings.ToUpper(offered)); {
	case has(mechanisms, "PLAIN"):
		how = smtp.PlainAuth("", d.config.Username, password.Text(), d.host)
	case has(mechanisms, "LOGIN"):
		how = &login{username: d.config.Username, password: password.Text()}
	default:
		return fault.New(fault.Invalid, "%s: the server offers neither AUTH PLAIN nor LOGIN (it offers: %s)", s.doing, offered)
	}
	if err := s.client.Auth(how); err != nil {
		return s.fault(loggingIn, err)
	}
	return nil
}

func has(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

// submit hands one message in.
func (s *session) submit(from, to string, text []byte) error {
	size := ""
	if offered, limit := s.client.Extension("SIZE"); offered { // RFC 1870; 0 is no limit.
		if most, err := strconv.Atoi(limit); err == nil && most > 0 && len(text) > most {
			return fault.New(fault.Invalid, "%s: it has %d bytes, the server takes %d", s.doing, len(text), most)
		}
		size = " SIZE=" + strconv.Itoa(len(text))
	}
	if err := s.mail(from, size); err != nil {
		return s.fault(sender, err)
	}
	if err := s.client.Rcpt(to); err != nil {
		return s.fault(recipient, err)
	}
	if err := s.ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, s.doing)
	}
	writer, err := s.client.Data()
	if err != nil {
		return s.fault(content, err)
	}
	if _, err := writer.Write(text); err != nil { // Without its last line the server drops it.
		return s.fault(content, err)
	}
	if err := writer.Close(); err != nil {
		return s.fault(taking, err)
	}
	return nil
}

// mail names the sender. The library's own would ask for SMTPUTF8 wherever it is offered, and servers further on that have
// none would send the mail back, though all of it is ASCII.
func (s *session) mail(from, parameters string) error {
	id, err := s.client.Text.Cmd("MAIL FROM:<%s>%s", from, parameters)
	if err != nil {
		return err
	}
	s.client.Text.StartResponse(id)
	defer s.client.Text.EndResponse(id)
	_, _, err = s.client.Text.ReadResponse(250)
	return err
}

// leave says good-bye and closes the connection.
func (s *session) leave() {
	if s.stop() && s.client != nil {
		_ = s.conn.SetDeadline(time.Now().Add(leaveTimeout))
		_ = s.client.Quit()
	}
	_ = s.conn.Close()
}

// literal is what a client without a name of its own calls itself (RFC 5321, section 4.1.3).
func literal(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case tcp.IP.To4() != nil:
		return "[" + tcp.IP.String() + "]"
	}
	return "[IPv6:" + tcp.IP.String() + "]"
}

// login is the older mechanism that some servers offer alone. It is used as PLAIN is: over TLS, or on loopback.
type login struct{ username, password string }

// Start names the mechanism.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS && !loopback(server.Name) {
		return "", nil, fmt.Errorf("the connection is in clear text")
	}
	return "LOGIN", nil, nil
}

// Next answers the server's questions.
func (l *login) Next(question []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	switch strings.TrimRight(strings.ToLower(string(question)), ": \x00") {
	case "username", "user name":
		return []byte(l.username), nil
	case "password":
		return []byte(l.password), nil
	}
	return nil, fmt.Errorf("the server asks something else than user and password")
}
