package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnArchiveDependsOnItsFilesAlone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	var first []byte
	for _, mode := range []os.FileMode{0o600, 0o755} { // The second is another machine's.
		folder := t.TempDir()
		files := map[string]string{}
		for _, name := range []string{"fermata", "LICENSE", "deploy/x.yaml"} {
			files[name] = filepath.Join(folder, filepath.Base(name))
			require.NoError(t, os.WriteFile(files[name], []byte(name), mode))
		}
		var out bytes.Buffer
		require.NoError(t, pack(&out, "fermata_1", files, at))
		if first == nil {
			first = out.Bytes()
		}
		require.Equal(t, first, out.Bytes())
	}
	zipped, err := gzip.NewReader(bytes.NewReader(first))
	require.NoError(t, err)
	archive := tar.NewReader(zipped)
	for _, want := range []struct {
		name string
		mode int64
	}{{"fermata_1/LICENSE", 0o644}, {"fermata_1/deploy/x.yaml", 0o644}, {"fermata_1/fermata", 0o755}} {
		header, err := archive.Next()
		require.NoError(t, err)
		require.Equal(t, want.name, header.Name)
		require.Equal(t, want.mode, header.Mode)
		require.True(t, header.ModTime.Equal(at))
		require.Zero(t, header.Uid)
	}
	_, err = archive.Next()
	require.ErrorIs(t, err, io.EOF)
}

func TestWorkersAreForLinux(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"fermata", "fermata-worker"}, platform{"linux", "arm64"}.programs([]string{"fermata", "fermata-worker"}))
	require.Equal(t, []string{"fermata"}, platform{"darwin", "arm64"}.programs([]string{"fermata", "fermata-worker"}))
}

// What the packages and archives take from the repository is there.
func TestWhatIsPackedIsThere(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, d := range debsOf() {
		for _, unit := range d.units {
			paths = append(paths, "deploy/systemd/"+unit)
		}
		for _, from := range d.conffiles {
			paths = append(paths, from)
		}
	}
	for _, path := range append(paths, append(beside("linux"), beside("darwin")...)...) {
		_, err := os.Stat(filepath.Join("../..", path))
		require.NoError(t, err)
	}
}
