package databasetest

import (
	"context"
	"io"
	"net"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Relay stands before a server: it can lose the answer to a change, or be away. It reads statements as they travel, so it is
// for connections that are not encrypted.
type Relay struct {
	listener net.Listener
	behind   string
	changes  *regexp.Regexp
	group    sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool
	lose  int // Changes until the one whose answer is lost; 0: none.
	seen  int // Changes since LoseAt.
}

// NewRelay passes connections on to the server behind it, host:port. A message of a client that matches changes is one that
// changes something.
func NewRelay(t testing.TB, behind string, changes *regexp.Regexp) *Relay {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &Relay{listener: listener, behind: behind, changes: changes, conns: map[net.Conn]bool{}}
	r.group.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		r.cut()
		r.group.Wait()
	})
	return r
}

// Port is where it listens on 127.0.0.1.
func (r *Relay) Port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// Down takes the server away, or brings it back.
func (r *Relay) Down(down bool) {
	r.mu.Lock()
	r.down = down
	r.mu.Unlock()
	if down {
		r.cut()
	}
}

// LoseAt loses the answer to the n-th change from now on, which is done all the same.
func (r *Relay) LoseAt(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lose, r.seen = n, 0
}

// Lost reports whether the answer was lost.
func (r *Relay) Lost() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lose == 0
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.group.Go(func() { r.pass(client) })
	}
}

func (r *Relay) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !r.note(client) {
		return
	}
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.behind)
	if err != nil {
		return
	}
	defer r.forget(client, server)
	if !r.note(server) {
		return
	}
	losing := make(chan struct{})
	r.group.Go(func() {
		r.answers(client, server, losing)
		_ = client.Close()
		_ = server.Close()
	})
	r.questions(client, server, losing)
	_ = server.Close()
}

// questions passes on what the client says, until it says what loses its answer.
func (r *Relay) questions(client, server net.Conn, losing chan struct{}) {
	buffer, lost := make([]byte, 64<<10), false
	for {
		n, err := client.Read(buffer)
		if n > 0 && !lost && r.changes.Match(buffer[:n]) && r.count() {
			lost = true
			close(losing) // Before the server can answer.
		}
		if n > 0 {
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// answers passes on what the server says, up to the answer that is lost.
func (r *Relay) answers(client, server net.Conn, losing <-chan struct{}) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		select {
		case <-losing:
			return
		default:
		}
		if n > 0 {
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, server)
			return
		}
	}
}

// count reports whether this change is the one whose answer is lost.
func (r *Relay) count() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen++
	if r.lose == 0 || r.seen < r.lose {
		return false
	}
	r.lose = 0
	return true
}

func (r *Relay) note(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.down {
		r.conns[c] = true
	}
	return !r.down
}

func (r *Relay) forget(all ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range all {
		delete(r.conns, c)
	}
}

func (r *Relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close()
	}
}
