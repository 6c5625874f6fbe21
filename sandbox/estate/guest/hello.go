package guest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const helloConfig = "/etc/hello-web/hello-web.conf"

// helloSettings are the settings of hello-web.
type helloSettings struct {
	at       netip.AddrPort
	name     string
	greeting string
}

// hello is the running application: a real web server on the guest's virtual address.
type hello struct {
	machine  *Machine
	version  string
	settings atomic.Pointer[helloSettings]
	server   *http.Server
	ended    chan struct{}
}

// startHello starts one version of hello-web as its unit does.
func startHello(version string) func(context.Context, *Machine) (Service, error) {
	return func(ctx context.Context, m *Machine) (Service, error) {
		settings, err := readHello(m)
		if err != nil {
			return nil, fmt.Errorf("hello-web: %w", err)
		}
		h := &hello{machine: m, version: version, ended: make(chan struct{})}
		h.settings.Store(&settings)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /healthz", h.health)
		mux.HandleFunc("GET /{$}", h.greet)
		h.server, err = serveHTTP(ctx, m, settings.at, mux, h.ended)
		if err != nil {
			return nil, fmt.Errorf("hello-web: listening on %s: %w", settings.at, err)
		}
		return h, nil
	}
}

// serveHTTP serves on the guest's address until the server is closed; ended closes then.
func serveHTTP(ctx context.Context, m *Machine, at netip.AddrPort, handler http.Handler, ended chan struct{}) (*http.Server, error) {
	listener, err := m.Network().Listen(at)
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			m.log.Warn("a web service of the guest ended", "error", err)
		}
	}()
	return server, nil
}

func (h *hello) health(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "ok hello-web %s %s\n", h.version, h.machine.Hostname())
}

func (h *hello) greet(w http.ResponseWriter, _ *http.Request) {
	s := h.settings.Load()
	fmt.Fprintf(w, "%s\n%s hello-web %s\n", s.greeting, s.name, h.version)
}

// Reload reads the greeting again; a new port needs a restart.
func (h *hello) Reload(context.Context) error {
	settings, err := readHello(h.machine)
	if err != nil {
		return err
	}
	h.settings.Store(&settings)
	return nil
}

// Stop closes the port and waits for the server to end.
func (h *hello) Stop() error {
	err := h.server.Close()
	<-h.ended
	return err
}

// readHello reads "key = value" lines. A line that it does not understand keeps the service from starting.
func readHello(m *Machine) (helloSettings, error) {
	s := helloSettings{at: netip.AddrPortFrom(m.Address(), 8080), name: m.Hostname(), greeting: "Hello from hello-web"}
	data, err := m.ReadFile(helloConfig)
	if err != nil {
		return s, fmt.Errorf("reading %s: %s", helloConfig, reason(err))
	}
	number := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return s, fmt.Errorf("%s:%d: expected \"key = value\"", helloConfig, number)
		}
		if err := s.set(m, strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return s, fmt.Errorf("%s:%d: %w", helloConfig, number, err)
		}
	}
	return s, nil
}

func (s *helloSettings) set(m *Machine, key, value string) error {
	switch key {
	case "port":
		return s.listen(m, ":"+value)
	case "listen":
		return s.listen(m, value)
	case "name":
		s.name = value
	case "greeting":
		s.greeting = value
	case "domain":
	case "data":
		if i, err := m.files.as(root).stat(value); err != nil || !i.IsDir() {
			return fmt.Errorf("data folder %s is not there", value)
		}
	case "session-key-file":
		if key, err := m.ReadFile(value); err != nil || len(key) == 0 {
			return fmt.Errorf("session key %s cannot be read", value)
		}
	default:
		return fmt.Errorf("unknown setting %q", key)
	}
	return nil
}

func (s *helloSettings) listen(m *Machine, value string) error {
	host, portText, err := net.SplitHostPort(value)
	if err != nil {
		return fmt.Errorf("listen: expected address:port, found %q", value)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("port: expected 1 to 65535, found %q", portText)
	}
	if addr, err := netip.ParseAddr(host); host != "" && (err != nil || !addr.IsUnspecified() && addr != m.Address()) {
		return fmt.Errorf("listen: cannot assign requested address %q", host)
	}
	s.at = netip.AddrPortFrom(m.Address(), uint16(port))
	return nil
}
