// Package ldap emulates a directory that speaks LDAPv3 over TLS: an OpenLDAP 2.5 with its overlays ppolicy, memberof and unique,
// or a domain controller of Active Directory.
//
// It keeps its state in a folder, checks every change against a schema, and answers with the codes and words that slapd 2.5.13
// was seen to answer with; those of Active Directory are documented ones (MS-ADTS). Whoever is logged in may read, the
// administrator may change. Passwords are kept as hashes and can never be read.
package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/keep"
)

// The values of Options.Flavour.
const (
	OpenLDAP        = "openldap"
	ActiveDirectory = "activedirectory"
)

// Options describe a directory.
type Options struct {
	// Folder keeps the state and the certificate. It is made if missing.
	Folder string
	// Listen is the address of LDAP over TLS; empty: 127.0.0.1 with a free port.
	Listen string
	// Plain is the address of LDAP that begins in clear text, for StartTLS; empty: 127.0.0.1 with a free port.
	Plain string
	// AdminDN and AdminPassword, 8 characters or more, may change everything.
	AdminDN, AdminPassword string
	// Flavour is openldap, if empty, or activedirectory.
	Flavour string
	// Base is the DN that everything is below: dc=estate,dc=test.
	Base string
	// Groups are there from the beginning, with nobody in them but the administrator.
	Groups []string
	// LooseNumbers leaves the unique overlay's rule for uidNumber out.
	LooseNumbers bool
	// Faults make it misbehave; may be nil.
	Faults *faults.Faults
}

// Server is a running directory.
type Server struct {
	options Options
	schema  schema
	tls     *tls.Config
	secure  net.Listener
	plain   net.Listener
	admin   string // Normal form of AdminDN.
	group   sync.WaitGroup

	mu      sync.Mutex
	entries map[string]*entry // By the normal form of the DN.
	open    map[net.Conn]bool
	closed  bool
}

// Start reads the state and serves until Close.
func Start(options Options) (*Server, error) {
	s := &Server{options: options, entries: map[string]*entry{}, open: map[net.Conn]bool{}}
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("starting the directory: %w", err)
	}
	return s, nil
}

func (s *Server) start() (err error) {
	if s.options.Flavour == "" {
		s.options.Flavour = OpenLDAP
	}
	if err := s.options.check(); err != nil {
		return err
	}
	s.schema = schemaOf(s.options.Flavour)
	if s.admin, err = normal(s.options.AdminDN); err != nil {
		return fmt.Errorf("the administrator's DN: %w", err)
	}
	if err := os.MkdirAll(s.options.Folder, 0o700); err != nil {
		return err
	}
	if s.tls, err = certificate.Of(s.options.Folder, "directory"); err != nil {
		return err
	}
	if err := keep.Load(s.file(), &s.entries); err != nil {
		return err
	}
	if len(s.entries) == 0 {
		if err := s.seed(); err != nil {
			return fmt.Errorf("making what is there from the beginning: %w", err)
		}
	}
	if s.secure, err = listen(s.options.Listen); err != nil {
		return err
	}
	if s.plain, err = listen(s.options.Plain); err != nil {
		return errors.Join(err, s.secure.Close())
	}
	s.group.Go(func() { s.accept(s.secure, true) })
	s.group.Go(func() { s.accept(s.plain, false) })
	return nil
}

func listen(address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	return new(net.ListenConfig).Listen(context.Background(), "tcp", address)
}

func (o Options) check() error {
	if o.Folder == "" || len(o.AdminPassword) < 8 || o.Base == "" {
		return errors.New("a folder, a base and an administrator's password of 8 characters are needed")
	}
	if o.Flavour != OpenLDAP && o.Flavour != ActiveDirectory {
		return fmt.Errorf("expected openldap or activedirectory, found %q", o.Flavour)
	}
	if !strings.HasPrefix(strings.ToLower(o.Base), "dc=") {
		return fmt.Errorf("expected a base such as dc=estate,dc=test, found %q", o.Base)
	}
	return nil
}

func (s *Server) file() string { return filepath.Join(s.options.Folder, "directory.json") }

// save writes the state before a change is answered. It is called with the lock.
func (s *Server) save() error { return keep.Save(s.file(), s.entries) }

// URL is the address of LDAP over TLS.
func (s *Server) URL() string { return "ldaps://" + s.secure.Addr().String() }

// PlainURL is the address for StartTLS.
func (s *Server) PlainURL() string { return "ldap://" + s.plain.Addr().String() }

// People is the DN of the folder of accounts.
func (s *Server) People() string { return "ou=people," + s.options.Base }

// Groups is the DN of the folder of groups.
func (s *Server) Groups() string { return "ou=groups," + s.options.Base }

// Policy is the DN of the default password policy of an OpenLDAP.
func (s *Server) Policy() string { return "cn=default,ou=policies," + s.options.Base }

// Disconnect closes every connection, as a directory does that is restarted.
func (s *Server) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		_ = conn.Close()
	}
}

// Close ends the server.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := errors.Join(s.secure.Close(), s.plain.Close())
	s.Disconnect()
	s.group.Wait()
	return err
}
