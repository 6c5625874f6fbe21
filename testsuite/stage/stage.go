// Package stage is a running sandbox with its two people and a client, for the tests that carry whole runs: the real
// drivers against emulated systems, the real client against the embedded Temporal.
package stage

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/sandbox"
	"fermata/spec"
	"fermata/testsuite/people"
)

// Stage is a running sandbox.
type Stage struct {
	*sandbox.Sandbox
	people.Pair
	Folder string // All of the sandbox's state.
}

// patience is how long a stage's people wait.
const patience = 2 * time.Minute

// Setup starts a sandbox in a folder of its own, without the web UI. It is closed when the test ends.
func Setup(t testing.TB, change ...func(*sandbox.Options)) *Stage {
	t.Helper()
	o := sandbox.Options{Folder: t.TempDir(), WithoutUI: true, Log: Logger(t)}
	for _, f := range change {
		f(&o)
	}
	return Start(t, o)
}

// Start starts a sandbox with these options; what an earlier one left in the folder is found again.
func Start(t testing.TB, o sandbox.Options) *Stage {
	t.Helper()
	box, err := sandbox.Start(t.Context(), o)
	require.NoError(t, err)
	s := &Stage{Sandbox: box, Folder: o.Folder, Pair: people.Pair{Patience: patience}}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.connect(t, box.Config, box.People)
	return s
}

// Close ends the connection, then the sandbox. A second Close does nothing.
func (s *Stage) Close() error {
	if s.Client != nil {
		s.Client.Close()
		s.Client = nil
	}
	if s.Sandbox == nil {
		return nil
	}
	return s.Sandbox.Close()
}

// Logger writes to the file that FERMATA_TEST_LOG names, else nowhere.
func Logger(t testing.TB) *slog.Logger {
	t.Helper()
	path := os.Getenv("FERMATA_TEST_LOG")
	if path == "" {
		return slog.New(slog.DiscardHandler)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return slog.New(slog.NewTextHandler(f, nil))
}

// Root is the folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		above := filepath.Dir(folder)
		require.NotEqual(t, folder, above, "no go.mod in any folder above")
		folder = above
	}
}

// WebServer is the example that users start from.
func WebServer(t testing.TB, change ...func(*spec.Server)) *spec.Server {
	t.Helper()
	return Server(t, "web-01", "10.20.0.11", change...)
}

// Server is the example under another name and address.
func Server(t testing.TB, name, address string, change ...func(*spec.Server)) *spec.Server {
	t.Helper()
	file := filepath.Join(Root(t), "examples", "web-server.yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	// The secret keeps its name: the sandbox has one.
	text := strings.NewReplacer("web-01-session-key", "web-01-session-key", "web-01", name, "10.20.0.11", address).Replace(string(data))
	s, err := spec.Parse(file, []byte(text))
	require.NoError(t, err)
	for _, f := range change {
		f(s)
	}
	return s
}
