// Package nameserver runs Debian's BIND 9 and PowerDNS 4 as primary servers of the same zones, each on an address of its own.
//
// They are the real daemons. That one is away or loses an answer is arranged by a relay before it.
package nameserver

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/dns"

	"fermata/sandbox/estate/faults"
	"fermata/testsuite/bed/host"
)

// The zones that are served. Unserved is not.
const (
	Zone     = "estate.test"
	Reverse  = "20.10.in-addr.arpa"
	Reverse6 = "0.2.0.0.0.0.d.f.ip6.arpa"
	Unserved = "other.test"
)

// The names of TSIG keys: one may update and transfer, one is known and may do nothing.
const (
	Key      = "fermata"
	Stranger = "stranger"
)

// Packages are Debian's packages that the servers and their judges need.
func Packages() []string {
	return []string{"pdns-server", "pdns-backend-sqlite3", "sqlite3", "bind9", "bind9-dnsutils"}
}

func zones() []string { return []string{Zone, Reverse, Reverse6} }

// Server is a running nameserver.
type Server struct {
	Address string // host:port, over UDP and TCP.
	Behind  string // The same over TCP, through the relay that Faults govern.
	Faults  *faults.Faults
	APIKey  string // PowerDNS: of its API.
	API     string // PowerDNS: the API's URL, without the relay.

	folder  string
	secrets map[string]string // Of the TSIG keys, base64.
	process *host.Process
	relay   *relay
}

// newServer prepares what both have: a folder, an address, keys.
func newServer(folder string) (*Server, error) {
	address, err := host.Address()
	if err != nil {
		return nil, err
	}
	return &Server{
		Address: address, Faults: &faults.Faults{}, folder: folder,
		secrets: map[string]string{Key: NewSecret(), Stranger: NewSecret()},
	}, nil
}

// NewSecret is a secret for a TSIG key.
func NewSecret() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

// Secret is a TSIG key's secret.
func (s *Server) Secret(key string) string { return s.secrets[key] }

func (s *Server) path(name string) string { return filepath.Join(s.folder, name) }

func (s *Server) write(name, text string) error {
	return os.WriteFile(s.path(name), []byte(text), 0o644) //nolint:gosec // Daemons of other accounts read it.
}

// start starts the daemon and the relay before it.
func (s *Server) start(ctx context.Context, d host.Daemon) (err error) {
	d.Log, d.Dir, d.Ready = s.path("output"), s.folder, s.answers
	if s.process, err = host.Start(ctx, d); err != nil {
		return err
	}
	if s.relay, err = newRelay(s.Address, s.Faults); err != nil {
		return errors.Join(err, s.process.Stop())
	}
	s.Behind = s.relay.address()
	return nil
}

// answers asks for the last zone that is loaded.
func (s *Server) answers(ctx context.Context) error {
	for _, zone := range zones() {
		m := new(dns.Msg)
		m.SetQuestion(dns.Fqdn(zone), dns.TypeSOA)
		answer, _, err := (&dns.Client{Timeout: time.Second}).ExchangeContext(ctx, m, s.Address)
		if err != nil {
			return err
		}
		if len(answer.Answer) != 1 {
			return fmt.Errorf("zone %s is not answered yet", zone)
		}
	}
	return nil
}

// Stop ends the daemon and the relay.
func (s *Server) Stop() error { return errors.Join(s.relay.close(), s.process.Stop()) }

// Log is what the daemon said last.
func (s *Server) Log() string { return s.process.Tail(40) }

// Dig asks with dig, which is ISC's own and shares nothing with the driver. Transfers are signed with the key.
func (s *Server) Dig(ctx context.Context, args ...string) (string, error) {
	server, port, _ := net.SplitHostPort(s.Address)
	file, err := s.keyFile()
	if err != nil {
		return "", err
	}
	return run(ctx, "", "dig", append([]string{"@" + server, "-p", port, "-k", file, "+noall", "+answer", "+nocookie"}, args...)...)
}

// Dump is all records of the zones but their start of authority, sorted by the server, as dig transfers them.
func (s *Server) Dump(ctx context.Context) (string, error) {
	var all strings.Builder
	for _, zone := range zones() {
		text, err := s.Dig(ctx, "+nottlunits", zone, "AXFR")
		if err != nil {
			return "", err
		}
		for line := range strings.Lines(text) {
			if fields := strings.Fields(line); len(fields) > 4 && fields[3] != "SOA" && fields[3] != "TSIG" {
				all.WriteString(strings.Join(fields, " ") + "\n")
			}
		}
	}
	return all.String(), nil
}

// Set replaces the records of a name and type with nsupdate; none: it removes them.
func (s *Server) Set(ctx context.Context, name, kind string, contents ...string) error {
	server, port, _ := net.SplitHostPort(s.Address)
	file, err := s.keyFile()
	if err != nil {
		return err
	}
	script := fmt.Sprintf("server %s %s\nupdate delete %s. %s\n", server, port, name, kind)
	for _, content := range contents {
		script += fmt.Sprintf("update add %s. 300 %s %s\n", name, kind, content)
	}
	_, err = run(ctx, script+"send\n", "nsupdate", "-k", file)
	return err
}

// keyFile keeps the secret out of the arguments of dig and nsupdate.
func (s *Server) keyFile() (string, error) {
	return s.path("key"), os.WriteFile(s.path("key"), []byte(bindKey(Key, s.secrets[Key])), 0o600)
}

func bindKey(name, secret string) string {
	return fmt.Sprintf("key \"%s\" { algorithm hmac-sha256; secret \"%s\"; };\n", name, secret)
}

func run(ctx context.Context, input, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // The bed chooses its own programs.
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("running %s: %w\n%s", program, err, out)
	}
	return string(out), nil
}
