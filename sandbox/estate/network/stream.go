package network

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how much a stream holds before its writer waits, in bytes.
const window = 256 << 10

// errEnd is the end of a stream on its way to becoming io.EOF.
var errEnd = errors.New("end of stream")

func eof(err error) error {
	if err == nil {
		return nil
	}
	return io.EOF
}

// stream is one direction of a connection: a bounded buffer with deadlines at both ends.
type stream struct {
	mu        sync.Mutex
	changed   *sync.Cond
	buffer    bytes.Buffer
	finished  bool // The writer is done.
	abandoned bool // The reader is gone.
	broken    bool // Reset.
	reading   deadline
	writing   deadline
}

func newStream() *stream {
	s := &stream{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.abandoned:
			return 0, net.ErrClosed
		case s.broken:
			return 0, os.NewSyscallError("read", syscall.ECONNRESET)
		case s.reading.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case s.buffer.Len() > 0:
			n, _ := s.buffer.Read(b) // A non-empty buffer answers without error.
			s.changed.Broadcast()
			return n, nil
		case s.finished:
			return 0, errEnd
		}
		s.changed.Wait()
	}
}

func (s *stream) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for {
		switch {
		case s.finished:
			return written, net.ErrClosed
		case s.broken:
			return written, os.NewSyscallError("write", syscall.ECONNRESET)
		case s.abandoned:
			return written, os.NewSyscallError("write", syscall.EPIPE)
		case s.writing.passed():
			return written, os.ErrDeadlineExceeded
		case len(b) == 0:
			return written, nil
		}
		if room := min(window-s.buffer.Len(), len(b)); room > 0 {
			s.buffer.Write(b[:room])
			b, written = b[room:], written+room
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

func (s *stream) finish()  { s.change(func() { s.finished = true }) }
func (s *stream) abandon() { s.change(func() { s.abandoned = true; s.buffer.Reset() }) }
func (s *stream) fail()    { s.change(func() { s.broken = true }) }

func (s *stream) setReadDeadline(t time.Time)  { s.change(func() { s.reading.set(t, s.wake) }) }
func (s *stream) setWriteDeadline(t time.Time) { s.change(func() { s.writing.set(t, s.wake) }) }

func (s *stream) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	s.changed.Broadcast()
}

func (s *stream) wake() { s.change(func() {}) }

// deadline is a moment after which an end of a stream gives up; zero: never.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(t time.Time, wake func()) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, wake)
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }
