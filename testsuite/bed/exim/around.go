package exim

import (
	"bufio"
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"fermata/sandbox/estate/faults"
)

// relay passes connections on to the server, and can keep its next word back.
type relay struct {
	listener net.Listener
	behind   string
	group    sync.WaitGroup

	mu    sync.Mutex
	conns map[string][2]net.Conn // By the port that the server sees: the client's side and the server's.
	mute  map[string]bool        // Whose next answer is lost.
}

func newRelay(behind string) (*relay, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: listener, behind: behind, conns: map[string][2]net.Conn{}, mute: map[string]bool{}}
	r.group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			r.group.Go(func() { r.pass(client) })
		}
	})
	return r, nil
}

func (r *relay) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.behind)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	_, port, _ := net.SplitHostPort(server.LocalAddr().String())
	r.mu.Lock()
	r.conns[port] = [2]net.Conn{client, server}
	r.mu.Unlock()
	defer func() { r.mu.Lock(); defer r.mu.Unlock(); delete(r.conns, port) }()
	r.group.Go(func() {
		copyUntil(server, client, func() bool { return false })
		_ = server.(*net.TCPConn).CloseWrite()
	})
	copyUntil(client, server, func() bool { return r.muted(port) })
}

// copyUntil copies until an end, or until stop says so of what was just read.
func copyUntil(to, from net.Conn, stop func() bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if stop() {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *relay) muted(port string) bool { r.mu.Lock(); defer r.mu.Unlock(); return r.mute[port] }

// lose keeps back what the server says next on the connection, and cuts it off then.
func (r *relay) lose(port string) { r.mu.Lock(); defer r.mu.Unlock(); r.mute[port] = true }

func (r *relay) stop() {
	_ = r.listener.Close()
	r.mu.Lock()
	for _, pair := range r.conns {
		_ = pair[0].Close()
		_ = pair[1].Close()
	}
	r.mu.Unlock()
	r.group.Wait()
}

// advice is the socket that Exim's access lists ask.
type advice struct {
	listener net.Listener
	faults   *faults.Faults
	relay    *relay
	throttle atomic.Int64
	group    sync.WaitGroup
}

func newAdvice(path string, f *faults.Faults, r *relay) (*advice, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	a := &advice{listener: listener, faults: f, relay: r}
	a.group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			a.group.Go(func() {
				defer func() { _ = conn.Close() }()
				question, _ := bufio.NewReader(conn).ReadString('\n')
				_, _ = conn.Write([]byte(a.answer(strings.Fields(question))))
			})
		}
	})
	return a, nil
}

func (a *advice) answer(question []string) string {
	switch {
	case len(question) == 2 && question[0] == "data":
		if a.faults.Lose() {
			a.relay.lose(question[1])
		}
	case a.faults.Refuse(context.Background()):
		return "fail"
	case a.throttle.Add(-1) >= 0:
		return "throttle"
	default:
		a.throttle.Store(0)
	}
	return "go on"
}

func (a *advice) stop() {
	_ = a.listener.Close()
	a.group.Wait()
}
