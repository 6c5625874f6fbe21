package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"

	"fermata/sandbox/estate/forward"
)

// errDenied is the answer to every login that is not let in; it says no more, as sshd does.
var errDenied = errors.New("permission denied")

// server is the machine's sshd.
type server struct {
	machine  *Machine
	run      *run
	listener net.Listener
	keys     []ssh.Signer
}

func newServer(m *Machine, r *run, listener net.Listener, keys []ssh.Signer) *server {
	return &server{machine: m, run: r, listener: listener, keys: keys}
}

// serve accepts until the machine is switched off.
func (s *server) serve() {
	var open sync.WaitGroup
	defer open.Wait()
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.machine.options.Faults.Down() {
			_ = raw.Close()
			continue
		}
		open.Go(func() { s.connection(raw) })
	}
}

func (s *server) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		ServerVersion:     "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u6",
		PublicKeyCallback: s.authenticate,
	}
	for _, key := range s.keys {
		config.AddHostKey(key)
	}
	return config
}

// authenticate lets in who has a key in the account's authorized_keys, if the account is neither locked nor expired.
func (s *server) authenticate(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	who, ok := s.machine.lookupUser(meta.User())
	if !ok || s.machine.lockedOut(who.name) {
		return nil, errDenied
	}
	rest, err := s.machine.files.as(root).readFile(who.home + "/.ssh/authorized_keys")
	if err != nil {
		return nil, errDenied
	}
	for len(rest) > 0 {
		var known ssh.PublicKey
		if known, _, _, rest, err = ssh.ParseAuthorizedKey(rest); err != nil {
			break
		}
		if bytes.Equal(known.Marshal(), key.Marshal()) {
			return &ssh.Permissions{}, nil
		}
	}
	return nil, errDenied
}

func (s *server) connection(raw net.Conn) {
	conn, channels, requests, err := ssh.NewServerConn(raw, s.config())
	if err != nil {
		_ = raw.Close()
		return
	}
	s.machine.Journal("ssh", fmt.Sprintf("Accepted publickey for %s from %s", conn.User(), conn.RemoteAddr()))
	go ssh.DiscardRequests(requests)
	ctx, cancel := context.WithCancel(s.run.ctx)
	leave := s.machine.logins.add(conn.User(), func() { cancel(); _ = conn.Close() })
	var sessions sync.WaitGroup
	for offered := range channels {
		switch offered.ChannelType() {
		case "session":
		case forward.Channel: // As sshd has it: AllowTcpForwarding yes.
			sessions.Go(func() { _ = forward.Serve(s.run.ctx, offered, s.dial) }) // The client is told.
			continue
		default:
			_ = offered.Reject(ssh.UnknownChannelType, "unsupported channel type")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			continue
		}
		sessions.Go(func() {
			newSession(ctx, s, conn, channel).serve(requests)
		})
	}
	leave()
	sessions.Wait()
	cancel()
	_ = conn.Close()
}

// dial connects from the machine's own address.
func (s *server) dial(ctx context.Context, target string) (net.Conn, error) {
	o := s.machine.options
	return o.Network.Dial(ctx, o.Address, target)
}
