package canary_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/canary"
)

func TestFilesAndTheirNamesAreSearched(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"text": canary.Secret("text"), "name": canary.Word("name"), "none": canary.Word("none")}
	folder := t.TempDir()
	for _, file := range []string{"a/kept", "a/" + secrets["name"], "left/out", "c"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, file)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(secrets["text"]), 0o600))
	}
	s := canary.New(secrets)
	s.Files(t, "file ", folder, "left", "c")
	n, size := s.Places("")
	require.Equal(t, 2, n)
	require.Greater(t, size, 2*len(secrets["text"]))
	require.True(t, s.Found("text", "file a/kept"))
	require.True(t, s.Found("name", "file a/"))
	require.False(t, s.Found("name", "kept"))
	arrived := s.Judge(t, func(f canary.Find) string { return f.Secret })
	require.Equal(t, map[string]bool{"text": true, "name": true}, arrived)

	judged := &judgment{TB: t}
	require.Panics(t, func() { s.Judge(judged, func(canary.Find) string { return "" }) })
	require.True(t, judged.failed)
}

// judgment is a test that fails without the one around it.
type judgment struct {
	testing.TB
	failed bool
}

func (j *judgment) Helper()               {}
func (j *judgment) Errorf(string, ...any) { j.failed = true }
func (j *judgment) FailNow()              { panic("failed") }
