package conformance

import (
	"context"
	"net"
	"strings"
	"sync"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
)

// hooks stand between a device's drivers and the device, as a bad line does.
type hooks struct {
	mu     sync.Mutex
	onLook func()
	lose   int // The answer of the n-th change from now on.
}

func (h *hooks) setOnLook(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onLook = f
}

func (h *hooks) setLose(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lose = n
}

func (h *hooks) looked() {
	h.mu.Lock()
	f := h.onLook
	h.onLook = nil
	h.mu.Unlock()
	if f != nil {
		f()
	}
}

func (h *hooks) loses() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lose == 0 {
		return false
	}
	h.lose--
	return h.lose == 0
}

// remote is the driver's way to the machine: SSH as it is in an installation, with hooks around what changes something.
type remote struct {
	*hooks
	pool   *sshx.Pool
	socket string
	orders *hooks // Of HAProxy's socket.
}

func (r *remote) Run(ctx context.Context, cmd sshx.Command) (sshx.Result, error) {
	conn, err := r.pool.Client(ctx, sshx.Target{})
	if err != nil {
		return sshx.Result{}, err
	}
	if cmd.Lock == "" { // It only looks.
		return conn.Run(ctx, cmd)
	}
	r.looked()
	result, err := conn.Run(ctx, cmd)
	if err == nil && r.loses() {
		return sshx.Result{}, fault.New(fault.Ambiguous, "the connection was lost while a command ran")
	}
	return result, err
}

func (r *remote) DialSocket(ctx context.Context) (net.Conn, error) {
	conn, err := r.pool.Dial(ctx, "tcp", r.socket)
	if err != nil {
		return nil, err
	}
	return &lossy{Conn: conn, hooks: r.orders}, nil
}

func (r *remote) Close() error { return r.pool.Close() }

// lossy is a connection to HAProxy's socket that breaks after a change was sent and before its answer came.
type lossy struct {
	net.Conn
	*hooks
	change bool
}

func (l *lossy) Write(p []byte) (int, error) {
	l.change = !strings.HasPrefix(string(p), "show ")
	return l.Conn.Write(p)
}

func (l *lossy) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if l.change && n > 0 && l.loses() {
		return 0, net.ErrClosed
	}
	return n, err
}
