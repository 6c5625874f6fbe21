package http_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/probe"
	"fermata/integrations"
	probing "fermata/integrations/http"
)

// forwarder is an HTTP proxy that answers as proxies do when it reaches nobody.
func forwarder(t *testing.T, unreached int) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(*httputil.ProxyRequest) {}, // The request names its server already.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(unreached) },
	})
	t.Cleanup(server.Close)
	return server
}

func through(t *testing.T, proxy string) *probing.Prober {
	t.Helper()
	p, err := probing.New(probing.Config{Proxy: proxy, Timeout: 20 * time.Second}, integrations.Environment{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(t.Context()) })
	return p
}

func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	p := through(t, forwarder(t, http.StatusBadGateway).URL)
	require.NoError(t, p.Check(t.Context()))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	t.Cleanup(server.Close)
	answer, err := p.Get(t.Context(), probe.Request{URL: server.URL + "/", Contains: "here"})
	require.NoError(t, err)
	require.Equal(t, server.Listener.Addr().String(), answer.Remote, "and not the proxy")
}

// A proxy that reaches nobody says so with a status. That is no answer of the service's.
func TestAProxyThatReachesNobody(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	for _, status := range []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		answer, err := through(t, forwarder(t, status).URL).Get(t.Context(), probe.Request{URL: "http://" + listener.Addr().String() + "/"})
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		require.Empty(t, answer.Remote, status)
	}
	answer, err := through(t, forwarder(t, http.StatusForbidden).URL).Get(t.Context(), probe.Request{URL: "http://" + listener.Addr().String() + "/"})
	require.Error(t, err)
	require.NotEmpty(t, answer.Remote, "a proxy that forbids has not looked")
}

func TestAProxyThatIsGone(t *testing.T) {
	t.Parallel()
	gone := forwarder(t, http.StatusBadGateway)
	gone.Close()
	at, err := url.Parse(gone.URL)
	require.NoError(t, err)
	err = through(t, gone.URL).Check(t.Context())
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, "connecting to the proxy: dial tcp "+at.Host)
}
