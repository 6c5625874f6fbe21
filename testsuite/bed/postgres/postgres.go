// Package postgres runs Debian's PostgreSQL 15 for tests: a server of its own in a folder, not the machine's cluster.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fermata/testsuite/bed/host"
)

// Packages are what it needs of Debian.
func Packages() []string { return []string{"postgresql-15", "postgresql-client-15"} }

const (
	programs = "/usr/lib/postgresql/15/bin/"
	// account owns the data: PostgreSQL refuses to run as root.
	account = "nobody"
	// User is the database's superuser, who needs no password on loopback.
	User = "postgres"
)

// Server is a PostgreSQL. Its data stay when it is stopped.
type Server struct {
	folder    string
	namespace string // Network namespace; empty: the machine's own.
	address   string
	settings  []string // name=value, beside those of the bed.
	process   *host.Process
}

// Start makes a database cluster in the folder and serves it on an address on loopback. Writes are not flushed to the disk:
// what it has survives its death, not a power cut.
func Start(ctx context.Context, folder, address string) (*Server, error) {
	return StartIn(ctx, "", folder, address)
}

// StartIn is Start in a network namespace, as `ip netns` calls it.
func StartIn(ctx context.Context, namespace, folder, address string) (*Server, error) {
	return (&Server{folder: folder, namespace: namespace, address: address}).first(ctx, "")
}

// StartGuarded is StartIn with logins as an administrator has them: access is the content of pg_hba.conf. Settings are those of
// postgresql.conf, name=value. The empty namespace is the machine's own.
func StartGuarded(ctx context.Context, namespace, folder, address, access string, settings ...string) (*Server, error) {
	return (&Server{folder: folder, namespace: namespace, address: address, settings: settings}).first(ctx, access)
}

// first makes the cluster, in which everybody on loopback is let in if access is empty.
func (s *Server) first(ctx context.Context, access string) (*Server, error) {
	if err := host.Install(ctx, Packages()...); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"mkdir", "-m", "0700", s.data(), s.sockets()},
		{"chown", account + ":nogroup", s.data(), s.sockets()},
		{
			"setpriv", "--reuid=" + account, "--regid=nogroup", "--clear-groups", programs + "initdb", "--pgdata=" + s.data(), "--username=" + User,
			"--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8",
		},
	} {
		if _, err := run(ctx, s.folder, nil, args...); err != nil {
			return nil, fmt.Errorf("making a database cluster: %w", err)
		}
	}
	if access != "" { // The file stays its account's.
		if err := os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(access), 0o600); err != nil {
			return nil, fmt.Errorf("making a database cluster: %w", err)
		}
	}
	return s, s.Again(ctx)
}

func (s *Server) data() string    { return filepath.Join(s.folder, "data") }
func (s *Server) sockets() string { return filepath.Join(s.folder, "sockets") }

// Again starts the server that was stopped or killed, with its data. Processes of a killed one live on for a moment, and
// PostgreSQL does not start beside them.
func (s *Server) Again(ctx context.Context) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := s.start(ctx)
		if err == nil || !strings.Contains(err.Error(), "pre-existing shared memory block") {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

func (s *Server) start(ctx context.Context) error {
	address, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	args := []string{programs + "postgres", "-D", s.data()}
	for _, setting := range append([]string{
		"listen_addresses=" + address, "port=" + port, "unix_socket_directories=" + s.sockets(), "fsync=off", "max_connections=200",
	}, s.settings...) {
		args = append(args, "-c", setting)
	}
	process, err := host.Start(ctx, host.Daemon{
		Name: "PostgreSQL", User: account, Namespace: s.namespace, Log: filepath.Join(s.folder, "log"), Env: []string{"TZ=UTC"}, Args: args,
		Ready: func(ctx context.Context) error { _, err := s.Query(ctx, "postgres", "SELECT 1"); return err },
	})
	if err == nil {
		s.process = process
	}
	return err
}

// Folder holds all that it writes: its data in data, and its log.
func (s *Server) Folder() string { return s.folder }

// Address is host:port.
func (s *Server) Address() string { return s.address }

// Stop ends the server as an administrator does: sessions are cut, data are written (PostgreSQL calls it fast).
func (s *Server) Stop() error {
	if err := s.process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.process.Done():
		return nil
	case <-time.After(30 * time.Second):
		s.process.Kill()
		return errors.New("stopping PostgreSQL: it did not end within 30 s and was killed")
	}
}

// Kill ends it as a crash does.
func (s *Server) Kill() { s.process.Kill() }

// Query runs SQL in a database and returns the rows, their columns parted by "|".
func (s *Server) Query(ctx context.Context, database, sql string) (string, error) {
	out, err := s.client(ctx, nil, "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname="+database, "--command="+sql)
	return strings.TrimSpace(string(out)), err
}

// Dump writes a database into a file, in pg_dump's own format. Others go on working meanwhile: what is dumped is the
// state of one moment.
func (s *Server) Dump(ctx context.Context, database, file string) error {
	_, err := s.client(ctx, nil, "pg_dump", "--format=custom", "--file="+file, database)
	return err
}

// Script is a database as SQL, as pg_dump writes it.
func (s *Server) Script(ctx context.Context, database string) ([]byte, error) {
	return s.client(ctx, nil, "pg_dump", "--format=plain", database)
}

// Restore makes a database and fills it from a file that Dump wrote.
func (s *Server) Restore(ctx context.Context, database, file string) error {
	if _, err := s.client(ctx, nil, "createdb", database); err != nil {
		return err
	}
	_, err := s.client(ctx, nil, "pg_restore", "--exit-on-error", "--no-owner", "--dbname="+database, file)
	return err
}

// client runs one of PostgreSQL's own programs against the server.
func (s *Server) client(ctx context.Context, env []string, args ...string) ([]byte, error) {
	address, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return nil, err
	}
	args[0] = programs + args[0]
	if s.namespace != "" { // From outside its network, through its socket.
		address = s.sockets()
	}
	return run(ctx, s.folder, append(env, "PGHOST="+address, "PGPORT="+port, "PGUSER="+User, "PGCONNECT_TIMEOUT=5"), args...)
}

// run runs a command and returns what it prints. What it says besides stands in the error.
func run(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // The bed's own commands.
	cmd.Dir, cmd.Stderr, cmd.Env = dir, &said, append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(args[0]), err, said.String())
	}
	return out, nil
}
