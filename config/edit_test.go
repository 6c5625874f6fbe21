package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/config"
)

// withEncryption is a description whose section on keys is written in one of the ways that people write it.
func withEncryption(section string) string {
	return "# Ours.\napiVersion: fermata/v1\nkind: Installation\nmetadata: {name: a}   # the first\n\nspec:\n  temporal: {address: \"t:7233\"}\n" +
		section +
		"\n  # Who may.\n  decisions:\n    allowedSigners: allowed_signers\n\n  secrets: {file: {folder: secrets}}\n  records: {folder: records}\n"
}

func TestKeysAreEditedAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ was, added, activated, removed string }{
		"a block": {
			"  encryption:\n    active: k1   # seals\n    keys:\n      # The first one.\n      - {id: k1, secret: secret://file/payload-key}   # from 2025\n",
			"  encryption:\n    active: k1   # seals\n    keys:\n      # The first one.\n      - {id: k1, secret: secret://file/payload-key}   # from 2025\n      - {id: k2, secret: \"secret://file/k2\"}\n",
			"  encryption:\n    active: k2   # seals\n    keys:\n      # The first one.\n      - {id: k1, secret: secret://file/payload-key}   # from 2025\n      - {id: k2, secret: \"secret://file/k2\"}\n",
			"  encryption:\n    active: k2   # seals\n    keys:\n      - {id: k2, secret: \"secret://file/k2\"}\n",
		},
		"a block of blocks": {
			"  encryption:\n    active: 'k1'\n    keys:\n    - id: k1\n      secret: secret://file/payload-key\n",
			"  encryption:\n    active: 'k1'\n    keys:\n    - id: k1\n      secret: secret://file/payload-key\n    - {id: k2, secret: \"secret://file/k2\"}\n",
			"  encryption:\n    active: k2\n    keys:\n    - id: k1\n      secret: secret://file/payload-key\n    - {id: k2, secret: \"secret://file/k2\"}\n",
			"  encryption:\n    active: k2\n    keys:\n    - {id: k2, secret: \"secret://file/k2\"}\n",
		},
		"one line": {
			"  encryption: {active: k1, keys: [{id: k1, secret: \"secret://file/payload-key\"}]}   # ours\n",
			"  encryption: {active: k1, keys: [{id: k1, secret: \"secret://file/payload-key\"}, {id: k2, secret: \"secret://file/k2\"}]}   # ours\n",
			"  encryption: {active: k2, keys: [{id: k1, secret: \"secret://file/payload-key\"}, {id: k2, secret: \"secret://file/k2\"}]}   # ours\n",
			"  encryption: {active: k2, keys: [{id: k2, secret: \"secret://file/k2\"}]}   # ours\n",
		},
		"the other way round": {
			"  encryption: {keys: [{id: k1, secret: \"secret://file/k1\"}], active: \"k1\"}\n",
			"  encryption: {keys: [{id: k1, secret: \"secret://file/k1\"}, {id: k2, secret: \"secret://file/k2\"}], active: \"k1\"}\n",
			"  encryption: {keys: [{id: k1, secret: \"secret://file/k1\"}, {id: k2, secret: \"secret://file/k2\"}], active: k2}\n",
			"  encryption: {keys: [{id: k2, secret: \"secret://file/k2\"}], active: k2}\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			file, link := filepath.Join(folder, "real.yaml"), filepath.Join(folder, "fermata.yaml")
			require.NoError(t, os.WriteFile(file, []byte(withEncryption(c.was)), 0o640))
			require.NoError(t, os.Symlink(file, link))
			is := func(section string) {
				t.Helper()
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, withEncryption(section), string(data))
			}
			require.NoError(t, config.AddKey(link, config.Key{ID: "k2", Secret: "secret://file/k2"}))
			is(c.added)
			require.NoError(t, config.ActivateKey(link, "k2"))
			is(c.activated)
			require.ErrorContains(t, config.RemoveKey(link, "k2"), "activate another before")
			is(c.activated)
			require.NoError(t, config.RemoveKey(link, "k1"))
			is(c.removed)
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
			left, err := os.ReadDir(folder)
			require.NoError(t, err)
			require.Len(t, left, 2, "no half-written file is left, and the link is still one")
		})
	}
}

func TestAnEditThatIsNotUnderstoodChangesNothing(t *testing.T) {
	t.Parallel()
	one := "  encryption: {active: k1, keys: [{id: k1, secret: \"secret://file/k1\"}]}\n"
	for name, c := range map[string]struct {
		was  string
		edit func(file string) error
		want string
	}{
		"a second of its name":  {one, func(f string) error { return config.AddKey(f, config.Key{ID: "k1", Secret: "secret://file/x"}) }, `there is a key "k1" already`},
		"a literal":             {one, func(f string) error { return config.AddKey(f, config.Key{ID: "k2", Secret: "hunter2"}) }, "expected a reference"},
		"an unknown provider":   {one, func(f string) error { return config.AddKey(f, config.Key{ID: "k2", Secret: "secret://age/x"}) }, "expected a secret of a provider"},
		"a bad id":              {one, func(f string) error { return config.AddKey(f, config.Key{ID: "k 2", Secret: "secret://file/x"}) }, "letters, digits"},
		"no such key":           {one, func(f string) error { return config.ActivateKey(f, "k9") }, `"k1"`},
		"a list on many lines":  {"  encryption:\n    active: k1\n    keys: [\n      {id: k1, secret: \"secret://file/k1\"}\n    ]\n", func(f string) error { return config.AddKey(f, config.Key{ID: "k2", Secret: "secret://file/x"}) }, "by hand"},
		"a folded active":       {"  encryption:\n    active: >-\n      k1\n    keys: [{id: k1, secret: \"secret://file/k1\"}, {id: k2, secret: \"secret://file/k2\"}]\n", func(f string) error { return config.ActivateKey(f, "k2") }, "by hand"},
		"a description that is": {"  encryption: {active: k1}\n", func(f string) error { return config.ActivateKey(f, "k1") }, "keys"},
	} {
		file := filepath.Join(t.TempDir(), "fermata.yaml")
		require.NoError(t, os.WriteFile(file, []byte(withEncryption(c.was)), 0o600))
		err := c.edit(file)
		require.ErrorContains(t, err, c.want, name)
		require.False(t, strings.Contains(err.Error(), "hunter2"))
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, withEncryption(c.was), string(data), name)
	}
}

func TestIDsThatLookLikeSomethingElse(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"2026", "2026-11-25", "1e3", "true", "NO", "0x1"} {
		file := filepath.Join(t.TempDir(), "fermata.yaml")
		require.NoError(t, os.WriteFile(file, []byte(withEncryption("  encryption: {active: k1, keys: [{id: k1, secret: \"secret://file/k1\"}]}\n")), 0o600))
		require.NoError(t, config.AddKey(file, config.Key{ID: id, Secret: "secret://file/x"}), id)
		require.NoError(t, config.ActivateKey(file, id), id)
		cfg, err := config.Load(file)
		require.NoError(t, err)
		require.Equal(t, id, cfg.Encryption.Active)
	}
}
