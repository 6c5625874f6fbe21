package worker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The mounted folder is as Kubernetes makes it: each name is a link through ..data, and readable for all.
func TestSecretsAreCopiedForTheWorkerAlone(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(from, "..2026"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(from, "..2026", "payload-key"), []byte("k1"), 0o600))
	require.NoError(t, os.Symlink("..2026", filepath.Join(from, "..data")))
	require.NoError(t, os.Symlink("..data/payload-key", filepath.Join(from, "payload-key")))
	for range 2 {
		said, code := main(t, "secrets", from, to)
		require.Zero(t, code, said)
		require.Equal(t, "copied 1 secrets\n", said)
	}
	info, err := os.Stat(filepath.Join(to, "payload-key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(to)
	require.NoError(t, err)
	require.Len(t, entries, 1)

	for _, args := range [][]string{{"secrets"}, {"secrets", from}, {"secrets", from + "x", to}, {"secrets", from, to + "x"}} {
		_, code := main(t, args...)
		require.Equal(t, 2, code, args)
	}
	require.NoError(t, os.Symlink("gone", filepath.Join(from, "dangling")))
	_, code := main(t, "secrets", from, to)
	require.Equal(t, 2, code, "a secret that is not there is not passed over")
}
