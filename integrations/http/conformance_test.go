package http_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/probe"
	"fermata/activities/probe/probetest"
	"fermata/activities/secret"
	"fermata/integrations"
	probing "fermata/integrations/http"
	"fermata/integrations/httpx"
	"fermata/integrations/sshx"
	"fermata/sandbox/estate/bastion"
	"fermata/sandbox/estate/network"
)

// with returns the suite's function that makes probers of the configuration.
func with(cfg probing.Config, env integrations.Environment) func(*testing.T, []byte, time.Duration) probe.Prober {
	return func(t *testing.T, authority []byte, timeout time.Duration) probe.Prober {
		t.Helper()
		cfg := cfg
		cfg.Timeout = timeout
		if authority != nil {
			cfg.CA = filepath.Join(t.TempDir(), "ca.pem")
			require.NoError(t, os.WriteFile(cfg.CA, authority, 0o600))
		}
		p, err := probing.New(cfg, env)
		require.NoError(t, err)
		t.Cleanup(func() { _ = p.Close(context.Background()) })
		return p
	}
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return listener
}

func TestConformanceDirectly(t *testing.T) {
	t.Parallel()
	probetest.Run(t, probetest.Bench{New: func(*testing.T) probetest.Way {
		return probetest.Way{Prober: with(probing.Config{Proxy: httpx.NoProxy}, integrations.Environment{}), Listen: loopback}
	}})
}

type vault []byte

func (v vault) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.NewValue(v), nil
}

// Behind a jump host, services live in a network that only the jump host reaches.
func TestConformanceThroughAJumpHost(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "test")
	require.NoError(t, err)
	probetest.Run(t, probetest.Bench{New: func(t *testing.T) probetest.Way {
		behind := network.New()
		host, err := bastion.Start(bastion.Options{
			Folder: t.TempDir(), Network: behind, AuthorizedKeys: []string{string(ssh.MarshalAuthorizedKey(signer.PublicKey()))},
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = host.Close() })
		cfg := probing.Config{Jump: &sshx.Config{Address: host.Addr(), User: "x", Key: "secret://file/x", HostKeys: []string{host.HostKey()}}}
		return probetest.Way{
			Prober: with(cfg, integrations.Environment{Secrets: vault(pem.EncodeToMemory(block))}),
			Listen: func(t *testing.T) net.Listener {
				t.Helper()
				listener, err := behind.Listen(netip.MustParseAddrPort("10.20.0.11:0"))
				require.NoError(t, err)
				return listener
			},
			Break: func(t *testing.T) { t.Helper(); require.NoError(t, host.Close()) },
		}
	}})
}
