package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/sandbox"
	"fermata/testsuite/people"
	"fermata/wire"
)

// The key of payloads is changed while runs are parked and workers of two phases work side by side. Nothing stops.
func TestTheKeyIsRotatedWithoutAnOutage(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *sandbox.Options) { o.WithoutWorker = true })
	phase := func(name string) string { return h.keeps(t, name) }
	before := phase("before")
	first := running(t, roleWorker, "--config", ofWorker(before))
	first.says(t, "queue")
	parked := written(t, "web-31", "10.20.0.131")
	started := h.begin(t, "run", parked.file)

	// 1. A key that opens. Workers are exchanged one by one; the run stays where it is.
	a := h.requester(t, 0, "keys", "rotate", "--id", "next")
	require.Contains(t, a.out, sandbox.KeyID+" seals as before")
	reading := phase("reading")
	second := running(t, roleWorker, "--config", ofWorker(reading))
	second.says(t, "queue")
	require.Equal(t, 0, first.ends(t, syscall.SIGTERM), first.out.String())

	// 2. It seals. This command line has the new phase, the only worker the one before.
	h.requester(t, 0, "keys", "rotate", "--activate", "next")
	sealing := phase("sealing")
	p := h.typedWith(t, sealing, h.People.RequesterKey, "show", started.Run)
	require.Equal(t, 0, p.code, p.err)
	late := written(t, "web-32", "10.20.0.132")
	p = h.typedWith(t, sealing, h.People.RequesterKey, "-o", "json", "run", late.file)
	require.Equal(t, 0, p.code, p.err)
	var another client.Started
	require.NoError(t, json.Unmarshal([]byte(p.out), &another))
	h.Until(t, another, "waiting for the approval", func(p wire.Progress) bool { return p.Phase == wire.Waiting || people.Ended(p) })
	p = h.typedWith(t, sealing, h.People.ApproverKey, "approve", started.Run, "--yes", "--reason", "new key")
	require.Equal(t, 0, p.code, p.err)

	// Workers of both phases carry both runs; one is approved by who has not the new description yet.
	third := running(t, roleWorker, "--config", ofWorker(sealing))
	third.says(t, "queue")
	p = h.typedWith(t, reading, h.People.ApproverKey, "approve", another.Run, "--yes", "--reason", "old key")
	require.Equal(t, 0, p.code, p.err)
	require.Contains(t, h.requester(t, 6, "keys", "retire", sandbox.KeyID).err, "open workflows")
	for _, run := range []client.Started{started, another} {
		p = h.typedWith(t, sealing, h.People.RequesterKey, "watch", run.Run)
		require.Equal(t, 0, p.code, p.err)
	}
	require.NotEmpty(t, h.facts(t, parked))
	require.NotEmpty(t, h.facts(t, late))
	require.Equal(t, 0, second.ends(t, syscall.SIGTERM), second.out.String())

	// 3. The old one goes, once nothing open needs it.
	h.freed(t)
	a = h.requester(t, 0, "keys", "list", "--used")
	require.Regexp(t, `next +seals and opens +yes`, a.out)
	h.requester(t, 0, "keys", "retire", sandbox.KeyID)
	require.Equal(t, 0, third.ends(t, syscall.SIGTERM), third.out.String())
	fourth := running(t, roleWorker, "--config", ofWorker(phase("retired")))
	fourth.says(t, "queue")
	h.requester(t, 0, "plan", written(t, "web-33", "10.20.0.133").file)
	require.Contains(t, h.requester(t, 0, "history", parked.name).out, "web-31", "records are not sealed with it")
	key, err := os.ReadFile(filepath.Join(h.folder, "secrets", "payload-key-next"))
	require.NoError(t, err)
	for _, w := range []*process{first, second, third, fourth} {
		require.NotContains(t, w.out.String(), strings.TrimSpace(string(key)))
		require.NotContains(t, w.out.String(), "ecrypting payload", "nothing that a worker met was closed to it")
	}
	require.Equal(t, 0, fourth.ends(t, syscall.SIGTERM), fourth.out.String())
}

// keeps copies the description as it is now, beside itself: its paths stay true. A second copy is for workers.
func (h *hall) keeps(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(h.Config)
	require.NoError(t, err)
	path := filepath.Join(filepath.Dir(h.Config), name+".yaml")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	require.NoError(t, os.WriteFile(ofWorker(path), []byte(strings.ReplaceAll(string(data), "tls/operator.", "tls/worker.")), 0o600))
	return path
}

// ofWorker is the same description with a worker's certificate.
func ofWorker(path string) string { return strings.TrimSuffix(path, ".yaml") + "-worker.yaml" }

func (h *hall) typedWith(t *testing.T, config, key string, args ...string) answer {
	t.Helper()
	return typed(t, append([]string{"--config", config, "--key", key}, args...)...)
}

// freed waits until no open workflow needs the old key: a run's reservations end a moment after it.
func (h *hall) freed(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		used, err := h.Client.KeysInUse(t.Context())
		return err == nil && used[sandbox.KeyID] == 0
	}, patience, 100*time.Millisecond)
}
