package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/notify/notifytest"
	"fermata/integrations/httpx"
	"fermata/integrations/webhook"
	"fermata/sandbox/estate/hooks"
)

func TestConfigIsRefused(t *testing.T) {
	t.Parallel()
	good := webhook.Config{URL: "https://chat.example.net/hooks/fermata?room=7", Secret: "secret://file/hook"}
	d, err := webhook.New(good, nil, nil)
	require.NoError(t, err)
	require.Equal(t, "https://chat.example.net/hooks/fermata?room=x", d.Endpoint(), "a query may hold a token")
	for name, x := range map[string]struct {
		change func(*webhook.Config)
		says   string
	}{
		"no address":         {func(c *webhook.Config) { c.URL = "" }, "url: expected"},
		"no scheme":          {func(c *webhook.Config) { c.URL = "chat.example.net" }, "url: expected"},
		"another scheme":     {func(c *webhook.Config) { c.URL = "ftp://chat.example.net" }, "url: expected"},
		"plain http":         {func(c *webhook.Config) { c.URL = "http://chat.example.net" }, "expected https"},
		"no loopback":        {func(c *webhook.Config) { c.URL = "http://127.0.0.1.example.net" }, "expected https"},
		"credential in URL":  {func(c *webhook.Config) { c.URL = "https://a:hunter2@chat.example.net" }, "it holds a credential"},
		"fragment":           {func(c *webhook.Config) { c.URL += "#x" }, "no fragment"},
		"no secret":          {func(c *webhook.Config) { c.Secret = "" }, "secret: expected"},
		"a bare secret":      {func(c *webhook.Config) { c.Secret = "whsec_aHVudGVyMg==" }, "secret: expected"},
		"a bare previous":    {func(c *webhook.Config) { c.Previous = "whsec_aHVudGVyMg==" }, "previous: expected"},
		"twice the same":     {func(c *webhook.Config) { c.Previous = c.Secret }, "previous: expected another"},
		"a missing CA file":  {func(c *webhook.Config) { c.HTTP.CA = "/nowhere.pem" }, "ca:"},
		"a negative timeout": {func(c *webhook.Config) { c.HTTP.Timeout = -1 }, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := good
			x.change(&bad)
			_, err := webhook.New(bad, nil, nil)
			require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, x.says)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "aHVudGVyMg")
		})
	}
}

// A receiver changes its secret while nothing is lost: old alone, both, new alone.
func TestSecretIsRotated(t *testing.T) {
	t.Parallel()
	old, next := setup(t, hooks.Options{}), setup(t, hooks.Options{Secrets: []string{whsec('c')}})
	both := func(c *webhook.Config) { c.Secret, c.Previous = "secret://test/next", "secret://test/good" }
	for _, b := range []bench{old, next} {
		require.NoError(t, b.driver(t, both).Send(t.Context(), "", notifytest.Notice()))
	}
	only := func(c *webhook.Config) { c.Secret = "secret://test/next" }
	require.NoError(t, next.driver(t, only).Send(t.Context(), "", notifytest.Notice()))
	require.Equal(t, fault.Unauthorized, fault.KindOf(old.driver(t, only).Send(t.Context(), "", notifytest.Notice())))
}

func TestBadSecretIsRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	b := setup(t, hooks.Options{})
	for name, value := range map[string]string{
		"no prefix": strings.TrimPrefix(whsec('z'), "whsec_"), "no base64": "whsec_hunter2!", "too short": "whsec_aHVudGVyMg==", "empty": "",
		"too long": "whsec_" + strings.Repeat("enp6", 22),
	} {
		c := b.config()
		d, err := webhook.New(c, secrets{"good": value}, nil)
		require.NoError(t, err)
		for _, err := range []error{d.Check(t.Context()), d.Send(t.Context(), "", notifytest.Notice())} {
			require.Equal(t, fault.Invalid, fault.KindOf(err), name)
			require.ErrorContains(t, err, "secret://test/good")
			if value != "" {
				require.NotContains(t, err.Error(), strings.TrimPrefix(value, "whsec_"), name)
			}
		}
	}
	require.Empty(t, b.server.Received())
}

func TestReceiverThatWantsNoMore(t *testing.T) {
	t.Parallel()
	b := setup(t, hooks.Options{})
	b.server.SetGone(true)
	err := b.driver(t, nil).Send(t.Context(), "", notifytest.Notice())
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.ErrorContains(t, err, "wants no more notices")
}

func TestThrottledSaysHowLong(t *testing.T) {
	t.Parallel()
	b := setup(t, hooks.Options{})
	b.server.ThrottleNext(1)
	var f *fault.Error
	require.ErrorAs(t, b.driver(t, nil).Send(t.Context(), "", notifytest.Notice()), &f)
	require.Equal(t, 7*time.Second, f.After)
}

// Answers of other receivers: what each means, and that nothing is sent to where a redirect leads.
func TestAnswers(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for status, want := range map[int]fault.Kind{
		200: "", 201: "", 202: "", 204: "", 301: fault.Invalid, 302: fault.Invalid, 304: fault.Invalid, 307: fault.Invalid, 308: fault.Invalid,
		400: fault.Invalid, 401: fault.Unauthorized, 403: fault.Unauthorized, 404: fault.NotFound, 408: fault.Unavailable, 409: fault.Conflict,
		410: fault.Invalid, 413: fault.Invalid, 422: fault.Invalid, 429: fault.Throttled, 500: fault.Ambiguous, 502: fault.Ambiguous, 503: fault.Unavailable,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		d, err := webhook.New(webhook.Config{URL: server.URL, Secret: "secret://test/good", HTTP: httpx.Config{Proxy: httpx.NoProxy}}, secrets{"good": whsec('a')}, nil)
		require.NoError(t, err)
		require.Equal(t, want, fault.KindOf(d.Send(t.Context(), "", notifytest.Notice())), "%d", status)
		check := d.Check(t.Context())
		switch {
		case status == 429:
			require.Equal(t, fault.Throttled, fault.KindOf(check))
		case status >= 500:
			require.Equal(t, fault.Unavailable, fault.KindOf(check), "%d", status)
		default:
			require.NoError(t, check, "%d: it answers", status)
		}
	}
	require.Zero(t, elsewhere.Load())
}
