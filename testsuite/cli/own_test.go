package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox"
	"fermata/testsuite/stage"
)

// board is a status page as examples/own-process speaks to it. The refusals that its driver must understand are tested there.
type board struct {
	sync.Mutex
	texts map[string]string // By path.
}

func (b *board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.Lock()
	defer b.Unlock()
	text, there := b.texts[r.URL.Path]
	switch {
	case r.Header.Get("Authorization") != "Bearer open-sesame":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		b.texts[r.URL.Path] = string(body)
	case r.Method == http.MethodGet && !there:
		w.WriteHeader(http.StatusNotFound)
	default:
		_, _ = io.WriteString(w, text)
	}
}

func (b *board) on(path string) string {
	b.Lock()
	defer b.Unlock()
	return b.texts[path]
}

// A worker of somebody's own, a module beside this one, carries its process on a real Temporal: it is started by `fermata start`,
// approved, listed and told as any other.
func TestAProcessOfOnesOwn(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *sandbox.Options) { o.WithoutWorker = true })
	page := &board{texts: map[string]string{}}
	server := httptest.NewServer(page)
	t.Cleanup(server.Close)
	program := filepath.Join(t.TempDir(), "own-process")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", program, ".") //nolint:gosec // The repository's own.
	build.Dir, build.Env = filepath.Join(stage.Root(t), "examples", "own-process"), append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	described, err := os.ReadFile(h.WorkerConfig)
	require.NoError(t, err)
	config := filepath.Join(filepath.Dir(h.WorkerConfig), "own.yaml")
	system := "    - {name: status, type: pagehttp, config: {url: \"" + server.URL + "/banners\", token: \"secret://file/status-token\"}}\n"
	require.NoError(t, os.WriteFile(config, append(described, system...), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(h.folder, "secrets", "status-token"), []byte("open-sesame"), 0o600))
	w := child(t, "", "--config", config, "--serve", "workflows,record,statuspage")
	w.Path, w.Args[0] = program, program
	require.NoError(t, w.Start())
	t.Cleanup(func() { _ = w.Process.Kill(); _ = w.Wait() })
	w.says(t, "fermata.statuspage")

	started := h.begin(t, "start", "--workflow", "PublishBanner", filepath.Join(stage.Root(t), "examples", "own-process", "banner.yaml"))
	require.Equal(t, "banner/shop", started.WorkflowID)
	require.Contains(t, h.requester(t, 0, "show", "banner/shop").out, "publish the banner")
	h.requester(t, 3, "approve", "banner/shop", "--yes")
	require.Empty(t, page.on("/banners/shop"), "nobody else agreed yet")
	h.approver(t, 0, "approve", "banner/shop", "--yes")
	h.requester(t, 0, "watch", started.Run)
	require.Contains(t, page.on("/banners/shop"), "closed on Sunday")
	listed := h.requester(t, 0, "list").out
	require.Contains(t, listed, "PublishBanner")
	require.Contains(t, listed, "banner/shop")
	require.NotContains(t, listed, "inquiry/", "what only reads is no run")
	require.Contains(t, h.requester(t, 0, "history", started.Run).out, "requester@sandbox signed the start")
}
