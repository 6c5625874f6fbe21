package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/postgres"
)

func TestMain(m *testing.M) { os.Exit(host.Main(m, host.Installed(postgres.Packages()))) }

func start(t *testing.T) *postgres.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	address, err := host.Address()
	require.NoError(t, err)
	s, err := postgres.Start(ctx, host.Folder(t), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

// TestDataSurvive: what was written is there after a stop, after a crash, and in another server after a restore.
func TestDataSurvive(t *testing.T) {
	t.Parallel()
	host.Require(t)
	s := start(t)
	_, err := s.Query(t.Context(), "postgres", "CREATE DATABASE shop")
	require.NoError(t, err)
	_, err = s.Query(t.Context(), "shop", "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x')")
	require.NoError(t, err)
	require.NoError(t, s.Stop())
	_, err = s.Query(t.Context(), "shop", "SELECT 1")
	require.Error(t, err, "it is stopped")
	require.NoError(t, s.Again(t.Context()))
	s.Kill()
	require.NoError(t, s.Again(t.Context()))
	rows, err := s.Query(t.Context(), "shop", "SELECT * FROM t")
	require.NoError(t, err)
	require.Equal(t, "1|x", rows)

	file := filepath.Join(t.TempDir(), "dump")
	require.NoError(t, s.Dump(t.Context(), "shop", file))
	other := start(t)
	require.NoError(t, other.Restore(t.Context(), "shop", file))
	require.Error(t, other.Restore(t.Context(), "shop", file), "it is there already")
	rows, err = other.Query(t.Context(), "shop", "SELECT * FROM t")
	require.NoError(t, err)
	require.Equal(t, "1|x", rows)
}
