package probetest

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/probe"
)

func answerCases() map[string]func(*testing.T, Way) {
	return map[string]func(*testing.T, Way){
		"the way is open":                    wayIsOpen,
		"an answer as expected":              expected,
		"what is shown can be shown":         shown,
		"the whole URL is asked":             wholeURL,
		"a new connection for each request":  newConnections,
		"requests side by side":              sideBySide,
		"an endless body is read in part":    endless,
		"https with an authority of its own": trusted,
	}
}

func redirectCases() map[string]func(*testing.T, Way) {
	return map[string]func(*testing.T, Way){
		"a redirect on the host is followed":     followed,
		"a redirect that is expected is no hop":  expectedRedirect,
		"a redirect to elsewhere is the answer":  elsewhere,
		"a redirect to another scheme is no way": otherScheme,
	}
}

func wayIsOpen(t *testing.T, way Way) {
	require.NoError(t, way.Prober(t, nil, patience).Check(t.Context()))
}

func expected(t *testing.T, way Way) {
	s, p := serve(t, way), way.Prober(t, nil, patience)
	for path, r := range map[string]probe.Request{
		"/healthz": {}, "/healthz?": {Status: http.StatusOK, Contains: "web-01"},
		"/missing": {Status: http.StatusNotFound, Contains: "nothing here"}, "/broken": {Status: http.StatusBadGateway},
	} {
		r.URL = s.URL + path
		answer, err := p.Get(t.Context(), r)
		require.NoError(t, err, path)
		require.Equal(t, s.Listener.Addr().String(), answer.Remote, path)
		require.Equal(t, max(r.Status, 200), answer.Status, path)
	}
}

func shown(t *testing.T, way Way) {
	answer, err := way.Prober(t, nil, patience).Get(t.Context(), probe.Request{URL: serve(t, way).URL + "/healthz"})
	require.NoError(t, err)
	require.Len(t, answer.Body, 200)
	require.True(t, strings.HasPrefix(answer.Body, "ok[31m web-01 x"), "%q", answer.Body)
}

func wholeURL(t *testing.T, way Way) {
	s := serve(t, way)
	answer, err := way.Prober(t, nil, patience).Get(t.Context(), probe.Request{URL: s.URL + "/query?a=1&b=%20"})
	require.NoError(t, err)
	require.Equal(t, s.Listener.Addr().String()+" a=1&b=%20", answer.Body)
}

func newConnections(t *testing.T, way Way) {
	s, p := serve(t, way), way.Prober(t, nil, patience)
	for range 3 {
		_, err := p.Get(t.Context(), probe.Request{URL: s.URL + "/healthz"})
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, s.connections.Load(), "one that is kept goes on to reach the server that it was opened to")
}

func sideBySide(t *testing.T, way Way) {
	s, p := serve(t, way), way.Prober(t, nil, patience)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if _, err := p.Get(t.Context(), probe.Request{URL: s.URL + "/healthz", Contains: "web-01"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func endless(t *testing.T, way Way) {
	answer, err := way.Prober(t, nil, patience).Get(t.Context(), probe.Request{URL: serve(t, way).URL + "/endless", Contains: "zzz"})
	require.NoError(t, err)
	require.Len(t, answer.Body, 200)
}

func trusted(t *testing.T, way Way) {
	listener := way.Listen(t)
	security, authority := secured(t, time.Now().Add(time.Hour), host(listener))
	s := server(t, listener, pages(), security)
	s.StartTLS()
	answer, err := way.Prober(t, authority, patience).Get(t.Context(), probe.Request{URL: s.URL + "/healthz", Contains: "web-01"})
	require.NoError(t, err)
	require.Equal(t, listener.Addr().String(), answer.Remote)
}

func host(listener net.Listener) string { return listener.Addr().(*net.TCPAddr).IP.String() }

func followed(t *testing.T, way Way) {
	answer, err := way.Prober(t, nil, patience).Get(t.Context(), probe.Request{URL: serve(t, way).URL + "/near", Contains: "web-01"})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
}

func expectedRedirect(t *testing.T, way Way) {
	s, p := serve(t, way), way.Prober(t, nil, patience)
	for _, path := range []string{"/near", "/loop"} {
		answer, err := p.Get(t.Context(), probe.Request{URL: s.URL + path, Status: http.StatusFound})
		require.NoError(t, err, path)
		require.Equal(t, http.StatusFound, answer.Status, path)
	}
}

func elsewhere(t *testing.T, way Way) {
	s, other := serve(t, way), serve(t, way)
	_, err := way.Prober(t, nil, patience).Get(t.Context(), probe.Request{
		URL: s.URL + "/to?url=" + url.QueryEscape(other.URL+"/healthz"), Status: http.StatusFound,
	})
	require.NoError(t, err)
	require.Zero(t, other.connections.Load(), "nobody asked there")
}

func otherScheme(t *testing.T, way Way) {
	s := serve(t, way)
	for _, to := range []string{"file:///etc/passwd", "ftp://" + s.Listener.Addr().String() + "/"} {
		answer, err := way.Prober(t, nil, patience).Get(t.Context(), probe.Request{URL: s.URL + "/to?url=" + url.QueryEscape(to)})
		kind(t, "Unavailable", err, "302")
		require.NotContains(t, answer.Body, "root:")
	}
}
