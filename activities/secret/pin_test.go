package secret_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

func TestAReferenceHasFieldAndVersion(t *testing.T) {
	t.Parallel()
	ref := secret.Ref("secret://vault/kv/web-01/db#password@3")
	provider, name, err := ref.Parse()
	require.NoError(t, err)
	require.Equal(t, "vault kv/web-01/db#password 3", provider+" "+name+" "+ref.Version())
	path, field := secret.CutField(name)
	require.Equal(t, "kv/web-01/db password", path+" "+field)
	require.Equal(t, ref, secret.Ref("secret://vault/kv/web-01/db#password").At("3"))
	require.Equal(t, ref, ref.At("3"), "it is not named twice")
	require.Equal(t, ref, ref.At(""))
	_, _, err = ref.At("4").Parse()
	require.Error(t, err, "a reference that names a version is bent to no other")
}

// shelf is a versioned provider; every reading of a current version ends in a rotation.
type shelf struct {
	versions int
	says     string // Calls every version so; empty: by its number.
}

func (s *shelf) Read(ctx context.Context, name string) (secret.Value, error) {
	value, _, err := s.ReadVersion(ctx, name, "")
	return value, err
}

func (s *shelf) ReadVersion(_ context.Context, name, version string) (secret.Value, string, error) {
	if version == "" {
		version = strconv.Itoa(s.versions)
		s.versions++
	}
	if n, err := strconv.Atoi(version); err != nil || n > s.versions {
		return secret.Value{}, "", fault.New(fault.NotFound, "no version %s", version)
	}
	if s.says != "" {
		return secret.NewValue([]byte(name)), s.says, nil
	}
	return secret.NewValue([]byte(name + " " + version)), version, nil
}

func TestPinAll(t *testing.T) {
	t.Parallel()
	all := secret.Providers{"vault": &shelf{versions: 7}, "file": provider{"a": "1"}}
	pinned, err := secret.PinAll(t.Context(), all, []secret.Ref{
		"secret://vault/kv/db#user", "secret://file/a", "secret://vault/kv/db#password", "secret://vault/kv/db#user",
		"secret://vault/kv/db#old@3", "secret://vault/kv/other",
	})
	require.NoError(t, err)
	require.Equal(t, []secret.Pinned{
		{Ref: "secret://vault/kv/db#user", Version: "7"},
		{Ref: "secret://file/a"},
		{Ref: "secret://vault/kv/db#password", Version: "7"},
		{Ref: "secret://vault/kv/db#old@3", Version: "3"},
		{Ref: "secret://vault/kv/other", Version: "8"},
	}, pinned)
	for _, p := range pinned {
		value, err := all.Resolve(t.Context(), p.Exact())
		require.NoError(t, err)
		require.Contains(t, value.Text(), p.Version)
	}
}

func TestPinAllRefuses(t *testing.T) {
	t.Parallel()
	all := secret.Providers{"vault": &shelf{versions: 7}, "file": provider{"a": "1"}}
	for ref, kind := range map[secret.Ref]fault.Kind{
		"secret://file/a@1": fault.Invalid, "secret://file/a#b": fault.Invalid, "secret://file/b": fault.NotFound,
		"secret://vault/a@99": fault.NotFound, "secret://nobody/a": fault.Invalid, "hunter2": fault.Invalid,
	} {
		pinned, err := secret.PinAll(t.Context(), all, []secret.Ref{"secret://vault/kv/x", ref})
		require.Equal(t, kind, fault.KindOf(err), "%s: %v", ref, err)
		require.Nil(t, pinned)
	}
}

func TestAVersionThatNoReferenceCanName(t *testing.T) {
	t.Parallel()
	for _, says := range []string{"a b", "1\n", "@2", "..", "a..b", strings.Repeat("x", 65)} {
		_, err := secret.Providers{"exec": &shelf{says: says}}.Pin(t.Context(), "secret://exec/a")
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%q: %v", says, err)
	}
}
