package agesecret_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/activities/secret/secrettest"
	"fermata/integrations/agesecret"
)

// writer is a bench whose file may be written.
type writer struct {
	bench
	cfg agesecret.Config
	secret.Keeper
}

// writable opens a file with that content; others read it, too.
func writable(t *testing.T, plain string, others ...*age.X25519Identity) writer {
	t.Helper()
	b := setup(t)
	w := writer{bench: b, cfg: agesecret.Config{File: b.file, Identity: b.identity, Writable: true, Recipients: []string{b.key.Recipient().String()}}}
	var recipients []age.Recipient
	for _, other := range others {
		w.cfg.Recipients = append(w.cfg.Recipients, other.Recipient().String())
		recipients = append(recipients, other.Recipient())
	}
	b.encrypt(t, plain, false, recipients...)
	w.Keeper = w.open(t)
	return w
}

func (w writer) open(t *testing.T) secret.Keeper {
	t.Helper()
	p, err := agesecret.New(w.cfg)
	require.NoError(t, err)
	k, ok := p.(secret.Keeper)
	require.True(t, ok)
	return k
}

// plain decrypts the file as somebody else would.
func (w writer) plain(t *testing.T, key age.Identity) string {
	t.Helper()
	content, err := os.ReadFile(w.file)
	require.NoError(t, err)
	var sealed io.Reader = bytes.NewReader(content)
	if bytes.HasPrefix(content, []byte(armor.Header)) {
		sealed = armor.NewReader(sealed)
	}
	opened, err := age.Decrypt(sealed, key)
	require.NoError(t, err)
	plain, err := io.ReadAll(opened)
	require.NoError(t, err)
	return string(plain)
}

func (w writer) keep(t *testing.T, name, key, after, value string) string {
	t.Helper()
	kept, version, err := w.Keep(t.Context(), name, key, after, secret.NewValue([]byte(value)))
	require.NoError(t, err)
	require.Equal(t, value, string(kept.Reveal()))
	return version
}

// refuses fails where the file is written, or the value shows.
func (w writer) refuses(t *testing.T, kind fault.Kind, says string) {
	t.Helper()
	before, err := os.ReadFile(w.file)
	require.NoError(t, err)
	_, _, err = w.Keep(t.Context(), "token", "key", "", secret.NewValue([]byte("hunter2")))
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, says)
	require.NotContains(t, err.Error(), "hunter2")
	require.NotContains(t, err.Error(), w.key.String()[16:30])
	after, err := os.ReadFile(w.file)
	require.NoError(t, err)
	require.Equal(t, before, after)
	w.tidy(t)
}

// tidy fails where a file was left behind.
func (w writer) tidy(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(w.file))
	require.NoError(t, err)
	for _, entry := range entries {
		require.Contains(t, []string{"secrets.age", "secrets.age.lock", "key.txt"}, entry.Name())
	}
}

// edit changes the versions of a secret as a person does, with age and an editor.
func (w writer) edit(t *testing.T, name string, how func(last int, versions []any) (int, []any)) {
	t.Helper()
	all := map[string]map[string]any{}
	require.NoError(t, yaml.Unmarshal([]byte(w.plain(t, w.key)), &all))
	last, _ := all[name]["last"].(int)
	versions, _ := all[name]["versions"].([]any)
	last, versions = how(last, versions)
	all[name] = map[string]any{"last": last, "versions": versions}
	text, err := yaml.Marshal(all)
	require.NoError(t, err)
	w.encrypt(t, string(text), false)
}

func TestWritableConformance(t *testing.T) {
	t.Parallel()
	secrettest.Run(t, secrettest.Bench{Open: func(t *testing.T, secrets map[string]string) secrettest.Store {
		t.Helper()
		w := writable(t, "{}")
		set := func(t *testing.T, name, value string) {
			t.Helper()
			w.edit(t, name, func(last int, versions []any) (int, []any) {
				return last + 1, append(versions, map[string]any{"number": last + 1, "value": value})
			})
		}
		for name, value := range secrets {
			set(t, name, value)
		}
		return secrettest.Store{
			Provider: w.Keeper, Set: set,
			Forbid:   func(t *testing.T) { t.Helper(); require.NoError(t, os.Chmod(w.identity, 0o644)) },
			TakeDown: func(t *testing.T) { t.Helper(); require.NoError(t, os.Remove(w.file)) },
			Destroy: func(t *testing.T, name string) {
				t.Helper()
				w.edit(t, name, func(last int, versions []any) (int, []any) { return last, versions[:len(versions)-1] })
			},
		}
	}})
}

const byHand = `# Of the lab.
rt-token: 1-14-abc # until June
pem: |
  line 1
  line 2
"odd key ü": "4711"
numbers: [1, 2.50, 0x10, ~, yes]
`

func TestKeepLeavesTheRestAsItIs(t *testing.T) {
	t.Parallel()
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	w := writable(t, byHand, other)
	require.Equal(t, "1", w.keep(t, "db/web-01", "key", "", "one\n  two # three\n"))
	require.Equal(t, byHand+`db/web-01:
  last: 1
  versions:
    - number: 1
      key: "key"
      value: "one\n  two # three\n"
`, w.plain(t, other), "the other reads it, too")
	info, err := os.Stat(w.file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	w.tidy(t)
	reader, err := agesecret.New(agesecret.Config{File: w.file, Identity: w.identity})
	require.NoError(t, err)
	require.NotImplements(t, (*secret.Versioned)(nil), reader)
	value, err := reader.Read(t.Context(), "db/web-01")
	require.NoError(t, err)
	require.Equal(t, "one\n  two # three\n", string(value.Reveal()), "who may not write reads what was kept")
	require.NoError(t, w.Discard(t.Context(), "db/web-01", "key"))
	require.Equal(t, byHand+"db/web-01:\n  last: 1\n  versions: []\n", w.plain(t, w.key))
}

func TestATextByHandIsVersion0(t *testing.T) {
	t.Parallel()
	w := writable(t, "token: zero\nempty: ''\n")
	_, version, err := w.ReadVersion(t.Context(), "token", "")
	require.NoError(t, err)
	require.Equal(t, "0", version)
	w.refuses(t, fault.Conflict, `the newest is "0"`)
	require.Equal(t, "1", w.keep(t, "token", "key", "0", "one"))
	value, _, err := w.ReadVersion(t.Context(), "token", "0")
	require.NoError(t, err)
	require.Equal(t, "zero", value.Text())
	require.NoError(t, w.Discard(t.Context(), "token", "key"))
	require.Equal(t, "2", w.keep(t, "token", "key2", "0", "two"))
	require.Equal(t, "1", w.keep(t, "empty", "key", "", "one"), "an empty text is none")
}

func TestTheOldestAreForgotten(t *testing.T) {
	t.Parallel()
	w := writable(t, "")
	after := ""
	for i := range 12 {
		after = w.keep(t, "token", "key"+strconv.Itoa(i), after, "value "+strconv.Itoa(i))
	}
	require.Equal(t, "12", after)
	_, _, err := w.ReadVersion(t.Context(), "token", "2")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.ErrorContains(t, err, "there is no version 2; there are: 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")
}

func TestOneWriterAtATime(t *testing.T) {
	t.Parallel()
	w := writable(t, byHand)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			name := fmt.Sprintf("token-%d", i)
			_, _, err := w.open(t).Keep(t.Context(), name, "key", "", secret.NewValue([]byte(name)))
			if err != nil {
				t.Errorf("keeping %s: %v", name, err)
			}
		})
	}
	group.Wait()
	for i := range 16 {
		value, err := w.Keeper.Read(t.Context(), fmt.Sprintf("token-%d", i))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("token-%d", i), value.Text())
	}
	w.tidy(t)

	held := flock.New(w.file + ".lock")
	require.NoError(t, held.Lock())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _, err := w.Keep(ctx, "token", "key", "", secret.NewValue([]byte("hunter2")))
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "another holds")
	require.NoError(t, held.Close())
	w.keep(t, "token", "key", "", "x")
}

func TestArmourAndLinksStay(t *testing.T) {
	t.Parallel()
	w := writable(t, byHand)
	w.encrypt(t, byHand, true)
	link := filepath.Join(t.TempDir(), "link.age")
	require.NoError(t, os.Symlink(w.file, link))
	w.cfg.File = link
	w.Keeper = w.open(t)
	w.keep(t, "token", "key", "", "x")
	content, err := os.ReadFile(w.file)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(content), armor.Header))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, info.Mode().Type())
}

func TestPostQuantumKeys(t *testing.T) {
	t.Parallel()
	w := writable(t, "")
	key, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.identity, []byte(key.String()+"\n"+w.key.String()+"\n"), 0o600))
	w.cfg.Recipients = []string{key.Recipient().String()}
	w.Keeper = w.open(t)
	w.keep(t, "token", "key", "", "x")
	require.Contains(t, w.plain(t, key), `"x"`)
	w.keep(t, "token", "key2", "1", "y")
}
