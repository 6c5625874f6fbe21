package scenarios

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// get asks for a page from inside a network, on a connection of its own.
func (e *estate) get(t *testing.T, from, address, path string) (status int, body string, err error) {
	t.Helper()
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: e.net.Dialer(from, &net.Dialer{})}, Timeout: 20 * time.Second,
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	require.NoError(t, err)
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// answers asks the service as its users do until all of these have answered: the balancer takes turns.
func (e *estate) answers(t *testing.T, versions map[string]string) {
	t.Helper()
	want := map[string]bool{}
	for name, version := range versions {
		want[name+" hello-web "+version] = true
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		status, body, err := e.get(t, "clients", balancerAddress, "/")
		require.NoError(c, err)
		require.Equal(c, http.StatusOK, status)
		for line := range want {
			if body == "Hello from hello-web\n"+line+"\n" {
				delete(want, line)
			}
		}
		require.Empty(c, want, "these have not answered")
	}, 30*time.Second, 10*time.Millisecond)
}

// nothing proves that a connection from a network to an address is dropped at the edge.
func (e *estate) nothing(t *testing.T, from, address string) {
	t.Helper()
	before, err := e.edge.Dropped(t.Context())
	require.NoError(t, err)
	conn, err := e.net.Dialer(from, &net.Dialer{Timeout: 500 * time.Millisecond})(t.Context(), "tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	var timeout net.Error
	require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "from %s to %s: %v", from, address, err)
	after, err := e.edge.Dropped(t.Context())
	require.NoError(t, err)
	require.Greater(t, after, before, "the edge dropped it")
}
