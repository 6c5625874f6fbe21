package secrettest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// versioned opens a store whose provider has versions; false where it has none, and nothing is to be tested.
func versioned(t *testing.T, bench Bench) (Store, secret.Versioned, bool) {
	t.Helper()
	store := open(t, bench)
	v, ok := store.Provider.(secret.Versioned)
	return store, v, ok
}

func tellsVersions(t *testing.T, bench Bench) {
	store, v, ok := versioned(t, bench)
	if !ok {
		return
	}
	value, first, err := v.ReadVersion(t.Context(), "rt-token", "")
	require.NoError(t, err)
	require.Equal(t, Canary, value.Text())
	require.NotEmpty(t, first)
	hidden(t, first)
	_, again, err := v.ReadVersion(t.Context(), "rt-token", "")
	require.NoError(t, err)
	require.Equal(t, first, again, "reading is no rotation")
	store.Set(t, "rt-token", "another one")
	value, second, err := v.ReadVersion(t.Context(), "rt-token", "")
	require.NoError(t, err)
	require.Equal(t, "another one", value.Text())
	require.NotEqual(t, first, second)
	for _, version := range []string{first, second} {
		require.Equal(t, version, secret.Ref("secret://x/name#field").At(version).Version(), "a reference can name it")
	}
}

func readsVersions(t *testing.T, bench Bench) {
	store, v, ok := versioned(t, bench)
	if !ok {
		return
	}
	_, first, err := v.ReadVersion(t.Context(), "rt-token", "")
	require.NoError(t, err)
	store.Set(t, "rt-token", "another one")
	value, read, err := v.ReadVersion(t.Context(), "rt-token", first)
	require.NoError(t, err)
	require.Equal(t, Canary, value.Text(), "a rotation does not reach it")
	require.Equal(t, first, read)
	value, err = v.Read(t.Context(), "rt-token")
	require.NoError(t, err)
	require.Equal(t, "another one", value.Text())
}

func unknownVersion(t *testing.T, bench Bench) {
	_, v, ok := versioned(t, bench)
	if !ok {
		return
	}
	for _, version := range []string{"99", "12345"} {
		value, read, err := v.ReadVersion(t.Context(), "rt-token", version)
		require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
		require.ErrorContains(t, err, version)
		require.Empty(t, string(value.Reveal())+read)
		hidden(t, err.Error())
	}
	_, _, err := v.ReadVersion(t.Context(), "no-such-secret", "1")
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
}

func hostileVersions(t *testing.T, bench Bench) {
	_, v, ok := versioned(t, bench)
	if !ok {
		return
	}
	for _, version := range []string{
		"-1", " ", "1 ", "1\n", "1&version=1", "1#2", "../1", "1/../1", "\x00", "1e0", "+1", "latest", "99999999999999999999",
	} {
		value, read, err := v.ReadVersion(t.Context(), "rt-token", version)
		require.Error(t, err, "%q", version)
		require.Contains(t, []fault.Kind{fault.NotFound, fault.Invalid}, fault.KindOf(err), "%q: %v", version, err)
		require.Empty(t, string(value.Reveal())+read, "%q", version)
		hidden(t, err.Error())
	}
}

func destroyedVersion(t *testing.T, bench Bench) {
	store, v, ok := versioned(t, bench)
	if !ok {
		return
	}
	_, first, err := v.ReadVersion(t.Context(), "rt-token", "")
	require.NoError(t, err)
	store.Destroy(t, "rt-token")
	store.Set(t, "rt-token", "another one")
	value, _, err := v.ReadVersion(t.Context(), "rt-token", first)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
	require.Empty(t, value.Reveal())
	hidden(t, err.Error())
	value, second, err := v.ReadVersion(t.Context(), "rt-token", "")
	require.NoError(t, err)
	require.Equal(t, "another one", value.Text())
	require.NotEqual(t, first, second, "a version's name is not used again")
}

func troubledVersions(t *testing.T, bench Bench) {
	_, v, ok := versioned(t, bench)
	if !ok {
		return
	}
	_, first, err := v.ReadVersion(t.Context(), "rt-token", "")
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = v.ReadVersion(ended, "rt-token", first)
	require.ErrorIs(t, err, context.Canceled)
	for _, kind := range []fault.Kind{fault.Unauthorized, fault.Unavailable} {
		store, v, _ := versioned(t, bench)
		if kind == fault.Unauthorized {
			store.Forbid(t)
		} else {
			store.TakeDown(t)
		}
		value, _, err := v.ReadVersion(t.Context(), "rt-token", first)
		require.Equal(t, kind, fault.KindOf(err), "%v", err)
		require.Empty(t, value.Reveal())
		hidden(t, err.Error())
	}
}

// unversioned: what a provider does not have is not made up, and a reference that asks for it is refused rather than read
// without.
func unversioned(t *testing.T, bench Bench) {
	store := open(t, bench)
	if _, ok := store.Provider.(secret.Versioned); ok {
		return
	}
	all := secret.Providers{"x": store.Provider}
	version, err := all.Pin(t.Context(), "secret://x/rt-token")
	require.NoError(t, err)
	require.Empty(t, version)
	for _, ref := range []secret.Ref{"secret://x/rt-token@1", "secret://x/rt-token#field", "secret://x/rt-token#field@1"} {
		value, err := all.Resolve(t.Context(), ref)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", ref, err)
		require.Empty(t, value.Reveal())
		hidden(t, err.Error())
	}
}
