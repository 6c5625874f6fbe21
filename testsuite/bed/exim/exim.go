// Package exim runs Debian's Exim 4 as a submission server with one mailbox: STARTTLS, AUTH PLAIN, a recipient check, and
// delivery into a maildir.
//
// It is the real daemon. That it fails, asks for patience or loses an answer is arranged around it: its access lists ask a
// socket of the test what to do, and a relay before it can keep an answer back.
package exim

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/faults"
	"fermata/testsuite/bed/host"
)

// What the server knows.
const (
	User    = "fermata"
	Sender  = "fermata@example.net"
	Mailbox = "alice@example.net"
	account = "Debian-exim"
	port    = "2525"
)

// Packages are Debian's packages that the server needs.
func Packages() []string { return []string{"exim4-daemon-light"} }

// Options describe a server.
type Options struct {
	Folder   string // Of its own; root's, and open to others.
	MaxBytes int    // Of a message; 0: 1 MiB.
	Faults   *faults.Faults
}

// Server is a running Exim.
type Server struct {
	options  Options
	password string
	process  *host.Process
	relay    *relay
	advice   *advice
}

// Start installs Exim if it is missing, and serves.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := host.Install(ctx, Packages()...); err != nil {
		return nil, err
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	s := &Server{options: o, password: rand.Text()}
	at := net.JoinHostPort(ownAddress(), port)
	err := s.prepare()
	if err != nil {
		return nil, fmt.Errorf("starting Exim: %w", err)
	}
	if err := s.surround(at); err != nil {
		return nil, errors.Join(fmt.Errorf("starting Exim: %w", err), s.Stop())
	}
	s.process, err = host.Start(ctx, host.Daemon{
		Name: "Exim", Log: filepath.Join(o.Folder, "output"), Ready: answers(at),
		Args: []string{"exim4", "-bdf", "-C", s.path("exim.conf"), "-oX", at},
	})
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// surround starts what arranges the misbehaviour.
func (s *Server) surround(at string) (err error) {
	if s.relay, err = newRelay(at); err != nil {
		return err
	}
	if s.advice, err = newAdvice(s.path("advice"), s.options.Faults, s.relay); err != nil {
		return err
	}
	return os.Chmod(s.path("advice"), 0o666) //nolint:gosec // Exim's account asks it.
}

func (s *Server) path(name string) string { return filepath.Join(s.options.Folder, name) }

// prepare writes the configuration and gives Exim's account its folders.
func (s *Server) prepare() error {
	if _, err := certificate.Of(s.options.Folder, "Exim"); err != nil {
		return err
	}
	text := strings.NewReplacer("FOLDER", s.options.Folder, "PASSWORD", s.password, "MAXBYTES", strconv.Itoa(s.options.MaxBytes)).Replace(configuration)
	// Root's, and not to be changed by others, else Exim does not take it.
	if err := os.WriteFile(s.path("exim.conf"), []byte(text), 0o644); err != nil { //nolint:gosec // Exim's account reads it; the password is this test's.
		return err
	}
	owner, err := user.Lookup(account)
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	for _, name := range []string{"spool", "log", "box"} {
		if err := os.Mkdir(s.path(name), 0o750); err != nil {
			return err
		}
		if err := os.Chown(s.path(name), uid, gid); err != nil {
			return err
		}
	}
	return os.Chown(s.path("key.pem"), uid, gid)
}

// servers counts this process's.
var servers atomic.Int32 //nolint:gochecknoglobals // There is one loopback.

// ownAddress returns an address on loopback that no other server has: a port chosen now could be somebody else's a moment
// later.
func ownAddress() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 64+pid%128, pid/128%256, servers.Add(1)%255)
}

func answers(at string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", at)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// Address is the relay's, before the server.
func (s *Server) Address() string { return s.relay.listener.Addr().String() }

// Password is User's.
func (s *Server) Password() string { return s.password }

// CAFile is the certificate that clients trust.
func (s *Server) CAFile() string { return certificate.File(s.options.Folder) }

// ThrottleNext asks the next n senders for patience.
func (s *Server) ThrottleNext(n int) { s.advice.throttle.Store(int64(n)) }

// Messages waits until all that was taken is delivered, and returns it, oldest first.
func (s *Server) Messages(ctx context.Context) (texts [][]byte, err error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(s.path("box/maildir/new/*"))
	if err != nil {
		return nil, err
	}
	at := map[string]int64{}
	for _, file := range files {
		if at[file], err = delivered(file); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(at[a], at[b]) })
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// delivered reads the time from a maildir's file name, in microseconds: Exim's begin with SECONDS.MMICROSECONDSP.
func delivered(file string) (at int64, err error) {
	var seconds, micro int64
	if _, err := fmt.Sscanf(filepath.Base(file), "%d.M%dP", &seconds, &micro); err != nil {
		return 0, fmt.Errorf("reading the time in %s: %w", file, err)
	}
	return seconds*1e6 + micro, nil
}

// settle waits until the queue is empty: Exim puts a message there before it says that it took it.
func (s *Server) settle(ctx context.Context) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		queued, err := filepath.Glob(s.path("spool/input/*"))
		if err != nil || len(queued) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d files of Exim's queue: %w", len(queued), ctx.Err())
		case <-ticker.C:
		}
	}
}

// Log returns what the daemon logged.
func (s *Server) Log() string {
	var all strings.Builder
	for _, name := range []string{"output", "log/mainlog", "log/rejectlog", "log/paniclog"} {
		if data, err := os.ReadFile(s.path(name)); err == nil {
			fmt.Fprintf(&all, "%s:\n%s\n", name, data)
		}
	}
	return all.String()
}

// Stop ends the server and what is around it.
func (s *Server) Stop() (err error) {
	if s.process != nil {
		err = s.process.Stop()
	}
	if s.relay != nil {
		s.relay.stop()
	}
	if s.advice != nil {
		s.advice.stop()
	}
	return err
}
