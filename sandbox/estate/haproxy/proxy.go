package haproxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

const (
	noServer   = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
	badGateway = "<html><body><h1>502 Bad Gateway</h1>\nThe server returned an invalid or incomplete response.\n</body></html>\n"
)

// frontend returns what serves the connections of a frontend.
func (b *Balancer) frontend(f frontend) func(net.Conn) {
	choose := func() *server {
		b.mu.Lock()
		be := b.find(f.backend)
		b.mu.Unlock()
		if be == nil {
			return nil
		}
		return be.pick()
	}
	if f.mode == "http" {
		return func(c net.Conn) { b.serveHTTP(c, choose) }
	}
	return func(c net.Conn) { b.serveTCP(c, choose) }
}

// serveHTTP forwards each request of a client's connection to the server whose turn it is.
func (b *Balancer) serveHTTP(c net.Conn, choose func() *server) {
	l := &single{conn: c, done: make(chan struct{})}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := choose()
		if s == nil {
			answer(w, http.StatusServiceUnavailable, noServer)
			return
		}
		defer s.release()
		b.forward(w, r, s)
	})
	server := &http.Server{Handler: handler, ConnState: func(_ net.Conn, state http.ConnState) { //nolint:gosec // Clients of the sandbox are not hostile.
		if state == http.StateClosed || state == http.StateHijacked {
			l.end()
		}
	}}
	_ = server.Serve(l)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (b *Balancer) forward(w http.ResponseWriter, r *http.Request, s *server) {
	dialled := false
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := b.options.Dial(ctx, s.dialled())
			if err != nil {
				return nil, err
			}
			dialled = true
			return s.track(conn), nil
		},
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: s.dialled()})
			p.Out.Host = p.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			if dialled {
				answer(w, http.StatusBadGateway, badGateway)
				return
			}
			answer(w, http.StatusServiceUnavailable, noServer)
		},
	}
	proxy.ServeHTTP(w, r)
}

func (b *Balancer) serveTCP(c net.Conn, choose func() *server) {
	s := choose()
	if s == nil {
		return
	}
	defer s.release()
	far, err := b.options.Dial(b.ctx, s.dialled())
	if err != nil {
		return
	}
	far = s.track(far)
	defer far.Close()
	go func() {
		_, _ = io.Copy(far, c)
		if half, ok := far.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}()
	_, _ = io.Copy(c, far)
}

// track remembers a connection to a server, so that "shutdown sessions server" finds it.
func (s *server) track(c net.Conn) net.Conn {
	s.connsMu.Lock()
	defer s.connsMu.Unlock()
	s.conns[c] = struct{}{}
	return &tracked{Conn: c, forget: sync.OnceFunc(func() {
		s.connsMu.Lock()
		defer s.connsMu.Unlock()
		delete(s.conns, c)
	})}
}

type tracked struct {
	net.Conn
	forget func()
}

func (t *tracked) Close() error { t.forget(); return t.Conn.Close() }

func (t *tracked) CloseWrite() error {
	if half, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return fmt.Errorf("closing one half: not supported")
}

// single is a listener with one connection.
type single struct {
	conn  net.Conn
	taken bool
	done  chan struct{}
	once  sync.Once
}

func (l *single) Accept() (net.Conn, error) {
	if !l.taken {
		l.taken = true
		return l.conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *single) end()           { l.once.Do(func() { close(l.done) }) }
func (l *single) Close() error   { l.end(); return nil }
func (l *single) Addr() net.Addr { return l.conn.LocalAddr() }
