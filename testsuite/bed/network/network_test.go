package network_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/network"
)

func TestMain(m *testing.M) { os.Exit(host.Main(m, host.Installed(network.Packages))) }

// setup builds left - router - right.
func setup(t *testing.T) (context.Context, *network.Network) {
	t.Helper()
	host.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	n, err := network.New(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	for _, name := range []string{"left", "router", "right"} {
		require.NoError(t, n.Add(ctx, name))
	}
	require.NoError(t, n.Forwarding("router"))
	require.NoError(t, n.Join(ctx, end("left", "eth0", "10.1.0.2/24", "fd00:1::2/64"), end("router", "to-left", "10.1.0.1/24", "fd00:1::1/64")))
	require.NoError(t, n.Join(ctx, end("right", "eth0", "10.2.0.2/24", "fd00:2::2/64"), end("router", "to-right", "10.2.0.1/24", "fd00:2::1/64")))
	for leg, via := range map[string][]string{"left": {"10.1.0.1", "fd00:1::1"}, "right": {"10.2.0.1", "fd00:2::1"}} {
		require.NoError(t, n.Route(ctx, leg, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr(via[0])))
		require.NoError(t, n.Route(ctx, leg, netip.MustParsePrefix("::/0"), netip.MustParseAddr(via[1])))
	}
	return ctx, n
}

func end(namespace, device string, addresses ...string) network.End {
	e := network.End{Namespace: namespace, Device: device}
	for _, address := range addresses {
		e.Addresses = append(e.Addresses, netip.MustParsePrefix(address))
	}
	return e
}

// greet answers every connection with its far address.
func greet(t *testing.T, listener net.Listener) {
	t.Helper()
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, conn.RemoteAddr().(*net.TCPAddr).IP.String())
			_ = conn.Close()
		}
	}()
}

func TestPacketsAreRouted(t *testing.T) {
	t.Parallel()
	ctx, n := setup(t)
	for address, source := range map[string]string{"10.2.0.2:80": "10.1.0.2", "[fd00:2::2]:80": "fd00:1::2"} {
		listener, err := n.Listen(ctx, "right", address)
		require.NoError(t, err)
		greet(t, listener)
		conn, err := n.Dialer("left", &net.Dialer{})(ctx, "tcp", address)
		require.NoError(t, err)
		said, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, source, string(said))
		require.NoError(t, conn.Close())
	}
}

func TestTheMachineItselfIsNotConnected(t *testing.T) {
	t.Parallel()
	ctx, n := setup(t)
	listener, err := n.Listen(ctx, "right", "127.0.0.1:0")
	require.NoError(t, err)
	greet(t, listener)
	_, err = (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
	require.Error(t, err, "loopback of a namespace is its own")
	out, err := n.Run(ctx, "left", "", "ip", "-o", "link")
	require.NoError(t, err)
	require.Contains(t, out, "eth0@")
	require.NotContains(t, out, "to-left")
}

func TestForwardLeadsInside(t *testing.T) {
	t.Parallel()
	ctx, n := setup(t)
	listener, err := n.Listen(ctx, "right", "10.2.0.2:80")
	require.NoError(t, err)
	greet(t, listener)
	gate, err := n.Forward(ctx, "left", "10.2.0.2:80")
	require.NoError(t, err)
	for cut, want := range map[bool]string{false: "10.1.0.2", true: ""} {
		gate.Cut(cut)
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", gate.Address())
		require.NoError(t, err)
		said, _ := io.ReadAll(conn)
		require.Equal(t, want, string(said))
	}
}

func TestDaemonLivesInItsNamespace(t *testing.T) {
	t.Parallel()
	ctx, n := setup(t)
	log := host.Folder(t) + "/log"
	p, err := host.Start(ctx, host.Daemon{
		Name: "sleep", Args: []string{"sh", "-c", "ip -o address; exec sleep 1004"}, Namespace: n.Namespace("right"), Log: log,
		Ready: func(context.Context) error { _, err := os.Stat(log); return err },
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(p.Tail(9)) > 0 }, 10*time.Second, 10*time.Millisecond)
	require.Contains(t, p.Tail(9), "10.2.0.2/24")
	require.NotContains(t, p.Tail(9), "10.1.0.2/24")
	require.NoError(t, p.Stop())
}

func TestCloseKillsWhatIsInside(t *testing.T) {
	t.Parallel()
	ctx, n := setup(t)
	p, err := host.Start(ctx, host.Daemon{Name: "sleep", Args: []string{"sleep", "1005"}, Namespace: n.Namespace("right")})
	require.NoError(t, err)
	require.NoError(t, n.Close())
	<-p.Done()
	require.NoError(t, p.Stop())
}

// TestBridgesOnlySwitch: a packet filter in the namespace of a bridge sees what is routed, not what the bridge passes on.
func TestBridgesOnlySwitch(t *testing.T) {
	t.Parallel()
	ctx, n := setup(t)
	require.NoError(t, host.Install(ctx, "nftables"))
	bridge := network.End{Namespace: "router", Device: "switch"}
	require.NoError(t, n.Bridge(ctx, bridge))
	for name, address := range map[string]string{"near": "10.3.0.2/24", "far": "10.3.0.3/24"} {
		require.NoError(t, n.Add(ctx, name))
		require.NoError(t, n.Plug(ctx, network.End{Namespace: name, Device: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}, "", bridge))
	}
	_, err := n.Run(ctx, "router", "table inet filter {\nchain forward {\ntype filter hook forward priority filter; policy drop;\n}\n}\n", "nft", "-f", "-")
	require.NoError(t, err)
	listener, err := n.Listen(ctx, "far", "10.3.0.3:80")
	require.NoError(t, err)
	greet(t, listener)
	conn, err := n.Dialer("near", &net.Dialer{Timeout: 5 * time.Second})(ctx, "tcp", "10.3.0.3:80")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}
