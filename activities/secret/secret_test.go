package secret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

func TestParseReadsProviderAndName(t *testing.T) {
	t.Parallel()
	provider, name, err := secret.Ref("secret://file/rt/token.txt").Parse()
	require.NoError(t, err)
	require.Equal(t, "file", provider)
	require.Equal(t, "rt/token.txt", name)
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "file/rt", "secret://", "secret://file", "secret://file/", "secret:///x", "secret://File/x", "SECRET://file/x",
		"secret://file/../x", "secret://file/a/../../x", "secret://file/-x", "secret://file//etc", "secret://file/a b",
		"secret://file/a\n", "secret://file/a\x00", "secret://1/x", " secret://file/x", "secret://file/ä",
		"secret://vault/a#", "secret://vault/#b", "secret://vault/a#b#c", "secret://vault/a#b/c", "secret://vault/a@", "secret://vault/a@1@2",
		"secret://vault/a@1#b", "secret://vault/a@-1", "secret://vault/a@1 ", "secret://vault/a#b@1\n", "secret://vault/a#..", "secret://vault/a@1..2",
		"secret://vault/a@" + strings.Repeat("1", 65), "secret://vault/a?version=1", "secret://vault@1",
	} {
		_, _, err := secret.Ref(text).Parse()
		require.Error(t, err, "%q", text)
	}
}

// TestValueInPrivateFieldStaysHidden is about fmt, which calls no methods on what it cannot reach by reflection.
func TestValueInPrivateFieldStaysHidden(t *testing.T) {
	t.Parallel()
	type holder struct{ v secret.Value }
	h := holder{v: secret.NewValue([]byte("hunter2"))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		shown := fmt.Sprintf(verb, h)
		require.NotContains(t, shown, "hunter2")
		require.NotContains(t, shown, "104 117", "the bytes in decimal")
		require.NotContains(t, shown, "68756e74", "the bytes in hexadecimal")
	}
	require.Nil(t, secret.Value{}.Reveal())
	require.Empty(t, secret.Value{}.Text())
}

type provider map[string]string

func (p provider) Read(_ context.Context, name string) (secret.Value, error) {
	if text, ok := p[name]; ok {
		return secret.NewValue([]byte(text)), nil
	}
	return secret.Value{}, fault.New(fault.NotFound, "no secret %q", name)
}

func TestProvidersResolve(t *testing.T) {
	t.Parallel()
	all := secret.Providers{"file": provider{"a": "1\n"}, "env": provider{}}
	value, err := all.Resolve(t.Context(), "secret://file/a")
	require.NoError(t, err)
	require.Equal(t, "1", value.Text())

	_, err = all.Resolve(t.Context(), "secret://env/a")
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	_, err = all.Resolve(t.Context(), "secret://vault/a")
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "env, file")
	_, err = all.Resolve(t.Context(), "hunter2")
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.Error(t, errors.Unwrap(err))
}

func FuzzRef(f *testing.F) {
	for _, seed := range []string{"secret://file/rt-token", "secret://vault/kv/db#password@3", "secret://exec/a@1#b", "secret://env/A.b/c_d", "secret://a/..", "x", "secret://a/b/../c", "secret://a/b\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		provider, name, err := secret.Ref(text).Parse()
		if err != nil {
			require.Empty(t, provider+name)
			return
		}
		version := secret.Ref(text).Version()
		whole := secret.Ref(secret.Scheme + provider + "/" + name)
		require.Equal(t, secret.Ref(text), whole.At(version), "a reference is read whole or not at all")
		require.Equal(t, whole.At("3"), whole.At("3").At("3"))
		path, field := secret.CutField(name)
		require.NotContains(t, path+field+version, "#")
		require.NotContains(t, name+version, "@")
		require.False(t, strings.Contains(name, "..") || strings.HasPrefix(name, "/"), "the name leads out: %q", name)
		require.False(t, strings.ContainsAny(text, "\x00\n\r \\'\"$`"), "a character that means something elsewhere")
		require.True(t, secret.IsRef(text))
	})
}
