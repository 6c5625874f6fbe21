package network_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/network"
)

var (
	client = netip.MustParseAddr("10.20.0.7")
	near   = netip.MustParseAddr("10.20.0.8")
	server = netip.MustParseAddr("10.10.0.5")
	web    = netip.AddrPortFrom(server, 80)
)

// echo answers what it reads, until the network's end of the test.
func echo(t *testing.T, n *network.Network, at netip.AddrPort) net.Listener {
	t.Helper()
	listener, err := n.Listen(at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener
}

func dial(t *testing.T, n *network.Network, to string) net.Conn {
	t.Helper()
	conn, err := n.Dial(t.Context(), client, to)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestDial(t *testing.T) {
	t.Parallel()
	n := network.New()
	echo(t, n, web)
	n.SetName("www.estate.test", server)
	conn := dial(t, n, "www.estate.test:80")
	require.Equal(t, "10.10.0.5:80", conn.RemoteAddr().String())
	require.True(t, strings.HasPrefix(conn.LocalAddr().String(), "10.20.0.7:"))
	text := strings.Repeat("x", 1<<20) // More than the connection holds at once.
	go func() {
		_, _ = io.WriteString(conn, text)
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	back, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, text, string(back))
}

func TestDialRefuses(t *testing.T) {
	t.Parallel()
	n := network.New()
	echo(t, n, web)
	n.SetName("gone", server)
	n.RemoveName("gone")
	for to, want := range map[string]error{"10.10.0.5:81": syscall.ECONNREFUSED, "10.10.0.6:80": syscall.EHOSTUNREACH} {
		_, err := n.Dial(t.Context(), client, to)
		require.ErrorIs(t, err, want, to)
	}
	for _, to := range []string{"gone:80", "10.10.0.5", "10.10.0.5:http", "10.10.0.5:0", "10.10.0.5:99999"} {
		_, err := n.Dial(t.Context(), client, to)
		require.Error(t, err, to)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := n.Dial(ctx, client, "10.10.0.5:80")
	require.ErrorIs(t, err, context.Canceled)
}

func TestListen(t *testing.T) {
	t.Parallel()
	n := network.New()
	l := echo(t, n, web)
	_, err := n.Listen(web)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	echo(t, n, web)
	free := echo(t, n, netip.AddrPortFrom(server, 0))
	require.NotEqual(t, "10.10.0.5:0", free.Addr().String())
	_, err = n.Listen(netip.MustParseAddrPort("0.0.0.0:80"))
	require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
}

func TestFilter(t *testing.T) {
	t.Parallel()
	n := network.New()
	n.SetDropWait(time.Millisecond)
	echo(t, n, web)
	echo(t, n, netip.AddrPortFrom(near, 80))
	var asked []string
	n.SetFilter(func(from, to netip.AddrPort, proto string) bool {
		asked = append(asked, from.Addr().String()+">"+to.String()+"/"+proto)
		return false
	})
	_, err := n.Dial(t.Context(), client, "10.10.0.5:80")
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	var timeout net.Error
	require.True(t, errors.As(err, &timeout) && timeout.Timeout())
	dial(t, n, "10.20.0.8:80") // The same network: nobody asks.
	require.Equal(t, []string{"10.20.0.7>10.10.0.5:80/tcp"}, asked)
	n.SetFilter(nil)
	open := dial(t, n, "10.10.0.5:80")
	n.SetFilter(func(netip.AddrPort, netip.AddrPort, string) bool { return false })
	_, err = io.WriteString(open, "x") // What is open stays open.
	require.NoError(t, err)
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	n := network.New()
	_, err := n.Listen(web)
	require.NoError(t, err)
	conn := dial(t, n, "10.10.0.5:80")
	require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = conn.Write(make([]byte, 1<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, conn.SetDeadline(time.Time{}))
	require.NoError(t, conn.Close())
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = conn.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestPowerOff(t *testing.T) {
	t.Parallel()
	n := network.New()
	echo(t, n, web)
	conn := dial(t, n, "10.10.0.5:80")
	n.PowerOff(server)
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = n.Dial(t.Context(), client, "10.10.0.5:80")
	require.ErrorIs(t, err, syscall.EHOSTUNREACH)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	n, f := network.New(), &faults.Faults{}
	echo(t, n, web)
	n.SetFaults(server, f)
	f.FailNext(1)
	_, err := n.Dial(t.Context(), client, "10.10.0.5:80")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	f.LoseNext(1)
	_, err = dial(t, n, "10.10.0.5:80").Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	f.SetDown(true)
	_, err = n.Dial(t.Context(), client, "10.10.0.5:80")
	require.ErrorIs(t, err, syscall.EHOSTUNREACH)
	f.SetDown(false)
	dial(t, n, "10.10.0.5:80")
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	n := network.New()
	listener, err := n.Listen(web)
	require.NoError(t, err)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+strings.Split(r.RemoteAddr, ":")[0])
	})}
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close() })
	transport := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return n.Dial(ctx, client, addr) }}
	defer transport.CloseIdleConnections()
	for range 3 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.10.0.5/", nil)
		require.NoError(t, err)
		response, err := transport.RoundTrip(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, "hello 10.20.0.7", string(body))
	}
}
