package httpx_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/integrations/httpx"
)

func client(t *testing.T, cfg httpx.Config, opts ...httpx.Option) *http.Client {
	t.Helper()
	cfg.Proxy = httpx.NoProxy
	c, err := httpx.New(cfg, opts...)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func ask(t *testing.T, c *http.Client, method, url string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
	require.NoError(t, err)
	r.Header.Set("Authorization", "token SECRET-value")
	resp, err := c.Do(r)
	if err == nil {
		defer resp.Body.Close()
	}
	return httpx.Fault(resp, err, "asking")
}

// TestStatusTellsTheKind is the one table that says which answers are tried again, for every integration over HTTP.
func TestStatusTellsTheKind(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
		if code != 304 {
			_, _ = io.WriteString(w, "because")
		}
	}))
	t.Cleanup(server.Close)
	c := client(t, httpx.Config{})
	for code, kinds := range map[int][2]fault.Kind{ // For a read and for a change.
		200: {"", ""}, 201: {"", ""}, 204: {"", ""}, 304: {"", ""},
		301: {fault.Invalid, fault.Invalid}, 302: {fault.Invalid, fault.Invalid}, 307: {fault.Invalid, fault.Invalid},
		400: {fault.Invalid, fault.Invalid}, 405: {fault.Invalid, fault.Invalid}, 415: {fault.Invalid, fault.Invalid},
		422: {fault.Invalid, fault.Invalid}, 418: {fault.Invalid, fault.Invalid},
		401: {fault.Unauthorized, fault.Unauthorized}, 403: {fault.Unauthorized, fault.Unauthorized},
		407: {fault.Unauthorized, fault.Unauthorized},
		404: {fault.NotFound, fault.NotFound}, 410: {fault.NotFound, fault.NotFound},
		408: {fault.Unavailable, fault.Unavailable},
		409: {fault.Conflict, fault.Conflict}, 412: {fault.Conflict, fault.Conflict}, 423: {fault.Conflict, fault.Conflict},
		429: {fault.Throttled, fault.Throttled},
		500: {fault.Unavailable, fault.Ambiguous}, 501: {fault.Invalid, fault.Invalid}, 502: {fault.Unavailable, fault.Ambiguous},
		503: {fault.Unavailable, fault.Unavailable}, 504: {fault.Unavailable, fault.Ambiguous}, 505: {fault.Invalid, fault.Invalid},
		599: {fault.Unavailable, fault.Ambiguous},
	} {
		url := server.URL + "/" + strconv.Itoa(code)
		read, change := ask(t, c, http.MethodGet, url), ask(t, c, http.MethodPost, url)
		require.Equal(t, kinds[0], fault.KindOf(read), "GET %d: %v", code, read)
		require.Equal(t, kinds[1], fault.KindOf(change), "POST %d: %v", code, change)
		if code >= 400 {
			require.ErrorContains(t, read, "because")
			require.ErrorContains(t, read, "asking: ")
		}
	}
}

func TestRetryAfterHasTwoForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-3": 0, "soon": 0, "99999999999999": 0,
		"Sun, 01 Mar 2026 12:01:30 GMT": 90 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		require.Equal(t, want, httpx.RetryAfter(value, now), "%q", value)
	}
}

func TestThrottledSaysHowLong(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "12")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(server.Close)
	var f *fault.Error
	require.ErrorAs(t, ask(t, client(t, httpx.Config{}), http.MethodPost, server.URL), &f)
	require.Equal(t, 12*time.Second, f.After)
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	lost := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, _ := http.NewResponseController(w).Hijack()
		_ = conn.Close()
	}))
	t.Cleanup(lost.Close)
	over := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(over) })
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "begin")
	}))
	t.Cleanup(half.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	c := client(t, httpx.Config{})
	quick := client(t, httpx.Config{Timeout: 30 * time.Millisecond})

	for name, x := range map[string]struct {
		c            *http.Client
		url          string
		read, change fault.Kind
	}{
		"refused":         {c, refused, fault.Unavailable, fault.Unavailable},
		"answer lost":     {c, lost.URL, fault.Unavailable, fault.Ambiguous},
		"answer too late": {quick, slow.URL, fault.Unavailable, fault.Ambiguous},
	} {
		read, change := ask(t, x.c, http.MethodGet, x.url+"/?token=SECRET-value"), ask(t, x.c, http.MethodPost, x.url)
		require.Equal(t, x.read, fault.KindOf(read), "%s: %v", name, read)
		require.Equal(t, x.change, fault.KindOf(change), "%s: %v", name, change)
		require.NotContains(t, read.Error()+change.Error(), "SECRET")
	}
	for method, kind := range map[string]fault.Kind{http.MethodGet: fault.Unavailable, http.MethodPost: fault.Ambiguous} {
		r, err := http.NewRequestWithContext(t.Context(), method, half.URL, nil)
		require.NoError(t, err)
		resp, err := c.Do(r)
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, kind, fault.KindOf(httpx.Fault(nil, err, "reading")), "half an answer to %s", method)
	}
}

func TestJumpHostsFaultStays(t *testing.T) {
	t.Parallel()
	c := client(t, httpx.Config{}, httpx.WithDialer(dialer(func(context.Context, string, string) (net.Conn, error) {
		return nil, fault.New(fault.Unauthorized, "the jump host refuses")
	})))
	err := ask(t, c, http.MethodPost, "http://10.0.0.1/")
	require.True(t, fault.Is(err, fault.Unauthorized), "%v", err)
	require.ErrorContains(t, err, "the jump host refuses")
}

type dialer func(context.Context, string, string) (net.Conn, error)

func (d dialer) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return d(ctx, network, addr)
}

func TestLongAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Path[1:])
		_, _ = io.WriteString(w, strings.Repeat("x", n))
	}))
	t.Cleanup(server.Close)
	c := client(t, httpx.Config{MaxBody: 1000})
	for n, kind := range map[string]fault.Kind{"999": "", "1000": "", "1001": fault.Invalid, "100000": fault.Invalid} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/"+n, nil)
		require.NoError(t, err)
		resp, err := c.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, resp.Body.Close())
		require.LessOrEqual(t, len(body), 1000)
		if kind != "" {
			require.ErrorIs(t, err, httpx.ErrTooLong)
			err = httpx.Fault(nil, err, "reading")
		}
		require.Equal(t, kind, fault.KindOf(err), "%s bytes", n)
	}
}

func TestErrorsHoldNoCredential(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_ = r.Header.Write(w) // A server that shows what it was sent.
	}))
	t.Cleanup(server.Close)
	err := ask(t, client(t, httpx.Config{}), http.MethodGet, server.URL+"/?access_token=SECRET-value")
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "Authorization: ******")
	require.NotContains(t, err.Error(), "SECRET")
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Authorization: token abcdef123":          "Authorization: ******",
		`"authorization":"Bearer abc.def"`:        `"authorization":"******"`,
		"Set-Cookie: session=abc; Path=/":         "Set-Cookie: ******",
		"got Bearer abcdef.123":                   "got Bearer ******",
		"GET http://me:pw@host/x?a=1&api_key=zzz": "GET http://******@host/x?a=1&api_key=******",
		"nothing secret here":                     "nothing secret here",
	} {
		require.Equal(t, want, httpx.Redact(in))
	}
	h := http.Header{"Authorization": {"x"}, "Set-Cookie": {"a", "b"}, "Accept": {"y"}}
	require.Equal(t, http.Header{"Authorization": {"******"}, "Set-Cookie": {"******"}, "Accept": {"y"}}, httpx.RedactHeader(h))
}
