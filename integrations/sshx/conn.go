package sshx

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
)

// maxSessions stays below what sshd allows on one connection (MaxSessions, 10).
const maxSessions = 8

// fresh is how long a connection counts as alive without asking.
const fresh = 2 * time.Second

// Conn is a connection that is logged in to one host. It is safe for concurrent use.
type Conn struct {
	pool    *Pool
	client  *ssh.Client
	target  Target
	timeout time.Duration // Of a liveness check.

	slots chan struct{} // One for each open session.
	done  chan struct{} // Closed when the connection is.
	once  sync.Once

	mu   sync.Mutex
	busy int       // Sessions and forwarded connections.
	last time.Time // When it was used last.
}

func newConn(pool *Pool, client *ssh.Client, target Target) *Conn {
	cfg := pool.cfg
	c := &Conn{
		pool: pool, client: client, target: target, timeout: cfg.Keepalive,
		slots: make(chan struct{}, maxSessions), done: make(chan struct{}), last: time.Now(),
	}
	go func() {
		_ = client.Wait()
		c.close()
	}()
	go c.watch(cfg.Keepalive, cfg.Idle)
	return c
}

// Address returns where the connection leads, host:port.
func (c *Conn) Address() string { return c.target.Address }

// User returns the account that is logged in.
func (c *Conn) User() string { return c.target.User }

func (c *Conn) close() {
	c.once.Do(func() {
		close(c.done)
		_ = c.client.Close()
	})
}

func (c *Conn) gone() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// usable reports whether the connection still answers; if not, it is closed. One that was used just now, or that
// carries a session, is not asked: its keepalives do that.
func (c *Conn) usable(ctx context.Context) bool {
	if c.gone() {
		return false
	}
	if unused := c.unusedFor(); unused < fresh {
		return true
	}
	timeout := c.timeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)/2) // Leave time to connect anew.
	}
	if !c.ping(timeout) {
		c.close()
		return false
	}
	return true
}

func (c *Conn) use() (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy++
	c.last = time.Now()
	var once sync.Once
	return func() {
		once.Do(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.busy--
			c.last = time.Now()
		})
	}
}

func (c *Conn) unusedFor() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy > 0 {
		return 0
	}
	return time.Since(c.last)
}

// dial opens a forwarded connection. Unauthorized: this host forbids it; Unavailable: it could not reach addr.
func (c *Conn) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	release := c.use()
	far, err := c.client.DialContext(ctx, network, addr)
	if err == nil {
		return &forwarded{Conn: far, release: release}, nil
	}
	release()
	var refused *ssh.OpenChannelError
	doing := "connecting to " + addr + " through " + c.target.Address
	switch {
	case errors.As(err, &refused) && refused.Reason == ssh.Prohibited:
		return nil, fault.New(fault.Unauthorized, "%s: the jump host forbids it (%s): allow it in PermitOpen there", doing, refused.Message)
	case errors.As(err, &refused), ctx.Err() != nil:
	default:
		c.close() // The connection itself is broken.
	}
	return nil, fault.Wrap(fault.Unavailable, err, doing)
}
