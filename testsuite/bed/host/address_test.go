package host

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nobody who calls out is given a port of the bed's addresses.
func TestAddressesAreThisProcessesOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 3 {
		address, err := Address()
		require.NoError(t, err)
		require.False(t, seen[address])
		seen[address] = true
		host, _, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.Equal(t, IP(0), host)
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		from, _, err := net.SplitHostPort(conn.LocalAddr().String())
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1", from, "who calls out comes from elsewhere")
		require.NoError(t, conn.Close())
		require.NoError(t, l.Close())
	}
	for n := range 3 {
		require.True(t, net.ParseIP(IP(n)).IsLoopback(), IP(n))
	}
	require.NotEqual(t, IP(0), IP(1))
}

// A port that somebody listens on is passed over.
func TestATakenAddressIsPassedOver(t *testing.T) { //nolint:paralleltest // Which address is the next is known to one alone.
	first, err := Address()
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(first)
	require.NoError(t, err)
	next := net.JoinHostPort(IP(0), increased(t, port))
	l, err := net.Listen("tcp", next)
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	second, err := Address()
	require.NoError(t, err)
	require.NotEqual(t, next, second)
}

func increased(t *testing.T, port string) string {
	t.Helper()
	number, err := net.LookupPort("tcp", port)
	require.NoError(t, err)
	return strconv.Itoa(number + 1)
}
