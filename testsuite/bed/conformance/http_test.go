package conformance

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/probe"
	"fermata/activities/probe/probetest"
	"fermata/integrations"
	probing "fermata/integrations/http"
	"fermata/integrations/sshx"
	"fermata/testsuite/bed/machine"
)

// TestHTTP runs the suite through a jump host that is OpenSSH: the services are in a network that it alone reaches, and it
// is its sshd that says who took a connection and who did not.
func TestHTTP(t *testing.T) {
	t.Parallel()
	l := setup(t)
	require.NoError(t, l.net.Add(l.ctx, "clients"))
	l.leg("servers", "clients", []string{"10.20.0.5/24"}, []string{"10.20.0.9/24"})
	bastion := l.bastion("clients", "10.20.0.5")
	probetest.Run(t, probetest.Bench{New: func(t *testing.T) probetest.Way {
		gate, login := l.way(bastion, "clients")
		return probetest.Way{
			Prober: func(t *testing.T, authority []byte, timeout time.Duration) probe.Prober {
				t.Helper()
				return l.prober(t, login(machine.Guest), authority, timeout)
			},
			Listen: func(t *testing.T) net.Listener {
				t.Helper()
				listener, err := l.net.Listen(l.ctx, "servers", "10.20.0.9:0")
				require.NoError(t, err)
				return listener
			},
			Break: func(*testing.T) { gate.Cut(true) },
		}
	}})
}

// bastion boots a jump host. Its account for guests may do nothing there but pass.
func (l *lab) bastion(namespace, address string) *machine.Machine {
	l.Helper()
	m, err := machine.Start(l.ctx, l.machine("bastion-01", namespace, address))
	require.NoError(l, err)
	l.Cleanup(func() { require.NoError(l, m.Stop()) })
	return m
}

func (l *lab) prober(t *testing.T, jump sshx.Config, authority []byte, timeout time.Duration) *probing.Prober {
	t.Helper()
	cfg := probing.Config{Jump: &jump, Timeout: timeout}
	if authority != nil {
		cfg.CA = filepath.Join(t.TempDir(), "ca.pem")
		require.NoError(t, os.WriteFile(cfg.CA, authority, 0o600))
	}
	p, err := probing.New(cfg, integrations.Environment{Secrets: l.secret})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(t.Context()) })
	return p
}
