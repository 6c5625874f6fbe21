package encryption_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"fermata/encryption"
)

const (
	ui    = "http://127.0.0.1:8233"
	token = "correct-horse-battery-staple"
)

// window is a browser or a program that asks an endpoint.
type window struct {
	http.Handler
	sealed string // A body for it.
}

func open(t *testing.T, change ...func(*encryption.Endpoint)) window {
	t.Helper()
	r := newKeyring(t, newKey(t, "a"))
	p, err := of(r, run).ToPayloads("canary")
	require.NoError(t, err)
	body, err := protojson.Marshal(p)
	require.NoError(t, err)
	require.NotContains(t, string(body), "canary")
	e := encryption.Endpoint{Keys: r, Token: token, Origins: []string{"https://elsewhere.example", ui}}
	for _, f := range change {
		f(&e)
	}
	h, err := e.Handler()
	require.NoError(t, err)
	return window{h, string(body)}
}

func (w window) ask(t *testing.T, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, r)
	return answer
}

func (w window) enter(t *testing.T, token string) *httptest.ResponseRecorder {
	t.Helper()
	return w.ask(t, http.MethodPost, "/codec/enter", "token="+token, "Content-Type", "application/x-www-form-urlencoded")
}

func opened(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	var got commonpb.Payloads
	require.NoError(t, protojson.Unmarshal(w.Body.Bytes(), &got))
	return string(got.GetPayloads()[0].GetData())
}

func TestTheEndpointOpensForWhoHasTheToken(t *testing.T) {
	t.Parallel()
	w := open(t)
	answer := w.ask(t, http.MethodPost, "/codec/decode?preserveStorageRefs=true", w.sealed, "Origin", ui, "Authorization", "Bearer "+token)
	require.Equal(t, `"canary"`, opened(t, answer))
	require.Equal(t, ui, answer.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", answer.Header().Get("Vary"))
	require.Equal(t, `"canary"`, opened(t, w.ask(t, http.MethodPost, "/codec/decode", w.sealed, "Authorization", "Bearer "+token)), "a program sends no origin")

	answer = w.enter(t, token)
	require.Equal(t, http.StatusSeeOther, answer.Code)
	require.Equal(t, "https://elsewhere.example", answer.Header().Get("Location"))
	cookie := answer.Result().Cookies()[0]
	require.True(t, cookie.HttpOnly && cookie.SameSite == http.SameSiteStrictMode && cookie.Path == "/codec" && !cookie.Secure)
	require.NotContains(t, answer.Header().Get("Set-Cookie"), token)
	answer = w.ask(t, http.MethodPost, "/codec/decode", w.sealed, "Origin", ui, "Cookie", cookie.Name+"="+cookie.Value)
	require.Equal(t, `"canary"`, opened(t, answer))
	require.Equal(t, "true", answer.Header().Get("Access-Control-Allow-Credentials"))
	require.Contains(t, w.ask(t, http.MethodGet, "/codec/enter", "").Body.String(), `type="password"`)

	overTLS := open(t, func(e *encryption.Endpoint) { e.TLS = true })
	require.True(t, overTLS.enter(t, token).Result().Cookies()[0].Secure)
	answer = w.ask(t, http.MethodPost, "/codec/enter", "token="+token, "Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-Proto", "https")
	require.True(t, answer.Result().Cookies()[0].Secure, "a proxy has the certificate")
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	answer := open(t).ask(t, http.MethodOptions, "/codec/decode", "", "Origin", ui)
	require.Equal(t, http.StatusNoContent, answer.Code, "a browser sends no token with it")
	require.Equal(t, ui, answer.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", answer.Header().Get("Access-Control-Allow-Credentials"))
	require.Contains(t, answer.Header().Get("Access-Control-Allow-Headers"), "X-Namespace")
	require.Contains(t, answer.Header().Get("Access-Control-Allow-Headers"), "Authorization")
	require.Equal(t, http.MethodPost, answer.Header().Get("Access-Control-Allow-Methods"))
}

func TestTheEndpointRefuses(t *testing.T) {
	t.Parallel()
	w := open(t)
	bearer := []string{"Authorization", "Bearer " + token}
	cookie := w.enter(t, token).Result().Cookies()[0]
	until, _, _ := strings.Cut(cookie.Value, ".")
	stale := open(t, func(e *encryption.Endpoint) { e.Token = token + "-changed" }).enter(t, token+"-changed").Result().Cookies()[0]
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		code               int
	}{
		"no token":                   {http.MethodPost, "/codec/decode", w.sealed, []string{"Origin", ui}, 401},
		"nothing at all":             {http.MethodPost, "/codec/decode", w.sealed, nil, 401},
		"another token":              {http.MethodPost, "/codec/decode", w.sealed, []string{"Authorization", "Bearer " + token + "x"}, 401},
		"part of the token":          {http.MethodPost, "/codec/decode", w.sealed, []string{"Authorization", "Bearer " + token[:20]}, 401},
		"the token as a password":    {http.MethodPost, "/codec/decode", w.sealed, []string{"Authorization", "Basic " + token}, 401},
		"the token as a cookie":      {http.MethodPost, "/codec/decode", w.sealed, []string{"Origin", ui, "Cookie", cookie.Name + "=" + token}, 401},
		"the token in the address":   {http.MethodPost, "/codec/decode?token=" + token, w.sealed, []string{"Origin", ui}, 401},
		"a cookie without an origin": {http.MethodPost, "/codec/decode", w.sealed, []string{"Cookie", cookie.Name + "=" + cookie.Value}, 401},
		"a cookie made longer":       {http.MethodPost, "/codec/decode", w.sealed, []string{"Origin", ui, "Cookie", cookie.Name + "=9" + cookie.Value}, 401},
		"a cookie without its code":  {http.MethodPost, "/codec/decode", w.sealed, []string{"Origin", ui, "Cookie", cookie.Name + "=" + until + "."}, 401},
		"a cookie for another token": {http.MethodPost, "/codec/decode", w.sealed, []string{"Origin", ui, "Cookie", stale.Name + "=" + stale.Value}, 401},
		"another origin":             {http.MethodPost, "/codec/decode", w.sealed, append(bearer, "Origin", "http://evil.example"), 403},
		"another port":               {http.MethodPost, "/codec/decode", w.sealed, append(bearer, "Origin", "http://127.0.0.1:8234"), 403},
		"an origin that extends":     {http.MethodPost, "/codec/decode", w.sealed, append(bearer, "Origin", ui+"0"), 403},
		"another scheme":             {http.MethodPost, "/codec/decode", w.sealed, append(bearer, "Origin", "http://elsewhere.example"), 403},
		"the null origin":            {http.MethodPost, "/codec/decode", w.sealed, append(bearer, "Origin", "null"), 403},
		"another's cookie request":   {http.MethodPost, "/codec/decode", w.sealed, []string{"Origin", "http://evil.example", "Cookie", cookie.Name + "=" + cookie.Value}, 403},
		"preflight of another":       {http.MethodOptions, "/codec/decode", "", []string{"Origin", "http://evil.example"}, 403},
		"sealing":                    {http.MethodPost, "/codec/encode", w.sealed, bearer, 404},
		"another path":               {http.MethodPost, "/codec/keys", w.sealed, bearer, 404},
		"another method":             {http.MethodGet, "/codec/decode", "", bearer, 405},
		"no payloads":                {http.MethodPost, "/codec/decode", "{", bearer, 400},
		"a key we lack":              {http.MethodPost, "/codec/decode", foreign(t), bearer, 400},
		"too large":                  {http.MethodPost, "/codec/decode", string(bytes.Repeat([]byte(" "), 17<<20)), bearer, 400},
		"entering another token":     {http.MethodPost, "/codec/enter", "token=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 401},
		"entering nothing":           {http.MethodPost, "/codec/enter", "", nil, 401},
		"entering too much":          {http.MethodPost, "/codec/enter", "x=" + strings.Repeat("y", 8<<10) + "&token=" + token, []string{"Content-Type", "application/x-www-form-urlencoded"}, 401},
		"deleting":                   {http.MethodDelete, "/codec/enter", "", nil, 405},
	} {
		answer := w.ask(t, c.method, c.path, c.body, c.headers...)
		require.Equal(t, c.code, answer.Code, "%s: %s", name, answer.Body.String())
		require.NotContains(t, answer.Body.String(), "canary", name)
		require.NotContains(t, answer.Body.String(), token, name)
		require.Empty(t, answer.Result().Cookies(), name)
		if c.code == http.StatusForbidden {
			require.Empty(t, answer.Header().Get("Access-Control-Allow-Origin"), name)
		}
	}
	answer := w.ask(t, http.MethodGet, "/codec/enter?token="+token, "")
	require.Empty(t, answer.Result().Cookies(), "a link counts only where it was asked for")
	answer = open(t, func(e *encryption.Endpoint) { e.Link, e.Home = true, ui+"/x" }).ask(t, http.MethodGet, "/codec/enter?token="+token, "")
	require.NotEmpty(t, answer.Result().Cookies())
	require.Equal(t, ui+"/x", answer.Header().Get("Location"))
}

func TestACookieEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := open(t)
		cookie := w.enter(t, token).Result().Cookies()[0]
		decode := func() int {
			return w.ask(t, http.MethodPost, "/codec/decode", w.sealed, "Origin", ui, "Cookie", cookie.Name+"="+cookie.Value).Code
		}
		time.Sleep(12*time.Hour - time.Second)
		require.Equal(t, http.StatusOK, decode())
		time.Sleep(2 * time.Second)
		require.Equal(t, http.StatusUnauthorized, decode())
	})
}

func TestAnEndpointThatWouldNotBeSafe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*encryption.Endpoint)
		want   string
	}{
		"no token":         {func(e *encryption.Endpoint) { e.Token = "" }, "0 characters"},
		"a short token":    {func(e *encryption.Endpoint) { e.Token = token[:23] }, "23 characters"},
		"no origin":        {func(e *encryption.Endpoint) { e.Origins = nil }, "the origin of the web UI"},
		"every origin":     {func(e *encryption.Endpoint) { e.Origins = []string{"*"} }, "is no origin"},
		"every host":       {func(e *encryption.Endpoint) { e.Origins = []string{"https://*.example"} }, "is no origin"},
		"the null origin":  {func(e *encryption.Endpoint) { e.Origins = []string{"null"} }, "is no origin"},
		"one with a path":  {func(e *encryption.Endpoint) { e.Origins = []string{"https://ui.example/"} }, "is no origin"},
		"one with a login": {func(e *encryption.Endpoint) { e.Origins = []string{"https://me@ui.example"} }, "is no origin"},
		"another scheme":   {func(e *encryption.Endpoint) { e.Origins = []string{"ftp://ui.example"} }, "is no origin"},
	} {
		e := encryption.Endpoint{Keys: newKeyring(t, newKey(t, "a")), Token: token, Origins: []string{ui}}
		c.change(&e)
		_, err := e.Handler()
		require.ErrorContains(t, err, c.want, name)
	}
}

// foreign is a body that was sealed with a key that the endpoint lacks.
func foreign(t *testing.T) string {
	t.Helper()
	p, err := newKeyring(t, newKey(t, "b")).DataConverter().ToPayloads("canary")
	require.NoError(t, err)
	body, err := protojson.Marshal(p)
	require.NoError(t, err)
	return string(body)
}
