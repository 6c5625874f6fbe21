// Package bastion is the jump host of the sandbox: an SSH server on the real loopback that leads into the virtual network.
//
// It lets in the keys that it was given, opens direct-tcpip channels and nothing else: no sessions, no listening, no
// agent. So a laptop needs no further address, and drivers reach emulated guests exactly as real ones behind a jump host.
package bastion

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"fermata/sandbox/estate/network"
)

// Address is the bastion's own address in the virtual network: what guests and filters see.
var Address = netip.MustParseAddr("10.99.0.10") //nolint:gochecknoglobals // Never changed.

// Options describe a bastion. Folder and Network are needed.
type Options struct {
	Folder         string // Keeps the host key.
	Network        *network.Network
	Listen         string   // Real address; "127.0.0.1:0" if empty.
	AuthorizedKeys []string // Keys that are let in, authorized_keys form, under any user name.
	From           netip.Addr
	Log            *slog.Logger
}

// Bastion is a running jump host.
type Bastion struct {
	options  Options
	listener net.Listener
	host     ssh.Signer
	allowed  [][]byte
	ctx      context.Context
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]struct{}
}

// Start opens the bastion; it serves until Close.
func Start(o Options) (*Bastion, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if !o.From.IsValid() {
		o.From = Address
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	allowed, err := parseKeys(o.AuthorizedKeys)
	if err != nil {
		return nil, err
	}
	host, err := hostKey(o.Folder)
	if err != nil {
		return nil, fmt.Errorf("opening the bastion's host key: %w", err)
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("opening the bastion on %s (is the port taken?): %w", o.Listen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Bastion{options: o, listener: listener, host: host, allowed: allowed, ctx: ctx, cancel: cancel, open: map[net.Conn]struct{}{}}
	b.tasks.Go(b.serve)
	return b, nil
}

// Addr is the real address, "127.0.0.1:port".
func (b *Bastion) Addr() string { return b.listener.Addr().String() }

// HostKey is the public host key in authorized_keys form.
func (b *Bastion) HostKey() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(b.host.PublicKey())))
}

// Close ends all connections and waits for them.
func (b *Bastion) Close() error {
	b.cancel()
	err := b.listener.Close()
	b.mu.Lock()
	for conn := range b.open {
		_ = conn.Close() // Its goroutines end with it.
	}
	b.mu.Unlock()
	b.tasks.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing the bastion: %w", err)
	}
	return nil
}

func parseKeys(lines []string) ([][]byte, error) {
	var keys [][]byte
	for _, line := range lines {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("reading authorized key %q: %w", line, err)
		}
		keys = append(keys, key.Marshal())
	}
	return keys, nil
}

// hostKey reads the key in the folder, or makes it.
func hostKey(folder string) (ssh.Signer, error) {
	name := filepath.Join(folder, "bastion_host_ed25519_key")
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("making the folder: %w", err)
		}
		if data, err = newKey(); err != nil {
			return nil, err
		}
		err = os.WriteFile(name, data, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("keeping the key in a file: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s (remove it for a new key): %w", name, err)
	}
	return signer, nil
}

func newKey() ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "bastion")
	if err != nil {
		return nil, fmt.Errorf("encoding the key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

func (b *Bastion) authenticate(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	for _, allowed := range b.allowed {
		if bytes.Equal(allowed, key.Marshal()) {
			return &ssh.Permissions{}, nil
		}
	}
	return nil, errors.New("key not authorised")
}
