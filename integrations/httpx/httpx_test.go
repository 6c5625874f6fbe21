package httpx_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/integrations/httpx"
)

func tlsServer(t *testing.T) (url, ca, pin string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	cert := server.Certificate()
	ca = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600))
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return server.URL, ca, hex.EncodeToString(sum[:])
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	url, ca, pin := tlsServer(t)
	for name, c := range map[string]struct {
		cfg  httpx.Config
		kind fault.Kind
	}{
		"CA":             {httpx.Config{CA: ca}, ""},
		"CA and pin":     {httpx.Config{CA: ca, Pin: pin}, ""},
		"another pin":    {httpx.Config{CA: ca, Pin: strings.Repeat("ab", 32)}, fault.Unauthorized},
		"pin without CA": {httpx.Config{Pin: pin}, fault.Unauthorized},
		"machine's CAs":  {httpx.Config{}, fault.Unauthorized},
		"another name":   {httpx.Config{CA: ca, ServerName: "other.example.net"}, fault.Unauthorized},
		"named":          {httpx.Config{CA: ca, ServerName: "example.com"}, ""},
	} {
		err := ask(t, client(t, c.cfg), http.MethodPost, url)
		require.Equal(t, c.kind, fault.KindOf(err), "%s: %v", name, err)
	}
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	via := httpx.WithDialer(dialer((&net.Dialer{}).DialContext))
	for text, c := range map[string]struct {
		cfg  httpx.Config
		opts []httpx.Option
	}{
		"no such file":    {httpx.Config{CA: "/nonesuch/ca.pem"}, nil},
		"no certificate":  {httpx.Config{CA: empty}, nil},
		"64 hex digits":   {httpx.Config{Pin: "abc"}, nil},
		"a URL such as":   {httpx.Config{Proxy: "proxy:3128"}, nil},
		"does not belong": {httpx.Config{Proxy: "http://me:pw@proxy:3128"}, nil},
		"exclude":         {httpx.Config{Proxy: "http://proxy:3128"}, []httpx.Option{via}},
		"positive":        {httpx.Config{Timeout: -1}, nil},
	} {
		_, err := httpx.New(c.cfg, c.opts...)
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", text, err)
		require.ErrorContains(t, err, text)
	}
}

func TestDialerSeesTheNameAsItIs(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	var asked string
	c := client(t, httpx.Config{}, httpx.WithDialer(dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
		asked = addr
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	})))
	require.NoError(t, ask(t, c, http.MethodGet, "http://www.estate.test/"))
	require.Equal(t, "www.estate.test:80", asked)
}

func TestProxyIsUsed(t *testing.T) {
	t.Parallel()
	var asked string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.String() }))
	t.Cleanup(proxy.Close)
	c, err := httpx.New(httpx.Config{Proxy: proxy.URL})
	require.NoError(t, err)
	require.NoError(t, ask(t, c, http.MethodGet, "http://far.example/x"))
	require.Equal(t, "http://far.example/x", asked)
}
