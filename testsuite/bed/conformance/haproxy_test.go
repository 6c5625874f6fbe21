package conformance

import (
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
	"fermata/integrations/haproxy"
	"fermata/integrations/sshx"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
)

// TestHAProxy runs the suite against HAProxy on a machine that is logged in to by SSH.
func TestHAProxy(t *testing.T) {
	t.Parallel()
	loadbalancertest.Run(t, loadbalancertest.Bench{New: newPool})
}

// pool is a balancer between clients and servers.
type pool struct {
	*lab
	device        *edge.Balancer
	writes        hooks // Of the file.
	orders        hooks // Of the socket.
	ssh           *network.Gate
	login         func(user string) sshx.Config
	admin, lookOn *network.Gate // The sockets.
}

// startPool boots a balancer with a leg in each network.
func startPool(t *testing.T) *pool {
	t.Helper()
	p := &pool{lab: setup(t)}
	require.NoError(p, p.net.Add(p.ctx, "balancer"))
	p.leg("clients", "balancer", []string{"10.10.0.5/24"}, []string{"10.10.0.9/24"})
	p.leg("servers", "balancer", []string{"10.20.0.5/24"}, []string{"10.20.0.9/24"})
	var err error
	p.device, err = edge.StartBalancer(p.ctx, p.machine("lb-01", "balancer", "10.10.0.5"))
	require.NoError(p, err)
	t.Cleanup(func() { require.NoError(t, p.device.Stop()) })
	return p
}

func newPool(t *testing.T) *loadbalancertest.Device {
	t.Helper()
	p := startPool(t)
	var err error
	p.ssh, p.login = p.way(p.device.Machine, "clients")
	p.admin, err = p.net.Forward(p.ctx, "clients", p.device.SocketAddress(edge.AdminPort))
	require.NoError(p, err)
	p.lookOn, err = p.net.Forward(p.ctx, "clients", p.device.SocketAddress(edge.OperatorPort))
	require.NoError(p, err)
	return &loadbalancertest.Device{
		Driver:       func(t *testing.T) loadbalancer.Balancer { return p.driver(t, machine.User, p.admin) },
		Unprivileged: func(t *testing.T) loadbalancer.Balancer { return p.driver(t, machine.Guest, p.lookOn) },
		Backend:      edge.Backend, Unmanaged: edge.Unmanaged, Upstream: p.upstream, Request: p.request,
		Runtime: p.runtime, Saved: p.saved, File: p.file,
		SetFile: func(t *testing.T, text string) { require.NoError(t, p.device.WriteFile(haproxy.DefaultFile, text)) },
		Broken:  func(f string) string { return strings.Replace(f, "balance roundrobin", "bogus", 1) },
		Bare: func(f string) string {
			return strings.ReplaceAll(strings.ReplaceAll(f, "    "+haproxy.Begin+"\n", ""), "    "+haproxy.End+"\n", "")
		},
		Reload: func(t *testing.T) { require.NoError(t, p.device.Reload(p.ctx)) },
		AddRuntime: func(_ *testing.T, m loadbalancer.Member) {
			at := netip.AddrPortFrom(netip.MustParseAddr(m.Address), uint16(m.Port)).String()
			require.Contains(p, p.socket("add server "+m.Backend+"/"+m.Name+" "+at+" check weight 10"), "New server")
		},
		RemoveRuntime: func(_ *testing.T, name string) {
			p.socket("set server " + edge.Backend + "/" + name + " state maint")
			require.Contains(p, p.socket("del server "+edge.Backend+"/"+name), "Server deleted")
		},
		LoseOrder: p.orders.setLose, LoseWrite: p.writes.setLose, SetReadOnly: p.setReadOnly,
		SetDown: func(down bool) { p.ssh.Cut(down); p.admin.Cut(down) },
	}
}

// driver is one whose account may become root only if it is the machine's User.
func (p *pool) driver(t *testing.T, user string, socket *network.Gate) loadbalancer.Balancer {
	t.Helper()
	login := p.login(user)
	way, err := sshx.NewPool(login, p.secret)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, way.Close()) })
	return haproxy.New(haproxy.Config{
		SSH: login, Socket: socket.Address(), Sudo: user == machine.User, Poll: 20 * time.Millisecond, CheckInterval: 100 * time.Millisecond,
	}, &remote{hooks: &p.writes, orders: &p.orders, pool: way, socket: socket.Address()})
}

func (p *pool) socket(command string) string {
	p.Helper()
	answer, err := p.device.Socket(p.ctx, command)
	require.NoError(p, err)
	return answer
}

func (p *pool) file(*testing.T) string {
	p.Helper()
	text, err := p.device.ReadFile(haproxy.DefaultFile)
	require.NoError(p, err)
	return text
}

// saved reads the file with words of its own, not with the driver's parser.
func (p *pool) saved(*testing.T) map[string]loadbalancer.State {
	states := map[string]loadbalancer.State{}
	_, file, _ := strings.Cut(p.file(nil), "backend "+edge.Backend+"\n")
	file, _, _ = strings.Cut(file, "backend "+edge.Unmanaged)
	for line := range strings.Lines(file) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "server" {
			states[fields[1]] = loadbalancer.Ready
			if strings.Contains(line, " disabled ") {
				states[fields[1]] = loadbalancer.Maintenance
			}
		}
	}
	return states
}

// runtime reads column srv_admin_state (management.txt, "show servers state"): bits 0x08 and 0x10 are drain, 0x01 to 0x04
// maintenance.
func (p *pool) runtime(*testing.T) map[string]loadbalancer.State {
	p.Helper()
	states := map[string]loadbalancer.State{}
	for line := range strings.Lines(p.socket("show servers state " + edge.Backend)) {
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

func (p *pool) setReadOnly(on bool) {
	p.Helper()
	mode := map[bool]string{true: "ro", false: "rw"}[on]
	_, err := p.device.Run(p.ctx, "", "mount", "-o", "remount,"+mode, "/")
	require.NoError(p, err)
}

// upstream serves in the servers' network.
func (p *pool) upstream(t *testing.T) loadbalancertest.Upstream {
	t.Helper()
	var sick atomic.Bool
	var held sync.RWMutex
	name := t.Name() + time.Now().String()
	listener, err := p.net.Listen(p.ctx, "servers", "10.20.0.9:0")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			if sick.Load() {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return
		}
		held.RLock()
		defer held.RUnlock()
		_, _ = io.WriteString(w, name)
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	at := netip.MustParseAddrPort(listener.Addr().String())
	return loadbalancertest.Upstream{
		Address: at.Addr().String(), Port: int(at.Port()), Name: name,
		SetHealthy: func(ok bool) { sick.Store(!ok) },
		Hold:       func() func() { held.Lock(); return held.Unlock },
	}
}

// request asks the frontend from the clients' network.
func (p *pool) request(t *testing.T) loadbalancertest.Answer {
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: p.net.Dialer("clients", &net.Dialer{})}, Timeout: 20 * time.Second,
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.10.0.5/", nil)
	require.NoError(t, err)
	response, err := client.Do(req)
	if err != nil {
		return loadbalancertest.Answer{Body: err.Error()}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if response.StatusCode != http.StatusOK {
		return loadbalancertest.Answer{Status: response.StatusCode}
	}
	return loadbalancertest.Answer{Status: response.StatusCode, Body: string(body)}
}
