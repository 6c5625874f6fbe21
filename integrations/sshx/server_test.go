package sshx_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/sshx"
)

// server is an SSH server in this process. Its commands run in an interpreted shell whose only programs are builtins.
type server struct {
	t        *testing.T
	address  string
	hostKeys []ssh.Signer
	login    ssh.PublicKey

	noForward bool
	exec      func(s *server, line string, channel ssh.Channel) uint32 // Nil: the shell.

	logins atomic.Int32
	forced atomic.Int32 // Forwarded connections.

	mu       sync.Mutex
	conns    []net.Conn
	lines    []string
	signals  []string
	listener net.Listener
}

func newKey(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "test")
	require.NoError(t, err)
	return signer, pem.EncodeToMemory(block)
}

func line(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// vault is a secret.Resolver over a map.
type vault map[string][]byte

func (v vault) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	b, ok := v[string(ref)]
	if !ok {
		return secret.Value{}, fault.New(fault.NotFound, "no secret %s", ref)
	}
	return secret.NewValue(b), nil
}

// start serves until the test ends.
func (s *server) start(t *testing.T) *server {
	t.Helper()
	s.t = t
	if len(s.hostKeys) == 0 {
		key, _ := newKey(t)
		s.hostKeys = []ssh.Signer{key}
	}
	address := s.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s.listener, s.address = listener, listener.Addr().String()
	go s.serve(listener)
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() { _ = s.listener.Close(); s.cut() }

// cut breaks all connections.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	s.conns = nil
}

func (s *server) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		go s.handle(conn)
	}
}

func (s *server) handle(raw net.Conn) {
	cfg := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(s.login.Marshal()) {
			return nil, fmt.Errorf("unknown key")
		}
		return nil, nil
	}}
	for _, key := range s.hostKeys {
		cfg.AddHostKey(key)
	}
	_, channels, requests, err := ssh.NewServerConn(raw, cfg)
	if err != nil {
		_ = raw.Close()
		return
	}
	s.logins.Add(1)
	go ssh.DiscardRequests(requests)
	for open := range channels {
		switch {
		case open.ChannelType() == "session":
			go s.session(open)
		case open.ChannelType() == "direct-tcpip" && !s.noForward:
			go s.forward(open)
		default:
			_ = open.Reject(ssh.Prohibited, "not here")
		}
	}
}

func (s *server) forward(open ssh.NewChannel) {
	var to struct {
		Host     string
		Port     uint32
		FromHost string
		FromPort uint32
	}
	_ = ssh.Unmarshal(open.ExtraData(), &to)
	far, err := net.Dial("tcp", net.JoinHostPort(to.Host, fmt.Sprint(to.Port)))
	if err != nil {
		_ = open.Reject(ssh.ConnectionFailed, "connection refused")
		return
	}
	s.forced.Add(1)
	channel, requests, err := open.Accept()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(channel, far); _ = channel.Close() }()
	_, _ = io.Copy(far, channel)
	_ = far.Close()
}

func (s *server) session(open ssh.NewChannel) {
	channel, requests, err := open.Accept()
	if err != nil {
		return
	}
	for request := range requests {
		switch request.Type {
		case "exec":
			length := binary.BigEndian.Uint32(request.Payload)
			command := string(request.Payload[4 : 4+length])
			s.mu.Lock()
			s.lines = append(s.lines, command)
			s.mu.Unlock()
			_ = request.Reply(true, nil)
			go func() {
				run := s.exec
				if run == nil {
					run = shell
				}
				status := run(s, command, channel)
				_, _ = channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, status))
				_ = channel.Close()
			}()
		case "signal":
			s.mu.Lock()
			s.signals = append(s.signals, string(request.Payload[4:]))
			s.mu.Unlock()
		default:
			_ = request.Reply(false, nil)
		}
	}
}

func shell(_ *server, command string, channel ssh.Channel) uint32 {
	err := interpret(context.Background(), command, nil, interp.StdIO(channel, channel, channel.Stderr()))
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return uint32(status)
	}
	_, _ = fmt.Fprintln(channel.Stderr(), err)
	return 2
}

func interpret(ctx context.Context, script string, args []string, std interp.RunnerOption) error {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(script), "")
	if err != nil {
		return err
	}
	runner, err := interp.New(std, interp.Params(append([]string{"--"}, args...)...),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return program }))
	if err != nil {
		return err
	}
	return runner.Run(ctx, file)
}

// program emulates the few programs that the tests use.
func program(ctx context.Context, args []string) error {
	std := interp.HandlerCtx(ctx)
	switch args[0] {
	case "args":
		for _, arg := range args[1:] {
			_, _ = fmt.Fprintf(std.Stdout, "%q\n", arg)
		}
		return nil
	case "cat":
		_, _ = io.Copy(std.Stdout, std.Stdin)
		return nil
	case "sh": // sh -c SCRIPT NAME ARG...
		return interpret(ctx, args[2], args[4:], interp.StdIO(std.Stdin, std.Stdout, std.Stderr))
	case "sudo", "flock":
		_, _ = fmt.Fprintf(std.Stdout, "%s\n", strings.Join(args, " "))
		return nil
	}
	_, _ = fmt.Fprintf(std.Stderr, "%s: not found\n", args[0])
	return interp.ExitStatus(127)
}

func (s *server) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lines...)
}

// bundle is a server and a pool that trusts it.
type bundle struct {
	server *server
	pool   *sshx.Pool
	cfg    sshx.Config
	vault  vault
}

func setup(t *testing.T, prepare ...func(*server)) bundle {
	t.Helper()
	login, private := newKey(t)
	s := &server{login: login.PublicKey()}
	for _, f := range prepare {
		f(s)
	}
	s.start(t)
	b := bundle{server: s, vault: vault{"secret://file/key": private}}
	b.cfg = sshx.Config{
		Address: s.address, User: "deploy", Key: "secret://file/key", HostKeys: []string{line(s.hostKeys[0].PublicKey())},
		Timeout: 5 * time.Second,
	}
	b.pool = newPool(t, b.cfg, b.vault)
	return b
}

func newPool(t *testing.T, cfg sshx.Config, secrets secret.Resolver) *sshx.Pool {
	t.Helper()
	pool, err := sshx.NewPool(cfg, secrets)
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

func (b bundle) run(t *testing.T, cmd sshx.Command) (sshx.Result, error) {
	t.Helper()
	conn, err := b.pool.Client(t.Context(), sshx.Target{})
	require.NoError(t, err)
	return conn.Run(t.Context(), cmd)
}
