package conformance

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/secret"
	"fermata/integrations/sshx"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
	"fermata/testsuite/bed/repository"
)

func TestMain(m *testing.M) {
	os.Exit(host.Main(m, host.Installed(network.Packages, machine.Packages, edge.Packages, guests.Packages, repository.Packages()), guests.Prepare))
}

// lab is a test's own network.
type lab struct {
	*testing.T
	ctx    context.Context
	net    *network.Network
	secret keys
	public string
}

func setup(t *testing.T) *lab {
	t.Helper()
	host.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // Some are shared by a whole suite.
	t.Cleanup(cancel)
	n, err := network.New(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	private, public, err := machine.NewKey()
	require.NoError(t, err)
	return &lab{T: t, ctx: ctx, net: n, secret: private, public: public}
}

// keys answers every reference with the one private key.
type keys []byte

func (k keys) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.NewValue(k), nil
}

// machine describes one; the caller adds what it is for.
func (l *lab) machine(name, namespace, address string) machine.Options {
	return machine.Options{
		Name: name, Network: l.net, Namespace: namespace, Address: address, AuthorizedKeys: []string{l.public}, Folder: host.Folder(l.T),
	}
}

// leg joins a namespace to the router and lets it use the router for everything else.
func (l *lab) leg(name, router string, hub, own []string) {
	l.Helper()
	end := func(namespace, device string, addresses []string) network.End {
		e := network.End{Namespace: namespace, Device: device}
		for _, address := range addresses {
			e.Addresses = append(e.Addresses, netip.MustParsePrefix(address))
		}
		return e
	}
	require.NoError(l, l.net.Add(l.ctx, name))
	require.NoError(l, l.net.Join(l.ctx, end(name, "eth0", own), end(router, "to-"+name, hub)))
	for _, address := range hub {
		via := netip.MustParsePrefix(address).Addr()
		everything := netip.MustParsePrefix("0.0.0.0/0")
		if via.Is6() {
			everything = netip.MustParsePrefix("::/0")
		}
		require.NoError(l, l.net.Route(l.ctx, name, everything, via))
	}
}

// way is how a driver logs in to a machine, through a gate that can be cut.
func (l *lab) way(m *machine.Machine, namespace string) (*network.Gate, func(user string) sshx.Config) {
	l.Helper()
	gate, err := l.net.Forward(l.ctx, namespace, m.SSH())
	require.NoError(l, err)
	return gate, func(user string) sshx.Config {
		return sshx.Config{Address: gate.Address(), User: user, Key: "secret://bed/key", HostKeys: []string{m.HostKey()}}
	}
}

// until waits for a condition.
func (l *lab) until(holds func() error) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := holds()
		if err == nil {
			return nil
		}
		select {
		case <-l.ctx.Done():
			return errors.Join(l.ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
