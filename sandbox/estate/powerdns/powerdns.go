// Package powerdns emulates a PowerDNS Authoritative Server 4.7: its HTTP API, the DNS that it answers over UDP and TCP, zone
// transfers, and dynamic updates that are signed with TSIG.
//
// It keeps its state in a folder. The answers of its API were compared with those of a real 4.7.3; what a resolver asks is
// answered from the same records that the API and the updates change.
package powerdns

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	miekg "github.com/miekg/dns"

	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/web"
	"fermata/sandbox/keep"
)

// Options describe a server.
type Options struct {
	// Folder keeps the state. It is made if missing.
	Folder string
	// Listen is the address of the API; empty: 127.0.0.1 with a free port.
	Listen string
	// Nameserver is the address that DNS is answered at, over UDP and TCP; empty: 127.0.0.1 with a free port.
	Nameserver string
	// TLS serves the API over https; nil: plain http.
	TLS *tls.Config
	// APIKey lets in at the API, 8 characters or more. ReadKey, if there is one, lets read only, as a proxy before the API
	// would have it; PowerDNS itself knows one key.
	APIKey, ReadKey string
	// Zones are served, names without a dot at the end. A zone that is new begins with its SOA and NS.
	Zones []string
	// Keys are TSIG keys, names and secrets in base64, that may update and transfer every zone.
	Keys map[string]string
	// Strangers are TSIG keys that are known and may do nothing.
	Strangers map[string]string
	// Faults make it misbehave; may be nil.
	Faults *faults.Faults
}

// Server is a running PowerDNS.
type Server struct {
	options Options
	web     *web.Server
	udp     *miekg.Server
	tcp     *miekg.Server
	at      string

	mu    sync.Mutex
	zones map[string]*zone // By name, with a dot at the end.
}

// Start reads the state and serves until Close.
func Start(options Options) (*Server, error) {
	s := &Server{options: options, zones: map[string]*zone{}}
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("starting PowerDNS: %w", err)
	}
	return s, nil
}

func (s *Server) start() error {
	if err := s.options.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.options.Folder, 0o700); err != nil {
		return err
	}
	if err := keep.Load(s.file(), &s.zones); err != nil {
		return err
	}
	for _, name := range s.options.Zones {
		if name = miekg.Fqdn(name); s.zones[name] == nil {
			s.zones[name] = newZone(name)
		}
	}
	if err := s.save(); err != nil {
		return err
	}
	var err error
	if s.web, err = web.Listen(s.options.Listen, s.options.TLS); err != nil {
		return err
	}
	s.web.Serve(s.options.Faults.Handler(s.routes(), unavailable, faults.Reads))
	if err := s.answer(); err != nil {
		return errors.Join(err, s.web.Close())
	}
	return nil
}

func (o Options) check() error {
	if o.Folder == "" || len(o.APIKey) < 8 {
		return errors.New("a folder and an API key of 8 characters are needed")
	}
	for name, secret := range o.Keys {
		if raw, err := base64.StdEncoding.DecodeString(secret); err != nil || len(raw) < 16 {
			return fmt.Errorf("TSIG key %s: a secret of 16 bytes in base64 is needed", name)
		}
	}
	return nil
}

func (s *Server) file() string { return filepath.Join(s.options.Folder, "zones.json") }

// save writes the state before a change is answered. It is called with the lock.
func (s *Server) save() error { return keep.Save(s.file(), s.zones) }

// URL is the address of the API.
func (s *Server) URL() string { return s.web.URL() }

// Nameserver is the address that DNS is answered at.
func (s *Server) Nameserver() string { return s.at }

// Close ends the server.
func (s *Server) Close() error {
	return errors.Join(s.udp.Shutdown(), s.tcp.Shutdown(), s.web.Close())
}
