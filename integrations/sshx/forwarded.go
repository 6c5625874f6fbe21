package sshx

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// forwarded is a connection through a jump host. It counts as use of the jump host's connection until it is closed, and
// adds what an SSH channel lacks, deadlines. One deadline serves reading and writing, and a connection that missed it is
// closed: it cannot be used again.
type forwarded struct {
	net.Conn
	release func()

	mu      sync.Mutex
	timer   *time.Timer
	expired bool
}

func (f *forwarded) Close() error {
	_ = f.SetDeadline(time.Time{})
	f.release()
	return f.Conn.Close()
}

func (f *forwarded) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	return n, f.explain(err)
}

func (f *forwarded) Write(p []byte) (int, error) {
	n, err := f.Conn.Write(p)
	return n, f.explain(err)
}

// CloseWrite tells the other side that nothing more comes.
func (f *forwarded) CloseWrite() error {
	half, ok := f.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

func (f *forwarded) explain(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.expired {
		return os.ErrDeadlineExceeded
	}
	return err
}

// SetDeadline closes the connection at t, unless it is called again before; the zero time takes the deadline away.
func (f *forwarded) SetDeadline(t time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
	if t.IsZero() {
		return nil
	}
	f.timer = time.AfterFunc(time.Until(t), func() {
		f.mu.Lock()
		f.expired = true
		f.mu.Unlock()
		_ = f.Conn.Close()
	})
	return nil
}

func (f *forwarded) SetReadDeadline(t time.Time) error  { return f.SetDeadline(t) }
func (f *forwarded) SetWriteDeadline(t time.Time) error { return f.SetDeadline(t) }
