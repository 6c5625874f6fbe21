// Package hooks emulates somebody's receiver of webhooks by Standard Webhooks (https://www.standardwebhooks.com): it
// believes nothing that is not signed with its secret, or is older than five minutes, and takes each id once.
//
// What it took is a file in its folder, received/0001-ID.json, and found again after a restart. The verification is its
// own, written against the specification and not against the driver.
package hooks

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/web"
	"fermata/sandbox/keep"
)

// Path is where the receiver takes notices; elsewhere there is nothing.
const Path = "/hooks/fermata"

// Options describe a receiver.
type Options struct {
	// Folder keeps certificate and notices. It is made if missing.
	Folder string
	// Listen is the address; empty: 127.0.0.1 with a free port.
	Listen string
	// Secrets that a signature may be made with, "whsec_" and base64. At least one.
	Secrets []string
	// Plain serves http.
	Plain bool
	// MaxBytes of a notice; 0: 20 KiB, as the specification recommends.
	MaxBytes int64
	// Faults make it misbehave; may be nil.
	Faults *faults.Faults
}

// Server is a running receiver.
type Server struct {
	options Options
	keys    [][]byte
	web     *web.Server

	mu       sync.Mutex
	received []Notice
	throttle int  // Requests to answer with 429.
	gone     bool // It wants no more.
}

// Notice is a notice that was taken.
type Notice struct {
	ID   string
	File string
	Body []byte
	// Times that it arrived since the start; a repeated one is answered and not kept again.
	Times int
}

// Start serves until Close.
func Start(options Options) (*Server, error) {
	s := &Server{options: options}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("starting the receiver of webhooks: %w", err)
	}
	var security *tls.Config
	var err error
	if !options.Plain {
		if security, err = certificate.Of(options.Folder, "receiver of webhooks"); err != nil {
			return nil, err
		}
	}
	if s.web, err = web.Listen(options.Listen, security); err != nil {
		return nil, fmt.Errorf("starting the receiver of webhooks: %w", err)
	}
	s.web.Serve(s.routes())
	return s, nil
}

func (s *Server) prepare() error {
	if s.options.Folder == "" || len(s.options.Secrets) == 0 {
		return errors.New("no folder or no secret")
	}
	if s.options.MaxBytes == 0 {
		s.options.MaxBytes = 20 << 10
	}
	for _, secret := range s.options.Secrets {
		key, err := keyOf(secret)
		if err != nil {
			return err
		}
		s.keys = append(s.keys, key)
	}
	if err := os.MkdirAll(s.Folder(), 0o700); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(s.Folder(), "*.json"))
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b string) int { return number(a) - number(b) })
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		_, id, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
		s.received = append(s.received, Notice{ID: id, File: file, Body: body})
	}
	return nil
}

func number(file string) (n int) {
	_, _ = fmt.Sscanf(filepath.Base(file), "%d-", &n)
	return n
}

// URL is where notices go.
func (s *Server) URL() string { return s.web.URL() + Path }

// CAFile is the certificate that clients trust.
func (s *Server) CAFile() string { return certificate.File(s.options.Folder) }

// Folder is where the notices are.
func (s *Server) Folder() string { return filepath.Join(s.options.Folder, "received") }

// Close ends the server. Whoever is being served is cut off; what was taken is on the disk.
func (s *Server) Close() error { return s.web.Close() }

// ThrottleNext answers the next n requests with 429.
func (s *Server) ThrottleNext(n int) { s.mu.Lock(); defer s.mu.Unlock(); s.throttle = n }

// SetGone answers every request with 410, as a receiver does that wants no more.
func (s *Server) SetGone(gone bool) { s.mu.Lock(); defer s.mu.Unlock(); s.gone = gone }

// Received returns what was taken, oldest first.
func (s *Server) Received() []Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// keep stores the notice whole or not at all, unless it is there already. It is called with the lock.
func (s *Server) keep(id string, body []byte) error {
	for i := range s.received {
		if s.received[i].ID == id {
			s.received[i].Times++
			return nil
		}
	}
	next := 1
	if n := len(s.received); n > 0 {
		next = number(s.received[n-1].File) + 1
	}
	path := filepath.Join(s.Folder(), fmt.Sprintf("%04d-%s.json", next, id))
	if err := keep.Replace(path, body); err != nil {
		return err
	}
	s.received = append(s.received, Notice{ID: id, File: path, Body: body, Times: 1})
	return nil
}
