package http_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/probe"
	"fermata/integrations"
	probing "fermata/integrations/http"
	"fermata/integrations/httpx"
	"fermata/integrations/sshx"
)

func prober(t *testing.T, cfg probing.Config) *probing.Prober {
	t.Helper()
	cfg.Proxy = httpx.NoProxy
	p, err := probing.New(cfg, integrations.Environment{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(t.Context()) })
	return p
}

func service(t *testing.T) *httptest.Server {
	t.Helper()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "not here") }))
	t.Cleanup(elsewhere.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\x1b[31m\nweb-01 "+strings.Repeat("x", 300))
	})
	mux.HandleFunc("/near", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/healthz", http.StatusFound) })
	mux.HandleFunc("/far", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("y", 64<<10)+"late")
		w.(http.Flusher).Flush()
		<-r.Context().Done() // The rest never comes; nobody waits for it.
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestGet(t *testing.T) {
	t.Parallel()
	server, p := service(t), prober(t, probing.Config{})
	for name, c := range map[string]struct {
		request probe.Request
		kind    fault.Kind
		text    string
	}{
		"as expected":       {probe.Request{URL: "/healthz"}, "", ""},
		"with its text":     {probe.Request{URL: "/healthz", Contains: "web-01"}, "", ""},
		"other text":        {probe.Request{URL: "/healthz", Contains: "web-02"}, fault.Unavailable, `does not contain "web-02"`},
		"other status":      {probe.Request{URL: "/broken"}, fault.Unavailable, "the answer is 502, expected 200"},
		"that status":       {probe.Request{URL: "/broken", Status: 502}, "", ""},
		"redirect here":     {probe.Request{URL: "/near", Contains: "web-01"}, "", ""},
		"redirect away":     {probe.Request{URL: "/far"}, fault.Unavailable, "the answer is 302"},
		"redirect for ever": {probe.Request{URL: "/loop"}, fault.Unavailable, "more than 5 redirects"},
		"body too long":     {probe.Request{URL: "/endless", Contains: "late"}, fault.Unavailable, "does not contain"},
		"long but enough":   {probe.Request{URL: "/endless", Contains: "yyyy"}, "", ""},
	} {
		c.request.URL = server.URL + c.request.URL
		answer, err := p.Get(t.Context(), c.request)
		require.Equal(t, c.kind, fault.KindOf(err), "%s: %v", name, err)
		if c.kind != "" {
			require.ErrorContains(t, err, c.text, name)
			continue
		}
		require.Equal(t, server.Listener.Addr().String(), answer.Remote)
		require.LessOrEqual(t, len(answer.Body), 200)
		require.NotContains(t, answer.Body, "\x1b")
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	p := prober(t, probing.Config{})
	for _, u := range []string{"", "ftp://x/", "http://", "www.example", "http://me:SECRETpw@host/", "http://a b/"} {
		_, err := p.Get(t.Context(), probe.Request{URL: u})
		require.True(t, fault.Is(err, fault.Invalid), "%q: %v", u, err)
		require.NotContains(t, err.Error(), "SECRET")
	}
}

func TestNoAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	silent := "http://" + listener.Addr().String() // Accepts, says nothing.
	t.Cleanup(func() { _ = listener.Close() })
	p := prober(t, probing.Config{Timeout: 30 * time.Millisecond})
	_, err = p.Get(t.Context(), probe.Request{URL: silent})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	_, err = p.Get(t.Context(), probe.Request{URL: "http://127.0.0.1:1/"})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]probing.Config{
		"jump without address": {Jump: &sshx.Config{User: "x"}},
		"jump without trust":   {Jump: &sshx.Config{Address: "127.0.0.1:22", User: "x", Key: "secret://file/x"}},
		"no such CA":           {CA: "/nonesuch.pem"},
		"jump and proxy": {Proxy: "http://proxy:3128", Jump: &sshx.Config{
			Address: "127.0.0.1:22", User: "x", Key: "secret://file/x", KnownHosts: "/nonesuch",
		}},
	} {
		_, err := probing.New(cfg, integrations.Environment{})
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
	}
}
