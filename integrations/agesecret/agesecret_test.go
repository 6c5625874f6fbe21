package agesecret_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/activities/secret/secrettest"
	"fermata/integrations/agesecret"
)

type bench struct {
	file, identity string
	key            *age.X25519Identity
	secret.Provider
}

func setup(t *testing.T) bench {
	t.Helper()
	folder := t.TempDir()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	b := bench{file: filepath.Join(folder, "secrets.age"), identity: filepath.Join(folder, "key.txt"), key: key}
	require.NoError(t, os.WriteFile(b.identity, []byte("# created: today\n"+key.String()+"\n"), 0o600))
	b.Provider, err = agesecret.New(agesecret.Config{File: b.file, Identity: b.identity})
	require.NoError(t, err)
	return b
}

func (b bench) encrypt(t *testing.T, plain string, armoured bool, others ...age.Recipient) {
	t.Helper()
	var out bytes.Buffer
	var to io.WriteCloser = struct {
		io.Writer
		io.Closer
	}{&out, io.NopCloser(nil)}
	if armoured {
		to = armor.NewWriter(&out)
	}
	encrypted, err := age.Encrypt(to, append([]age.Recipient{b.key.Recipient()}, others...)...)
	require.NoError(t, err)
	_, err = encrypted.Write([]byte(plain))
	require.NoError(t, err)
	require.NoError(t, encrypted.Close())
	require.NoError(t, to.Close())
	require.NoError(t, os.WriteFile(b.file, out.Bytes(), 0o600))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	secrettest.Run(t, secrettest.Bench{Open: func(t *testing.T, secrets map[string]string) secrettest.Store {
		t.Helper()
		b := setup(t)
		save := func(t *testing.T) {
			t.Helper()
			plain, err := json.Marshal(secrets)
			require.NoError(t, err)
			b.encrypt(t, string(plain), false)
		}
		save(t)
		return secrettest.Store{
			Provider: b.Provider,
			Set:      func(t *testing.T, name, value string) { t.Helper(); secrets[name] = value; save(t) },
			Forbid:   func(t *testing.T) { t.Helper(); require.NoError(t, os.Chmod(b.identity, 0o644)) },
			TakeDown: func(t *testing.T) { t.Helper(); require.NoError(t, os.Remove(b.file)) },
		}
	}})
}

func TestReadsArmouredYAML(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.encrypt(t, "# of the lab\nrt-token: 1-14-abc\npem: |\n  line 1\n  line 2\n", true)
	value, err := b.Read(t.Context(), "rt-token")
	require.NoError(t, err)
	require.Equal(t, "1-14-abc", value.Text())
	value, err = b.Read(t.Context(), "pem")
	require.NoError(t, err)
	require.Equal(t, "line 1\nline 2\n", string(value.Reveal()))
}

func TestErrorsTellButShowNothing(t *testing.T) {
	t.Parallel()
	const canary = "hunter2"
	for name, c := range map[string]struct {
		plain string
		kind  fault.Kind
		text  string
	}{
		"number":     {"token: 4711\n", fault.Invalid, "put it in quotes"},
		"nested":     {"token: {hunter2: hunter2}\n", fault.Invalid, "put it in quotes"},
		"null":       {"token:\n", fault.Invalid, "put it in quotes"},
		"empty text": {"token: ''\n", fault.NotFound, "empty"},
		"twice":      {"token: hunter2\ntoken: hunter2\n", fault.Invalid, "twice"},
		"alias":      {"token: *hunter2\n", fault.Invalid, "neither YAML nor JSON"},
		"syntax":     {"a: b\ntoken: \"hunter2\n", fault.Invalid, "line"},
		"list":       {"- hunter2\n", fault.Invalid, "no map"},
		"text":       {"hunter2\n", fault.Invalid, "no map"},
		"nothing":    {"", fault.NotFound, "empty"},
		"other":      {"other: hunter2\n", fault.NotFound, "it has: other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.encrypt(t, c.plain, false)
			value, err := b.Read(t.Context(), "token")
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, c.text)
			require.NotContains(t, err.Error(), canary)
			require.Empty(t, value.Reveal())
		})
	}
}

func TestWrongKeysAndFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.encrypt(t, "token: x\n", false)

	content, err := os.ReadFile(b.file)
	require.NoError(t, err)
	content[len(content)-1] ^= 1
	require.NoError(t, os.WriteFile(b.file, content, 0o600))
	refused(t, b, fault.Invalid, "damaged")

	require.NoError(t, os.WriteFile(b.file, []byte("token: x\n"), 0o600))
	refused(t, b, fault.Invalid, "no age file")

	other := setup(t)
	other.encrypt(t, "token: x\n", false)
	content, err = os.ReadFile(other.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(b.file, content, 0o600))
	refused(t, b, fault.Unauthorized, "not encrypted to the key")

	key := b.key.String()
	require.NoError(t, os.WriteFile(b.identity, []byte(key[:len(key)-1]+"b\n"), 0o600))
	refused(t, b, fault.Unauthorized, "holds no age key")
	require.NoError(t, os.Remove(b.identity))
	refused(t, b, fault.Unavailable, "key.txt")
	require.NoError(t, os.Mkdir(b.identity, 0o700))
	refused(t, b, fault.Invalid, "no regular file")
}

func refused(t *testing.T, b bench, kind fault.Kind, text string) {
	t.Helper()
	_, err := b.Read(t.Context(), "token")
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, text)
	require.NotContains(t, err.Error(), b.key.String()[16:30])
}

func TestNewNeedsBothFiles(t *testing.T) {
	t.Parallel()
	for _, cfg := range []agesecret.Config{{}, {File: "x"}, {Identity: "x"}} {
		_, err := agesecret.New(cfg)
		require.True(t, fault.Is(err, fault.Invalid))
	}
}
