package recordfolder_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/record"
	"fermata/activities/record/recordtest"
	"fermata/integrations/recordfolder"
)

func setup(t *testing.T) (folder, record.Store) {
	t.Helper()
	f := folder(filepath.Join(t.TempDir(), "records"))
	return f, f.store(t)
}

func TestNamesAndModes(t *testing.T) {
	t.Parallel()
	f, store := setup(t)
	r := recordtest.Sample("server/web-01")
	_, err := store.Append(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(string(f), "000001-server.web-01-"+r.Run+".json")}, f.files(t))
	info, err := os.Stat(string(f))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	entries, err := os.ReadDir(string(f))
	require.NoError(t, err)
	require.Len(t, entries, 3, "the entry, HEAD and the lock")
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), e.Name())
	}
}

// TestCrashBetweenEntryAndHead covers both ways on: the same run again, and another run.
func TestCrashBetweenEntryAndHead(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		f, store := setup(t)
		if !first {
			_, err := store.Append(t.Context(), recordtest.Sample("a"))
			require.NoError(t, err)
		}
		head := filepath.Join(string(f), "HEAD")
		before, _ := os.ReadFile(head)
		r := recordtest.Sample("server/web-01")
		entry, err := store.Append(t.Context(), r)
		require.NoError(t, err)
		after, err := os.ReadFile(head)
		require.NoError(t, err)
		back := func() {
			if first {
				require.NoError(t, os.Remove(head))
			} else {
				require.NoError(t, os.WriteFile(head, before, 0o600))
			}
		}

		back()
		_, err = store.Verify(t.Context())
		require.NoError(t, err)
		again, err := store.Append(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, entry, again)
		mended, err := os.ReadFile(head)
		require.NoError(t, err)
		require.Equal(t, string(after), string(mended))

		back()
		_, err = store.Append(t.Context(), recordtest.Sample("b"))
		require.NoError(t, err)
		_, err = store.Verify(t.Context())
		require.NoError(t, err)
	}
}

func TestTemporaryFilesAreCleanedAway(t *testing.T) {
	t.Parallel()
	f, store := setup(t)
	require.NoError(t, os.MkdirAll(string(f), 0o700))
	f.interrupt(t)
	_, err := store.Append(t.Context(), recordtest.Sample("a"))
	require.NoError(t, err)
	left, err := filepath.Glob(filepath.Join(string(f), ".tmp-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestAppendRefusesToVouchForBrokenChain: what can be seen at the end of the chain stops an append.
func TestAppendRefusesToVouchForBrokenChain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one is missing", "the last is missing", "the last was forged", "half a file", "the head is missing"} {
		f, store := setup(t)
		for range 5 {
			_, err := store.Append(t.Context(), recordtest.Sample("server/web-00"))
			require.NoError(t, err)
		}
		for _, tamper := range f.tampers() {
			if tamper.Name == name {
				tamper.Do(t)
			}
		}
		count := f.count(t)
		_, err := store.Append(t.Context(), recordtest.Sample("a"))
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
		require.Equal(t, count, f.count(t))
	}
}

func TestBrokenHeadIsSeen(t *testing.T) {
	t.Parallel()
	f, store := setup(t)
	_, err := store.Append(t.Context(), recordtest.Sample("a"))
	require.NoError(t, err)
	for _, text := range []string{"", "x", "{}", `{"sequence":-1,"hash":"sha256:x"}`, `{"sequence":1,"hash":"sha256:00"}`} {
		require.NoError(t, os.WriteFile(filepath.Join(string(f), "HEAD"), []byte(text), 0o600))
		_, err = store.Verify(t.Context())
		require.True(t, fault.Is(err, fault.Invalid), "%q: %v", text, err)
		_, err = store.Append(t.Context(), recordtest.Sample("b"))
		require.True(t, fault.Is(err, fault.Invalid), "%q: %v", text, err)
	}
}

func TestWaitsForTheLockOnlyAsLongAsTheContext(t *testing.T) {
	t.Parallel()
	f, store := setup(t)
	require.NoError(t, store.Check(t.Context()))
	lock := flock.New(filepath.Join(string(f), ".lock"))
	require.NoError(t, lock.Lock())
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { _, err := store.Append(ctx, recordtest.Sample("a")); done <- err }()
	cancel(nil)
	require.True(t, fault.Is(<-done, fault.Unavailable))
	require.NoError(t, lock.Unlock())
	_, err := store.Append(t.Context(), recordtest.Sample("a"))
	require.NoError(t, err)
}

func TestAdviceForFolderThatIsAFile(t *testing.T) {
	t.Parallel()
	f, store := setup(t)
	f.replaceByFile(t)
	err := store.Check(t.Context())
	require.True(t, fault.Is(err, fault.Unavailable))
	require.ErrorContains(t, err, "a file stands where the folder should be")
}

func TestNewNeedsFolder(t *testing.T) {
	t.Parallel()
	_, err := recordfolder.New("")
	require.True(t, fault.Is(err, fault.Invalid))
}
