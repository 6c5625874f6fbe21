package requesttracker_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/faults"
)

// front stands before the server and makes it misbehave, for one test.
type front struct {
	server *httptest.Server
	faults *faults.Faults
}

func newFront(t *testing.T, behind string) front {
	t.Helper()
	target, err := url.Parse(behind)
	require.NoError(t, err)
	f := front{faults: &faults.Faults{}}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	pass.ModifyResponse = func(answer *http.Response) error {
		if answer.Request.Method != http.MethodGet && answer.StatusCode < 300 && f.faults.Lose() {
			panic(http.ErrAbortHandler) // The change is made; the connection is closed without an answer.
		}
		return nil
	}
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.faults.Refuse(r.Context()) {
			http.Error(w, "refused", http.StatusServiceUnavailable)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(f.server.Close)
	return f
}
