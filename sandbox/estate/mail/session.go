package mail

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"net/mail"
	"slices"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one client's connection.
type session struct {
	server *Server
	conn   *smtp.Conn
	user   string // Who logged in; empty: nobody.
	to     []string
}

func refuse(code int, enhanced smtp.EnhancedCode, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

// begin is called at every EHLO without a session: also again after STARTTLS, which forgets all (RFC 3207).
func (s *Server) begin(conn *smtp.Conn) (smtp.Session, error) {
	if s.options.Faults.Down() {
		_ = conn.Conn().Close()
		return nil, errors.New("down")
	}
	return &session{server: s, conn: conn}, nil
}

// AuthMechanisms lists what a client may log in with.
func (c *session) AuthMechanisms() []string {
	if c.server.options.Mechanisms != nil {
		return c.server.options.Mechanisms
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth begins a login.
func (c *session) Auth(mechanism string) (sasl.Server, error) {
	if !slices.Contains(c.AuthMechanisms(), mechanism) {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	if mechanism == sasl.Login {
		return &loginServer{check: c.logIn}, nil
	}
	return sasl.NewPlainServer(func(identity, username, password string) error {
		if identity != "" && identity != username {
			return smtp.ErrAuthFailed
		}
		return c.logIn(username, password)
	}), nil
}

func (c *session) logIn(username, password string) error {
	want, known := c.server.options.Users[username]
	if subtle.ConstantTimeCompare([]byte(want), []byte(password)) != 1 || !known {
		return smtp.ErrAuthFailed
	}
	c.user = username
	return nil
}

// loginServer is the mechanism LOGIN, as Microsoft's servers speak it.
type loginServer struct {
	check    func(username, password string) error
	username string
	step     int
}

// Next takes an answer and asks the next question.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch {
	case l.step == 1 && response == nil:
		return []byte("Username:"), false, nil
	case l.step == 2 || l.step == 1:
		l.step = 2
		l.username = string(response)
		return []byte("Password:"), false, nil
	case l.step == 3:
		return nil, true, l.check(l.username, string(response))
	}
	return nil, false, sasl.ErrUnexpectedClientResponse
}

// Mail takes the sender.
func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	o := c.server.options
	if o.Faults.Refuse(context.Background()) {
		return refuse(451, smtp.EnhancedCode{4, 3, 0}, "Temporary system problem. Try again later")
	}
	if c.server.throttled() {
		return refuse(450, smtp.EnhancedCode{4, 7, 1}, "Error: too much mail from 127.0.0.1")
	}
	if c.user == "" {
		return refuse(530, smtp.EnhancedCode{5, 7, 0}, "Authentication required")
	}
	if o.Senders[c.user] != from {
		return refuse(553, smtp.EnhancedCode{5, 7, 1}, "<"+from+">: Sender address rejected: not owned by user "+c.user)
	}
	return nil
}

// Rcpt takes a recipient.
func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !slices.Contains(c.server.options.Mailboxes, to) {
		return refuse(550, smtp.EnhancedCode{5, 1, 1}, "<"+to+">: Recipient address rejected: User unknown")
	}
	c.to = append(c.to, to)
	return nil
}

// Data takes the text and delivers it.
func (c *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := wellFormed(text); err != nil {
		return refuse(554, smtp.EnhancedCode{5, 6, 0}, "Message rejected: "+err.Error())
	}
	for _, to := range c.to {
		if err := c.server.deliver(to, text); err != nil {
			return refuse(452, smtp.EnhancedCode{4, 3, 1}, "Insufficient system storage")
		}
	}
	if c.server.options.Faults.Lose() {
		_ = c.conn.Conn().Close() // The answer cannot be written any more.
	}
	return nil
}

// wellFormed refuses what strict servers refuse: a message without the fields of RFC 5322, lines that are too long.
func wellFormed(text []byte) error {
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return errors.New("the header is malformed")
	}
	for _, field := range []string{"From", "Date", "Message-Id"} {
		if len(m.Header[field]) != 1 {
			return errors.New("expected one field " + field)
		}
	}
	for line := range bytes.Lines(text) {
		if len(line) > 1000 {
			return errors.New("a line is too long (RFC 5321, section 4.5.3.1.6)")
		}
		if !bytes.HasSuffix(line, []byte("\r\n")) {
			return errors.New("a line does not end with CRLF")
		}
		for _, b := range line {
			if b >= 0x80 {
				return errors.New("8-bit data where none was declared")
			}
		}
	}
	return nil
}

// Reset forgets the message.
func (c *session) Reset() { c.to = nil }

// Logout ends the session.
func (c *session) Logout() error { return nil }
