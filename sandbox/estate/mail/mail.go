// Package mail emulates a submission server with the mailboxes behind it: ESMTP with STARTTLS, AUTH and SIZE.
//
// It takes mail only over TLS, only from who logged in and only under its sender's own address, and only for mailboxes that
// it has. Each message is a file in its mailbox's folder, MAILBOX/0001.eml, and found again after a restart. The protocol
// is github.com/emersion/go-smtp's, which is not the library that the driver uses.
package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/keep"
)

// Options describe a mail server.
type Options struct {
	// Folder keeps certificate and mailboxes. It is made if missing.
	Folder string
	// Listen is the address; empty: 127.0.0.1 with a free port.
	Listen string
	// Users may log in, by their passwords. At least one.
	Users map[string]string
	// Senders are the addresses that a user may send as.
	Senders map[string]string
	// Mailboxes are the addresses that take mail. At least one.
	Mailboxes []string
	// Mechanisms that a client may log in with: PLAIN and LOGIN; nil: both.
	Mechanisms []string
	// Implicit begins with TLS. Bare offers no TLS, and lets clients log in without it.
	Implicit, Bare bool
	// MaxBytes of a message; 0: 1 MiB.
	MaxBytes int64
	// Faults make it misbehave; may be nil.
	Faults *faults.Faults
}

// Server is a running mail server.
type Server struct {
	options  Options
	listener net.Listener
	smtp     *smtp.Server
	done     chan struct{}
	throttle atomic.Int64 // Messages to ask for patience.

	mu sync.Mutex // Over the mailboxes' folders.
}

// Message is a message in a mailbox.
type Message struct {
	Mailbox string
	File    string
	Text    []byte // With its header, as it arrived.
}

// Start serves until Close. What is in the mailboxes stays there.
func Start(options Options) (*Server, error) {
	if err := options.check(); err != nil {
		return nil, fmt.Errorf("starting the mail server: %w", err)
	}
	s := &Server{options: options, done: make(chan struct{})}
	for _, box := range options.Mailboxes {
		if err := os.MkdirAll(s.box(box), 0o700); err != nil {
			return nil, fmt.Errorf("starting the mail server: %w", err)
		}
	}
	security, err := certificate.Of(options.Folder, "mail server")
	if err != nil {
		return nil, fmt.Errorf("starting the mail server: %w", err)
	}
	address := options.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	if s.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", address); err != nil {
		return nil, fmt.Errorf("starting the mail server: %w", err)
	}
	s.serve(security)
	return s, nil
}

func (o Options) check() error {
	if o.Folder == "" || len(o.Users) == 0 || len(o.Mailboxes) == 0 {
		return errors.New("no folder, no user or no mailbox")
	}
	for name, password := range o.Users {
		if name == "" || len(password) < 8 {
			return fmt.Errorf("user %q: a name and a password of 8 characters are needed", name)
		}
	}
	for _, box := range o.Mailboxes {
		if !strings.Contains(box, "@") || strings.ContainsAny(box, "/\\\x00") {
			return fmt.Errorf("mailbox %q: it is no address", box)
		}
	}
	return nil
}

func (s *Server) serve(security *tls.Config) {
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.begin))
	s.smtp.Domain = "mail.estate.test"
	s.smtp.MaxMessageBytes = s.options.MaxBytes
	if s.smtp.MaxMessageBytes == 0 {
		s.smtp.MaxMessageBytes = 1 << 20
	}
	s.smtp.MaxRecipients = 50
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = time.Minute, time.Minute
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	listener := s.listener
	switch {
	case s.options.Bare:
		s.smtp.AllowInsecureAuth = true
	case s.options.Implicit:
		listener = tls.NewListener(listener, security)
	default:
		s.smtp.TLSConfig = security
	}
	go func() {
		defer close(s.done)
		_ = s.smtp.Serve(listener)
	}()
}

// Address returns host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// CAFile is the certificate that clients trust.
func (s *Server) CAFile() string { return certificate.File(s.options.Folder) }

// Folder is where the mailboxes are.
func (s *Server) Folder() string { return filepath.Join(s.options.Folder, "mailboxes") }

// Close ends the server. Whoever is being served is cut off; mail that was taken is on the disk.
func (s *Server) Close() error {
	err := s.listener.Close() // Serve may not know it yet, and would wait for ever.
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	if stopped := s.smtp.Close(); !errors.Is(stopped, smtp.ErrServerClosed) && !errors.Is(stopped, net.ErrClosed) {
		err = errors.Join(err, stopped)
	}
	<-s.done
	return err
}

// ThrottleNext asks the next n senders for patience.
func (s *Server) ThrottleNext(n int) { s.throttle.Store(int64(n)) }

func (s *Server) throttled() bool {
	if s.throttle.Add(-1) >= 0 {
		return true
	}
	s.throttle.Store(0)
	return false
}

func (s *Server) box(address string) string { return filepath.Join(s.Folder(), address) }

// deliver puts the message into the mailbox, whole or not at all.
func (s *Server) deliver(address string, text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := os.ReadDir(s.box(address))
	if err != nil {
		return err
	}
	next := 1
	for _, f := range files { // Somebody may have removed some.
		var n int
		if _, err := fmt.Sscanf(f.Name(), "%d.eml", &n); err == nil && n >= next {
			next = n + 1
		}
	}
	path := filepath.Join(s.box(address), fmt.Sprintf("%04d.eml", next))
	return keep.Replace(path, text)
}

// Messages returns what is in a mailbox, oldest first.
func (s *Server) Messages(address string) ([]Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(s.box(address), "*.eml"))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b string) int { // 10000.eml stands behind 9999.eml.
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	var found []Message
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		found = append(found, Message{Mailbox: address, File: file, Text: text})
	}
	return found, nil
}
