// Package web serves HTTP for the emulated systems.
package web

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Server is a web server of an emulated system.
type Server struct {
	address  string
	scheme   string
	listener net.Listener
	http     *http.Server
	done     chan struct{}
}

// Listen opens the address; empty: 127.0.0.1 with a free port. Without security the server speaks plain http. It answers
// nobody before Serve.
func Listen(address string, security *tls.Config) (*Server, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Server{address: listener.Addr().String(), scheme: "http", listener: listener, done: make(chan struct{})}
	if security != nil {
		s.scheme, s.listener = "https", tls.NewListener(listener, security)
	}
	return s, nil
}

// Serve answers with the handler until Close.
func (s *Server) Serve(handler http.Handler) {
	s.http = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(s.listener)
	}()
}

// URL is the server's address, without a path.
func (s *Server) URL() string { return s.scheme + "://" + s.address }

// Close ends a server that serves. What is being answered is cut off, as by a crash.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}
