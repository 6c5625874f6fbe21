package recordfolder_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/record"
	"fermata/activities/record/recordtest"
	"fermata/integrations/recordfolder"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	recordtest.Run(t, recordtest.Bench{Open: func(t *testing.T) recordtest.Place {
		t.Helper()
		f := folder(filepath.Join(t.TempDir(), "deep", "records"))
		return recordtest.Place{Store: f.store, Count: f.count, Interrupt: f.interrupt, TakeDown: f.takeDown, Tampers: f.tampers()}
	}})
}

// folder works on the files behind the store's back.
type folder string

func (f folder) store(t *testing.T) record.Store {
	t.Helper()
	store, err := recordfolder.New(string(f))
	require.NoError(t, err)
	return store
}

func (f folder) files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(string(f), "0*.json"))
	require.NoError(t, err)
	return files
}

func (f folder) count(t *testing.T) int { t.Helper(); return len(f.files(t)) }

func (f folder) interrupt(t *testing.T) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(string(f), ".tmp-1234"), []byte(`{"sequence":3,"previ`), 0o600))
}

// takeDown makes the folder read-only. Root writes to such a folder all the same, so that a file stands in its place.
func (f folder) takeDown(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		require.NoError(t, os.MkdirAll(string(f), 0o700))
		require.NoError(t, os.Chmod(string(f), 0o500))
		t.Cleanup(func() { _ = os.Chmod(string(f), 0o700) })
		return
	}
	f.replaceByFile(t)
}

func (f folder) replaceByFile(t *testing.T) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(string(f)), 0o700))
	require.NoError(t, os.WriteFile(string(f), nil, 0o600))
}

func (f folder) tampers() []recordtest.Tamper {
	edit := func(i int, change func([]byte) []byte) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			path := f.files(t)[i-1]
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, change(text), 0o600))
		}
	}
	remove := func(i int) func(*testing.T) {
		return func(t *testing.T) { t.Helper(); require.NoError(t, os.Remove(f.files(t)[i-1])) }
	}
	return []recordtest.Tamper{
		{Name: "a changed letter", Entry: 2, Do: edit(2, func(b []byte) []byte { return bytes.Replace(b, []byte("alice"), []byte("mlice"), 1) })},
		{Name: "a changed hash", Entry: 3, Do: edit(3, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"hash":"sha256:`), []byte(`"hash":"sha256:0`), 1)
		})},
		{Name: "a space", Entry: 4, Do: edit(4, func(b []byte) []byte { return append(b, ' ') })},
		{Name: "a field more", Entry: 4, Do: edit(4, func(b []byte) []byte { return bytes.Replace(b, []byte(`{"hash"`), []byte(`{"aaa":1,"hash"`), 1) })},
		{Name: "half a file", Entry: 5, Do: edit(5, func(b []byte) []byte { return b[:len(b)/2] })},
		{Name: "an empty file", Entry: 1, Do: edit(1, func([]byte) []byte { return nil })},
		{Name: "the first is missing", Entry: 1, Do: remove(1)},
		{Name: "one is missing", Entry: 3, Do: remove(3)},
		{Name: "the last is missing", Entry: 5, Do: remove(5)},
		{Name: "two are swapped", Entry: 2, Do: f.swap},
		{Name: "one is renamed", Entry: 2, Do: f.renameOwner},
		{Name: "one is there twice", Entry: 3, Do: f.double},
		{Name: "one was forged", Entry: 4, Do: f.forge(3)},
		{Name: "the last was forged", Entry: 5, Do: f.forge(5)},
		{Name: "the head is missing", Entry: 5, Do: func(t *testing.T) { t.Helper(); require.NoError(t, os.Remove(filepath.Join(string(f), "HEAD"))) }},
	}
}

func (f folder) swap(t *testing.T) {
	t.Helper()
	files := f.files(t)
	a, err := os.ReadFile(files[1])
	require.NoError(t, err)
	b, err := os.ReadFile(files[3])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[1], b, 0o600))
	require.NoError(t, os.WriteFile(files[3], a, 0o600))
}

func (f folder) renameOwner(t *testing.T) {
	t.Helper()
	path := f.files(t)[1]
	require.NoError(t, os.Rename(path, strings.Replace(path, "web-01", "web-99", 1)))
}

func (f folder) double(t *testing.T) {
	t.Helper()
	path := f.files(t)[2]
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(strings.Replace(path, "web-00", "web-zz", 1), text, 0o600))
}

// forge puts a well-made entry with another content in place i, as one would who can compute hashes.
func (f folder) forge(i int) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		entries, err := f.store(t).ByOwner(t.Context(), "")
		require.NoError(t, err)
		var r record.Record
		require.NoError(t, json.Unmarshal(entries[i-1].Record, &r))
		r.Outcome = "never happened"
		forged, err := record.Seal(entries[i-2], r, time.Now())
		require.NoError(t, err)
		text, err := forged.Bytes()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(f.files(t)[i-1], text, 0o600))
	}
}
