package cli

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/sandbox"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/faults"
	"fermata/wire"
	"fermata/worker/observe/observetest"
)

// watched starts a worker that serves metrics and health, with more in its environment, and returns where it serves them.
func watched(t *testing.T, h *hall, env ...string) (w *process, at string) {
	t.Helper()
	w = child(t, roleWorker, "--config", h.WorkerConfig, "--listen", "127.0.0.1:0", "--log-format", "json")
	w.Env = append(w.Env, env...)
	require.NoError(t, w.Start())
	t.Cleanup(func() {
		if w.ProcessState == nil {
			_ = w.Process.Kill()
			_ = w.Wait()
		}
	})
	w.says(t, "queue  fermata.ticketing")
	found := regexp.MustCompile(`metrics (http://127\.0\.0\.1:\d+)/metrics`).FindStringSubmatch(w.out.String())
	require.NotNil(t, found, w.out.String())
	return w, found[1]
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url) //nolint:gosec // The worker's own address.
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(data)
}

// readyWithin waits for the answer of /readyz.
func readyWithin(t *testing.T, at string) {
	t.Helper()
	var body string
	require.Eventually(t, func() bool {
		status, now := get(t, at+"/readyz")
		body = now
		return status == http.StatusOK
	}, patience, 100*time.Millisecond, "it never was ready")
	require.NotContains(t, body, "reason")
}

// A worker tells whether it is ready, and why not; it logs for which run, step and target it does something; and runs go
// from a worker that sends no traces to one that does, and back.
func TestAWorkerIsSeen(t *testing.T) {
	t.Parallel()
	tickets, vcenter := &faults.Faults{}, &faults.Faults{}
	h := open(t, func(o *sandbox.Options) {
		o.WithoutWorker, o.Faults = true, map[string]*faults.Faults{estate.Tickets: tickets, estate.VCenter: vcenter}
	})
	tickets.SetDown(true)
	first, at := watched(t, h)
	require.Eventually(t, func() bool {
		status, body := get(t, at+"/readyz")
		require.Equal(t, http.StatusServiceUnavailable, status)
		return strings.Contains(body, `{"name":"ticketing tickets","ok":false,"reason":"`) && strings.Contains(body, `{"name":"compute vcenter","ok":true`) &&
			strings.Contains(body, `{"name":"record store","ok":true`) && strings.Contains(body, `{"name":"queue fermata","ok":true`)
	}, patience, 100*time.Millisecond, "a system that is away is named")
	status, _ := get(t, at+"/healthz")
	require.Equal(t, http.StatusOK, status, "that is no reason to start it anew")
	tickets.SetDown(false)
	readyWithin(t, at)
	vcenter.SetDown(true)
	status, _ = get(t, at+"/readyz")
	require.Equal(t, http.StatusOK, status, "a vCenter that is away later takes no worker out of service")
	vcenter.SetDown(false)

	one := h.begin(t, "run", written(t, "web-41", "10.20.0.141").file)
	require.Equal(t, 0, first.ends(t, syscall.SIGTERM), first.out.String())
	receiver := observetest.Receive(t)
	second, at := watched(t, h, "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL)
	readyWithin(t, at)
	h.approver(t, 0, "approve", one.Run, "--yes")
	h.Done(t, one)
	two := h.begin(t, "run", written(t, "web-42", "10.20.0.142").file)
	_, metrics := get(t, at+"/metrics")
	for _, line := range []string{
		`fermata_runs{kind="ProvisionServer",state="waiting"} 1`, `fermata_visibility_up 1`, `fermata_held_steps 0`, `fermata_ready 1`,
		`fermata_queue_polled{queue="fermata.compute"} 1`, `temporal_activity_execution_latency_seconds_count{activity_type="compute.CloneVM"`,
	} {
		require.Contains(t, metrics, line)
	}
	for _, run := range []string{one.Run, two.Run, "web-41"} {
		require.NotContains(t, metrics, run, "there are ever more runs: none is a label")
	}
	require.Equal(t, 0, second.ends(t, syscall.SIGTERM), second.out.String())
	sent := receiver.Requests()
	third, _ := watched(t, h)
	h.approver(t, 0, "approve", two.Run, "--yes")
	h.Done(t, two)
	require.Equal(t, sent, receiver.Requests(), "the third sends nothing")
	require.Equal(t, 0, third.ends(t, syscall.SIGTERM), third.out.String())

	h.traced(t, receiver, one)
	h.logged(t, second, one)
	h.logged(t, third, two)
}

// traced judges what the second worker sent of a run that the first began.
func (h *hall) traced(t *testing.T, r *observetest.Receiver, run client.Started) {
	t.Helper()
	id, err := ulid.ParseStrict(run.Run)
	require.NoError(t, err)
	clones := r.Spans("RunActivity:compute.CloneVM")
	require.Len(t, clones, 1)
	require.Equal(t, hex.EncodeToString(id[:]), observetest.TraceID(clones[0]))
	attributes := observetest.Attributes(clones[0])
	require.Equal(t, run.Run, attributes["fermata.run"])
	require.Equal(t, "deploy", attributes["fermata.step"])
	require.Equal(t, "web-41", attributes["fermata.target"])
	ended := false
	for _, s := range r.Spans("RunWorkflow:" + wire.ProvisionServer) {
		ended = ended || observetest.TraceID(s) == hex.EncodeToString(id[:])
	}
	require.True(t, ended, "the run itself is there")
}

// logged judges the lines of a worker's log, each of which is JSON but those on its standard output.
func (h *hall) logged(t *testing.T, w *process, run client.Started) {
	t.Helper()
	found := 0
	for line := range strings.Lines(w.out.String()) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &l), line)
		if l["msg"] == "activity done" && l["activity"] == "compute.CloneVM" && l["run"] == run.Run {
			found++
			require.Equal(t, "deploy", l["step"])
			require.Equal(t, strings.TrimPrefix(run.WorkflowID, "server/"), l["target"])
			require.Equal(t, wire.ProvisionServer, l["kind"])
			require.Equal(t, "fermata.compute", l["queue"])
		}
	}
	require.Equal(t, 1, found, w.out.String())
	secrets, err := os.ReadDir(filepath.Join(h.folder, "secrets"))
	require.NoError(t, err)
	for _, s := range secrets {
		if value, err := os.ReadFile(filepath.Join(h.folder, "secrets", s.Name())); err == nil && !strings.HasSuffix(s.Name(), ".pub") {
			require.NotContains(t, w.out.String(), strings.TrimSpace(string(value)), s.Name())
		}
	}
}
