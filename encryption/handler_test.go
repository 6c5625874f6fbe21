package encryption_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

const ui = "http://127.0.0.1:8233"

func ask(t *testing.T, h http.Handler, method, path, origin, body string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestCodecEndpoint(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	p, err := r.DataConverter().ToPayloads("canary")
	require.NoError(t, err)
	body, err := protojson.Marshal(p)
	require.NoError(t, err)
	require.NotContains(t, string(body), "canary")
	h := r.Handler("http://elsewhere:1", ui)

	w := ask(t, h, http.MethodPost, "/decode", ui, string(body))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, ui, w.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", w.Header().Get("Vary"))
	var got commonpb.Payloads
	require.NoError(t, protojson.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, `"canary"`, string(got.Payloads[0].Data))

	w = ask(t, h, http.MethodPost, "/encode", "", w.Body.String())
	require.Equal(t, http.StatusOK, w.Code, "the command line sends no origin")
	require.NotContains(t, w.Body.String(), "canary")
}

func TestCodecEndpointPreflight(t *testing.T) {
	t.Parallel()
	w := ask(t, newKeyring(t, newKey(t, "a")).Handler(ui), http.MethodOptions, "/decode", ui, "")
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, ui, w.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, w.Header().Get("Access-Control-Allow-Headers"), "X-Namespace")
	require.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))
}

func TestCodecEndpointRefuses(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	p, err := r.DataConverter().ToPayloads("canary")
	require.NoError(t, err)
	good, err := protojson.Marshal(p)
	require.NoError(t, err)
	other, err := newKeyring(t, newKey(t, "b")).DataConverter().ToPayloads("canary")
	require.NoError(t, err)
	foreign, err := protojson.Marshal(other)
	require.NoError(t, err)
	cases := map[string]struct {
		method, path, origin, body string
		code                       int
	}{
		"another origin":         {http.MethodPost, "/decode", "http://evil.example", string(good), http.StatusForbidden},
		"another port":           {http.MethodPost, "/decode", "http://127.0.0.1:8234", string(good), http.StatusForbidden},
		"an origin that extends": {http.MethodPost, "/decode", ui + "0", string(good), http.StatusForbidden},
		"the null origin":        {http.MethodPost, "/decode", "null", string(good), http.StatusForbidden},
		"preflight of another":   {http.MethodOptions, "/decode", "http://evil.example", "", http.StatusForbidden},
		"another method":         {http.MethodGet, "/decode", ui, "", http.StatusNotFound},
		"another path":           {http.MethodPost, "/keys", ui, string(good), http.StatusNotFound},
		"no payloads":            {http.MethodPost, "/decode", ui, "{", http.StatusBadRequest},
		"a key we lack":          {http.MethodPost, "/decode", ui, string(foreign), http.StatusBadRequest},
		"too large":              {http.MethodPost, "/decode", ui, string(bytes.Repeat([]byte(" "), 17<<20)), http.StatusBadRequest},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ask(t, r.Handler(ui), c.method, c.path, c.origin, c.body)
			require.Equal(t, c.code, w.Code, w.Body.String())
			require.NotContains(t, w.Body.String(), "canary")
			if c.code == http.StatusForbidden {
				require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
			}
		})
	}
	w := ask(t, r.Handler("*"), http.MethodPost, "/decode", "http://evil.example", string(good))
	require.Equal(t, http.StatusForbidden, w.Code, "there is no wildcard")
	w = ask(t, r.Handler(), http.MethodPost, "/decode", ui, string(good))
	require.Equal(t, http.StatusForbidden, w.Code, "no origins means no browser")
}
