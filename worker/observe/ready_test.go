package observe

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

// asked is an HTTP answer of an observer.
func asked(t *testing.T, o *Observer, path string) (status int, body string) {
	t.Helper()
	response, err := http.Get("http://" + o.Address() + path)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(data)
}

func listening(t *testing.T) *Observer {
	t.Helper()
	o, err := Listen(t.Context(), "127.0.0.1:0", "build-1", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.Close() })
	o.readiness.first = time.Millisecond
	return o
}

func TestHealthWaitsForTemporalAndNothingElse(t *testing.T) {
	t.Parallel()
	o := listening(t)
	status, body := asked(t, o, "/healthz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "not connected to Temporal yet")
	status, _ = asked(t, o, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status, "nothing was asked yet")
	o.Connected()
	o.Ask(t.Context(), []Check{{"compute vcenter", func(context.Context) error { return fault.New(fault.Unavailable, "no answer") }}})
	status, body = asked(t, o, "/healthz")
	require.Equal(t, http.StatusOK, status, body)
	for path, want := range map[string]int{"/": http.StatusNotFound, "/debug/pprof/": http.StatusNotFound, "/metrics": http.StatusOK} {
		status, _ = asked(t, o, path)
		require.Equal(t, want, status, path)
	}
	response, err := http.Post("http://"+o.Address()+"/metrics", "text/plain", nil)
	require.NoError(t, err)
	_ = response.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}

// A worker is not ready while a system has not answered yet, and says which and why. A system that is away later takes no
// worker out of service.
func TestReadyOnceEverythingAnswered(t *testing.T) {
	t.Parallel()
	o := listening(t)
	var up atomic.Bool
	var tries atomic.Int32
	o.Ask(t.Context(), []Check{
		{"queue fermata.compute", func(context.Context) error { return nil }},
		{"compute vcenter", func(context.Context) error {
			tries.Add(1)
			if !up.Load() {
				return fault.New(fault.Unavailable, "logging in to vcenter: connection refused")
			}
			return nil
		}},
	})
	var s standing
	require.Eventually(t, func() bool {
		status, body := asked(t, o, "/readyz")
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.NoError(t, json.Unmarshal([]byte(body), &s))
		return s.Checks[0].OK && s.Checks[1].Tries > 1
	}, 10*time.Second, 5*time.Millisecond, "it is asked again")
	require.False(t, s.Ready)
	require.Equal(t, "compute vcenter", s.Checks[1].Name)
	require.Contains(t, s.Checks[1].Reason, "connection refused")
	_, metrics := asked(t, o, "/metrics")
	require.Contains(t, metrics, "fermata_ready 0")
	require.Contains(t, metrics, `fermata_check_answered{check="compute vcenter"} 0`)
	require.Contains(t, metrics, `fermata_build_info{build="build-1"} 1`)

	up.Store(true)
	require.Eventually(t, func() bool { status, _ := asked(t, o, "/readyz"); return status == http.StatusOK }, 10*time.Second, 5*time.Millisecond)
	up.Store(false)
	_, metrics = asked(t, o, "/metrics")
	require.Contains(t, metrics, "fermata_ready 1")
	last := tries.Load()
	_, body := asked(t, o, "/readyz")
	require.Contains(t, body, `"ready":true`)
	require.NotContains(t, body, "reason")
	require.Equal(t, last, tries.Load(), "it is not asked for ever")
}

// A wrong password is not tried again and again: the account would be locked.
func TestWhoIsNotLetInDoesNotKnockOn(t *testing.T) {
	t.Parallel()
	o := listening(t)
	var tries atomic.Int32
	answered := make(chan struct{}, 100)
	o.Ask(t.Context(), []Check{
		{"compute vcenter", func(context.Context) error {
			tries.Add(1)
			return fault.New(fault.Unauthorized, "logging in: wrong user or password")
		}},
		{"firewall edge", func(context.Context) error { answered <- struct{}{}; return fault.New(fault.Unavailable, "away") }},
	})
	for range 5 {
		<-answered
	}
	require.EqualValues(t, 1, tries.Load())
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	t.Parallel()
	o := listening(t)
	_, err := Listen(t.Context(), o.Address(), "", slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "listening for metrics and health")
}
