// Package postgresql runs the machine's own PostgreSQL for the sandbox, where its programs are installed: a cluster in a folder,
// on loopback, with TLS, in which everybody needs a password.
package postgresql

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"fermata/sandbox/estate/certificate"
)

// Superuser is the cluster's own, whose password is in the folder.
const Superuser = "postgres"

// ErrAbsent says that the machine has no PostgreSQL.
var ErrAbsent = errors.New("no PostgreSQL is installed: neither in PATH nor in /usr/lib/postgresql")

// Options describe a server.
type Options struct {
	// Folder keeps the state. It is made if missing. Where root starts the server, the account nobody must be able to enter it:
	// PostgreSQL refuses to run as root.
	Folder string
	// Listen is the address on loopback; empty: 127.0.0.1 with a free port.
	Listen string
	// AdminUser may make roles and databases and is no superuser; AdminPassword has 16 letters and digits or more.
	AdminUser, AdminPassword string
}

// Server is a running server.
type Server struct {
	options  Options
	programs string // Folder.
	address  string
	account  *syscall.Credential // Nil: whoever runs the sandbox.
	process  *exec.Cmd
	ended    chan struct{}
}

// Start makes the cluster on first use, and serves until Close. ErrAbsent: there is no PostgreSQL.
func Start(ctx context.Context, options Options) (*Server, error) {
	s := &Server{options: options, ended: make(chan struct{})}
	if err := s.start(ctx); err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	err := s.options.check()
	if err != nil {
		return err
	}
	if s.programs, err = find(); err != nil {
		return err
	}
	if s.account, err = account(); err != nil {
		return err
	}
	if s.address, err = listen(s.options.Listen); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

func (o Options) check() error {
	if o.Folder == "" || o.AdminUser == "" || o.AdminUser == Superuser || len(o.AdminPassword) < 16 {
		return errors.New("a folder, an administrator and a password of 16 characters are needed")
	}
	return nil
}

// find returns the folder of the programs, of the newest version.
func find() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	newest := ""
	for _, path := range all {
		if len(path) > len(newest) || len(path) == len(newest) && path > newest { // Versions of two digits after those of one.
			newest = path
		}
	}
	if newest == "" {
		return "", ErrAbsent
	}
	return filepath.Dir(newest), nil
}

// listen finds a free port where none is named.
func listen(address string) (string, error) {
	if address != "" {
		return address, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *Server) path(name string) string { return filepath.Join(s.options.Folder, name) }

// access is pg_hba.conf: everybody from loopback, with a password.
const access = "host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n"

// prepare makes the folder's contents, on first use. What an interrupted first use left is thrown away.
func (s *Server) prepare(ctx context.Context) error {
	if _, err := os.Stat(s.path("ready")); err == nil {
		return nil
	}
	if err := os.MkdirAll(s.options.Folder, 0o755); err != nil {
		return err
	}
	if _, err := certificate.Of(s.options.Folder, "PostgreSQL"); err != nil {
		return err
	}
	if err := os.RemoveAll(s.path("data")); err != nil {
		return err
	}
	if err := os.Mkdir(s.path("data"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(s.path("superuser"), []byte(rand.Text()), 0o600); err != nil {
		return err
	}
	if err := s.give("data", "superuser", "key.pem"); err != nil {
		return err
	}
	initdb := s.command(ctx, "initdb", "--pgdata="+s.path("data"), "--username="+Superuser, "--pwfile="+s.path("superuser"),
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("making a cluster: %w: %s", err, out)
	}
	if err := os.WriteFile(s.path("data/pg_hba.conf"), []byte(access), 0o600); err != nil {
		return err
	}
	return os.WriteFile(s.path("ready"), nil, 0o600)
}

// command runs one of PostgreSQL's programs as its account.
func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.programs, program), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.Dir, cmd.SysProcAttr = s.path("data"), attributes(s.account)
	return cmd
}

func (s *Server) serve(ctx context.Context) error {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(s.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := s.command(context.WithoutCancel(ctx), "postgres", "-D", s.path("data"), "-c", "listen_addresses="+host, "-c", "port="+port, "-c", "unix_socket_directories=",
		"-c", "ssl=on", "-c", "ssl_cert_file="+certificate.File(s.options.Folder), "-c", "ssl_key_file="+s.path("key.pem"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.process = cmd
	go func() { _ = cmd.Wait(); close(s.ended) }()
	return s.admit(ctx)
}

// admit waits until the server answers, and lets the administrator in.
func (s *Server) admit(ctx context.Context) error {
	for {
		err := s.makeAdmin(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			text, _ := os.ReadFile(s.path("log"))
			return fmt.Errorf("it ended: %w: %s", err, text[max(0, len(text)-1000):])
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *Server) makeAdmin(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	password, err := conn.PgConn().EscapeString(s.options.AdminPassword)
	if err != nil {
		return err
	}
	admin := pgx.Identifier{s.options.AdminUser}.Sanitize()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", s.options.AdminUser).Scan(&exists); err != nil {
		return err
	}
	verb := "CREATE"
	if exists {
		verb = "ALTER"
	}
	_, err = conn.Exec(ctx, verb+" ROLE "+admin+" LOGIN CREATEROLE CREATEDB PASSWORD '"+password+"'")
	return err
}

// URL leads the superuser to the server.
func (s *Server) URL() string {
	password, _ := os.ReadFile(s.path("superuser"))
	return "postgres://" + Superuser + ":" + strings.TrimSpace(string(password)) + "@" + s.address + "/postgres?sslmode=verify-full&sslrootcert=" + certificate.File(s.options.Folder)
}

// Address is host:port.
func (s *Server) Address() string { return s.address }

// CA is the path of the certificate to trust.
func (s *Server) CA() string { return certificate.File(s.options.Folder) }

// Close ends the server as an administrator does: sessions are cut, data are written.
func (s *Server) Close() error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(30 * time.Second):
		return errors.Join(errors.New("stopping PostgreSQL: it did not end within 30 s and was killed"), s.process.Process.Kill())
	}
}

// give makes files the account's.
func (s *Server) give(names ...string) error {
	if s.account == nil {
		return nil
	}
	for _, name := range names {
		if err := os.Chown(s.path(name), int(s.account.Uid), int(s.account.Gid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
