package haproxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/loadbalancer"
	"fermata/activities/loadbalancer/loadbalancertest"
	emulated "fermata/sandbox/estate/haproxy"
)

const testConfig = `# The balancer of the tests.
global
    stats socket 10.10.0.5:9999 level admin
    stats socket 10.10.0.5:9998 level operator

defaults
    mode http

frontend web_in
    bind 10.10.0.5:80
    default_backend web

backend web
    balance roundrobin
    option httpchk GET /healthz
    # BEGIN fermata
    # END fermata

backend other
    server x 127.0.0.1:9 # Not ours.
`

// bed is an emulated balancer on its host.
type bed struct {
	host     *host
	balancer *emulated.Balancer
	lose     atomic.Int32
}

func newBed(t *testing.T, config string) *bed {
	t.Helper()
	b := &bed{host: newHost()}
	b.host.files[DefaultFile] = []byte(config)
	b.host.commands["haproxy"] = func(h *host, args []string, _ io.Reader, out, errs io.Writer) int {
		return emulated.Command(args, h.read, out, errs)
	}
	listen := func(string) (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
	balancer, err := emulated.Start(emulated.Options{
		ReadConfig: func() ([]emulated.File, error) {
			data, err := b.host.read(DefaultFile)
			return []emulated.File{{Name: DefaultFile, Data: data}}, err
		},
		Dial: func(ctx context.Context, at string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", at)
		},
		ListenFrontend: listen, ListenSocket: listen, CheckInterval: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, balancer.Close()) })
	b.balancer = balancer
	return b
}

func (b *bed) driver(socket string) *Balancer {
	cfg := Config{Socket: socket, Poll: 10 * time.Millisecond}
	h := &worker{host: b.host, bed: b, address: b.balancer.SocketAddress(socket)}
	return New(cfg, h)
}

// worker is one worker's way to the host.
type worker struct {
	*host
	bed     *bed
	address string
}

func (w *worker) DialSocket(ctx context.Context) (net.Conn, error) {
	w.mu.Lock()
	down := w.down
	w.mu.Unlock()
	if down {
		return nil, net.ErrClosed
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", w.address)
	if err != nil {
		return nil, err
	}
	return &lossy{Conn: conn, bed: w.bed}, nil
}

// lossy loses the answer of the n-th change.
type lossy struct {
	net.Conn
	bed    *bed
	change bool
}

func (l *lossy) Write(p []byte) (int, error) {
	l.change = !strings.HasPrefix(string(p), "show ")
	return l.Conn.Write(p)
}

func (l *lossy) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if l.change && n > 0 && l.bed.lose.Load() > 0 && l.bed.lose.Add(-1) == 0 {
		return 0, io.EOF
	}
	return n, err
}

func upstream(t *testing.T) loadbalancertest.Upstream {
	t.Helper()
	var sick atomic.Bool
	var mu sync.RWMutex
	name := t.Name() + time.Now().String()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			if sick.Load() {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return
		}
		mu.RLock()
		defer mu.RUnlock()
		_, _ = io.WriteString(w, name)
	}))
	t.Cleanup(server.Close)
	at := netip.MustParseAddrPort(server.Listener.Addr().String())
	return loadbalancertest.Upstream{
		Address: at.Addr().String(), Port: int(at.Port()), Name: name,
		SetHealthy: func(ok bool) { sick.Store(!ok) },
		Hold:       func() func() { mu.Lock(); return mu.Unlock },
	}
}

// judge reads a file with words of its own, not with the driver's parser.
func judge(file string) map[string]loadbalancer.State {
	saved := map[string]loadbalancer.State{}
	_, file, _ = strings.Cut(file, "backend web\n")
	file, _, _ = strings.Cut(file, "backend other")
	for _, line := range strings.Split(file, "\n") {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[0] == "server" {
			saved[fields[1]] = loadbalancer.Ready
			if strings.Contains(line, " disabled ") {
				saved[fields[1]] = loadbalancer.Maintenance
			}
		}
	}
	return saved
}

func (b *bed) runtime() map[string]loadbalancer.State {
	return judgeStates(b.balancer.Do("show servers state web"))
}

func judgeStates(listing string) map[string]loadbalancer.State {
	states := map[string]loadbalancer.State{}
	for _, line := range strings.Split(listing, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[0] == "#" {
			continue
		}
		states[fields[3]] = map[string]loadbalancer.State{
			"0": loadbalancer.Ready, "4": loadbalancer.Ready, "8": loadbalancer.Drain, "12": loadbalancer.Drain,
			"1": loadbalancer.Maintenance, "5": loadbalancer.Maintenance,
		}[fields[6]]
	}
	return states
}

func newDevice(t *testing.T) *loadbalancertest.Device {
	b := newBed(t, testConfig)
	file := func(*testing.T) string {
		data, _ := b.host.read(DefaultFile)
		return string(data)
	}
	return &loadbalancertest.Device{
		Driver:       func(*testing.T) loadbalancer.Balancer { return b.driver("10.10.0.5:9999") },
		Unprivileged: func(*testing.T) loadbalancer.Balancer { return b.driver("10.10.0.5:9998") },
		Backend:      "web", Unmanaged: "other", Upstream: upstream,
		Request: func(t *testing.T) loadbalancertest.Answer {
			return request(t, b.balancer.FrontendAddress("10.10.0.5:80"))
		},
		Runtime: func(*testing.T) map[string]loadbalancer.State { return b.runtime() },
		Saved:   func(t *testing.T) map[string]loadbalancer.State { return judge(file(t)) },
		File:    file,
		SetFile: func(t *testing.T, text string) { require.NoError(t, b.host.write(DefaultFile, []byte(text))) },
		Broken:  func(f string) string { return strings.Replace(f, "balance roundrobin", "bogus", 1) },
		Bare: func(f string) string {
			return strings.ReplaceAll(strings.ReplaceAll(f, "    "+Begin+"\n", ""), "    "+End+"\n", "")
		},
		Reload: func(t *testing.T) { require.NoError(t, b.balancer.Reload()) },
		AddRuntime: func(t *testing.T, m loadbalancer.Member) {
			require.Contains(t, b.balancer.Do("add server "+m.Backend+"/"+m.Name+" "+joinAddress(m)+" check weight 10"), "New server")
		},
		RemoveRuntime: func(t *testing.T, name string) {
			b.balancer.Do("set server web/" + name + " state maint")
			require.Contains(t, b.balancer.Do("del server web/"+name), "Server deleted")
		},
		LoseOrder:   func(n int) { b.lose.Store(int32(n)) },
		LoseWrite:   func(n int) { b.host.mu.Lock(); defer b.host.mu.Unlock(); b.host.lose = n },
		SetDown:     func(down bool) { b.host.mu.Lock(); defer b.host.mu.Unlock(); b.host.down = down },
		SetReadOnly: func(on bool) { b.host.mu.Lock(); defer b.host.mu.Unlock(); b.host.readOnly = on },
	}
}

func request(t *testing.T, address string) loadbalancertest.Answer {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", nil)
	require.NoError(t, err)
	response, err := client.Do(req)
	if err != nil {
		return loadbalancertest.Answer{Body: err.Error()}
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return loadbalancertest.Answer{Status: response.StatusCode}
	}
	return loadbalancertest.Answer{Status: response.StatusCode, Body: string(body)}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	loadbalancertest.Run(t, loadbalancertest.Bench{New: newDevice})
}
