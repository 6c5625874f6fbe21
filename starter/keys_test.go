package starter

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/config"
	"fermata/config/providers"
	"fermata/encryption"
)

func (d *desk) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(d.folder, name))
	require.NoError(t, err)
	return string(data)
}

// shows fails if a text has the secret of the key in the file.
func (d *desk) hides(t *testing.T, file string, texts ...string) {
	t.Helper()
	key, err := encryption.ParseKey(d.read(t, file))
	require.NoError(t, err)
	for _, text := range texts {
		require.NotContains(t, text, base64.StdEncoding.EncodeToString(key.Secret))
	}
}

func TestKeysAreRotatedInPhases(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	keyring := func() *encryption.Keyring {
		t.Helper()
		cfg, err := config.Load(d.config)
		require.NoError(t, err)
		k, err := providers.Keys(t.Context(), cfg)
		require.NoError(t, err)
		return k
	}
	before := keyring()
	out, errors, code := d.run(t, "keys", "rotate", "--id", "k2")
	require.Equal(t, 0, code, errors)
	require.Contains(t, out, "k1 seals as before")
	require.Contains(t, out, "fermata keys rotate --activate k2")
	d.hides(t, "secrets/payload-key-k2", out, errors, d.read(t, "fermata.yaml"))
	info, err := os.Stat(filepath.Join(d.folder, "secrets", "payload-key-k2"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	reading := keyring()
	p, err := reading.DataConverter().ToPayload("x")
	require.NoError(t, err)
	require.Equal(t, "k1", string(p.Metadata[encryption.MetadataKeyID]))
	require.NoError(t, before.DataConverter().FromPayload(p, new(string)), "a process that has not been restarted reads on")

	out, errors, code = d.run(t, "keys", "rotate", "--activate", "k2")
	require.Equal(t, 0, code, errors)
	require.Contains(t, out, "k1 still opens")
	p, err = keyring().DataConverter().ToPayload("x")
	require.NoError(t, err)
	require.Equal(t, "k2", string(p.Metadata[encryption.MetadataKeyID]))
	require.NoError(t, reading.DataConverter().FromPayload(p, new(string)), "so does one from the phase before")
	out, _, code = d.run(t, "keys", "rotate", "--activate", "k2")
	require.Equal(t, 0, code)
	require.Contains(t, out, "seals already")

	d.used = map[string]int{"k1": 3, "k2": 1}
	_, errors, code = d.run(t, "keys", "retire", "k1")
	require.Equal(t, exitConflict, code)
	require.Contains(t, errors, "needed by 3 open workflows")
	_, errors, code = d.run(t, "keys", "retire", "k2")
	require.Equal(t, exitConflict, code)
	require.Contains(t, errors, `the key "k2" seals`)
	d.used = map[string]int{"k2": 4}
	out, errors, code = d.run(t, "keys", "retire", "k1")
	require.Equal(t, 0, code, errors)
	require.Contains(t, out, "its secret is still secret://file/payload")
	require.NotContains(t, d.read(t, "fermata.yaml"), "k1")
	require.FileExists(t, filepath.Join(d.folder, "secrets", "payload"))
}

func TestKeysAreListed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "secrets/old", "old:"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("o", 32))))
	d.write(t, "fermata.yaml", strings.Replace(installation, "keys: [", "keys: [{id: old, secret: secret://file/old}, ", 1))
	d.used = map[string]int{"k1": 2, "gone": 1}
	var keys []listed
	out, errors, code := d.run(t, "-o", "json", "keys", "list", "--used")
	require.Equal(t, 0, code, errors)
	require.NoError(t, json.Unmarshal([]byte(out), &keys))
	d.hides(t, "secrets/old", out)
	d.hides(t, "secrets/payload", out)
	require.Len(t, keys, 3)
	require.Equal(t, []string{"old", "k1", "gone"}, []string{keys[0].ID, keys[1].ID, keys[2].ID})
	require.False(t, *keys[0].Bound)
	require.Nil(t, keys[0].Created)
	require.True(t, keys[1].Active && *keys[1].Bound)
	require.NotNil(t, keys[1].Created)
	require.Equal(t, 2, *keys[1].Used)
	require.Equal(t, 0, *keys[0].Used)
	require.Contains(t, keys[2].Problem, "not in encryption.keys")

	require.NoError(t, os.Remove(filepath.Join(d.folder, "secrets", "old")))
	out, _, code = d.run(t, "keys", "list")
	require.Equal(t, 0, code)
	require.Contains(t, out, "secrets/old: no such file", "what is wrong with a key is shown beside it")
	require.Contains(t, out, "seals and opens")
	require.NotContains(t, out, "OPEN WORKFLOWS", "nobody was asked")
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		args []string
		code int
		text string
	}{
		"an id twice":           {[]string{"keys", "rotate", "--id", "k1"}, exitConflict, `there is a key "k1" already`},
		"a bad id":              {[]string{"keys", "rotate", "--id", "../k"}, exitInvalid, "a key's id has"},
		"a secret that is":      {[]string{"keys", "rotate", "--id", "there"}, exitConflict, "is there already"},
		"a file that is":        {[]string{"keys", "new", "k2", "--out", "FOLDER/secrets/payload"}, exitConflict, "is there already"},
		"nowhere to":            {[]string{"keys", "new", "k2"}, exitInvalid, "--out"},
		"a key that is not":     {[]string{"keys", "rotate", "--activate", "k9"}, exitInvalid, `there is no key "k9"`},
		"a key that is lost":    {[]string{"keys", "rotate", "--activate", "lost"}, exitNotFound, "secrets/lost"},
		"retiring what is not":  {[]string{"keys", "retire", "k9"}, exitInvalid, `there is no key "k9"`},
		"both phases at once":   {[]string{"keys", "rotate", "--activate", "lost", "--id", "k3"}, exitInvalid, "makes no key"},
		"a word too many":       {[]string{"keys", "rotate", "k2"}, exitInvalid, "fermata keys rotate"},
		"a command that is not": {[]string{"keys", "rotat"}, exitInvalid, "fermata keys --help"},
		"a flag that is not":    {[]string{"keys", "rotate", "--activat", "k2"}, exitInvalid, "activat"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.write(t, "secrets/payload-key-there", "precious")
			described := strings.Replace(installation, "keys: [", "keys: [{id: lost, secret: secret://file/lost}, ", 1)
			d.write(t, "fermata.yaml", described)
			for i := range x.args {
				x.args[i] = strings.Replace(x.args[i], "FOLDER", d.folder, 1)
			}
			_, errors, code := d.run(t, x.args...)
			require.Equal(t, x.code, code, errors)
			require.Contains(t, errors, x.text)
			require.Equal(t, described, d.read(t, "fermata.yaml"))
			require.Equal(t, "precious", d.read(t, "secrets/payload-key-there"))
			left, err := os.ReadDir(filepath.Join(d.folder, "secrets"))
			require.NoError(t, err)
			require.Len(t, left, 2, "nothing is left of a key that was not kept")
		})
	}
}

func TestAKeyForAProviderThatIsNotWritten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "fermata.yaml", strings.NewReplacer("secret://file/payload", "secret://env/PAYLOAD", "{file: {folder: secrets}}", "{env: {prefix: FERMATA_TEST_}}").Replace(installation))
	_, errors, code := d.run(t, "keys", "rotate", "--id", "k2")
	require.Equal(t, exitInvalid, code)
	require.Contains(t, errors, "--out")
	file := filepath.Join(d.folder, "k2")
	before := d.read(t, "fermata.yaml")
	out, errors, code := d.run(t, "keys", "rotate", "--id", "k2", "--out", file)
	require.Equal(t, 0, code, errors)
	d.hides(t, "k2", out, errors)
	require.Contains(t, out, "where a provider reads it")
	require.Equal(t, before, d.read(t, "fermata.yaml"))
}
