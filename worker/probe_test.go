package worker

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const described = `apiVersion: fermata/v1
kind: Installation
metadata: {name: test}
spec:
  temporal: {address: "127.0.0.1:1"}
  encryption: {active: k1, keys: [{id: k1, secret: "secret://file/payload-key"}]}
  decisions: {allowedSigners: allowed_signers}
  secrets: {file: {folder: secrets}}
  records: {folder: records}
`

func main(t *testing.T, args ...string) (said string, code int) {
	t.Helper()
	var out bytes.Buffer
	code = Main(t.Context(), append([]string{"fermata-worker"}, args...), &out, &out)
	return out.String(), code
}

func TestCheckConnectsToNothing(t *testing.T) {
	t.Parallel()
	good, bad := filepath.Join(t.TempDir(), "good.yaml"), filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(good, []byte(described), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte(described+"  systems: [{name: x, type: y}]\n"), 0o600))
	said, code := main(t, "--config", good, "check")
	require.Zero(t, code, said)
	require.Equal(t, "good\n", said)
	for text, args := range map[string][]string{
		"no integration":        {"--config", bad, "check"},
		"no such file":          {"--config", good + "x", "check"},
		"nothing is called \"z": {"--config", good, "--serve", "z", "check"},
	} {
		said, code = main(t, args...)
		require.Equal(t, 2, code, text)
		require.Contains(t, said, text)
	}
}

func TestHealthAsksTheWorker(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(`{"path":"` + r.URL.Path + `"}`))
	}))
	t.Cleanup(server.Close)
	at := strings.TrimPrefix(server.URL, "http://")
	said, code := main(t, "--listen", at, "health")
	require.Zero(t, code, said)
	require.Contains(t, said, "/healthz")
	_, port, _ := strings.Cut(at, ":")
	_, code = main(t, "--listen", "0.0.0.0:"+port, "health")
	require.Zero(t, code, "it listens everywhere, so on the loopback too")
	said, code = main(t, "--listen", at, "health", "--ready")
	require.Equal(t, 1, code)
	require.Contains(t, said, "503")
	require.Contains(t, said, "/readyz", "why not")
	server.Close()
	_, code = main(t, "--listen", at, "health")
	require.Equal(t, 1, code)
	said, code = main(t, "health")
	require.Equal(t, 2, code)
	require.Contains(t, said, "--listen")
}
