// Package requesttracker runs Debian's Request Tracker 5 on SQLite, set up as integrations/requesttracker says, for tests.
//
// Beside the user "fermata", who has the rights of that README and no other, there are "reader", who may read only,
// "person", who works on tickets, and pairs fermata-NN and person-NN for tests that share a server.
package requesttracker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"fermata/testsuite/bed/host"
)

// Packages are what the server and its judge need of Debian.
func Packages() []string {
	return []string{"request-tracker5", "rt5-db-sqlite", "rt5-standalone", "starlet", "sqlite3"}
}

// account is the one that Debian runs web applications as.
const account = "www-data"

// Options describe a server.
type Options struct {
	// Folder keeps its state; it must be there, and daemons must be able to enter it.
	Folder string
	// InitialData is the path of integrations/requesttracker/initialdata.
	InitialData string
	// Address is where it listens, "127.0.0.1:18080".
	Address string
	// Namespace is its network namespace; empty: the machine's.
	Namespace string
	// Dial reaches the address from the test, where the namespace is another one; nil: as any other.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Workers is how many requests are answered at once; 0: 2.
	Workers int
}

// Server is a Request Tracker. Its state stays when it is stopped.
type Server struct {
	options Options
	tokens  map[string]string
	process *host.Process
	http    *http.Client
}

// Start installs Request Tracker if it is missing, sets up the database or takes one that was prepared, and serves.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := host.Install(ctx, Packages()...); err != nil {
		return nil, err
	}
	image, err := prepare(ctx, o.InitialData)
	if err != nil {
		return nil, fmt.Errorf("preparing Request Tracker: %w", err)
	}
	s := &Server{options: o, http: &http.Client{Transport: &http.Transport{DialContext: o.Dial, DisableKeepAlives: true}}}
	if err := s.unpack(ctx, image); err != nil {
		return nil, fmt.Errorf("preparing Request Tracker: %w", err)
	}
	return s, s.Again(ctx)
}

// unpack copies a prepared database, unless the folder has one already.
func (s *Server) unpack(ctx context.Context, image string) error {
	for _, name := range []string{databaseFile, tokensFile, siteFile} {
		path := filepath.Join(s.options.Folder, name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(image, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil { //nolint:gosec // A fixed name in the bed's folder.
			return err
		}
	}
	for _, name := range []string{"var", "mason", "sessions"} {
		if err := os.MkdirAll(filepath.Join(s.options.Folder, name), 0o700); err != nil {
			return err
		}
	}
	if err := giveAway(ctx, s.options.Folder); err != nil {
		return err
	}
	return s.readTokens()
}

// giveAway makes the folder the server's own.
func giveAway(ctx context.Context, folder string) error {
	owner, err := user.Lookup(account)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "chown", "-R", owner.Uid+":"+owner.Gid, folder).CombinedOutput() //nolint:gosec // Our folder.
	if err != nil {
		return fmt.Errorf("giving %s to %s: %w: %s", folder, account, err, out)
	}
	return nil
}

func (s *Server) readTokens() error {
	data, err := os.ReadFile(filepath.Join(s.options.Folder, tokensFile))
	if err != nil {
		return err
	}
	s.tokens = map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, token, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.tokens[name] = token
	}
	return nil
}

// Again starts the server that was stopped or killed, with its state.
func (s *Server) Again(ctx context.Context) error {
	address, port, err := net.SplitHostPort(s.options.Address)
	if err != nil {
		return fmt.Errorf("starting Request Tracker: %w", err)
	}
	workers := s.options.Workers
	if workers == 0 {
		workers = 2
	}
	s.process, err = host.Start(ctx, host.Daemon{
		Name: "Request Tracker", Namespace: s.options.Namespace, User: account, Log: filepath.Join(s.options.Folder, "log"),
		Args: []string{
			"/usr/share/request-tracker5/libexec/rt-server", "--server", "Starlet", "--host", address, "--port", port,
			"--max-workers", strconv.Itoa(workers), "--max-reqs-per-child", "100000",
		},
		Env: environment(s.options.Folder, address, port), Ready: s.serves,
	})
	return err
}

// serves asks for something that needs a token: without one RT answers 401 as soon as it can answer at all.
func (s *Server) serves(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/REST/2.0/rt", nil)
	if err != nil {
		return err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("it answers %s without a token", response.Status)
	}
	return nil
}

// URL is the address of the web interface.
func (s *Server) URL() string { return "http://" + s.options.Address }

// Token returns a user's token.
func (s *Server) Token(name string) (string, error) {
	token, ok := s.tokens[name]
	if !ok {
		return "", errors.New("Request Tracker has no user " + name) //nolint:staticcheck // A name.
	}
	return token, nil
}

// Stop ends the server as an administrator does.
func (s *Server) Stop() error { return s.process.Stop() }

// Kill ends it as a power cut would.
func (s *Server) Kill() { s.process.Kill() }
