package secrettest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

func refusesOverwritten(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	before := k.current(t, "rt-token", Canary)
	k.refuses(t, fault.Conflict, "rt-token", first, "", Canary+"x")
	k.refuses(t, fault.Conflict, "rt-token", first, "99", Canary+"x")
	k.refuses(t, fault.Conflict, "no-such-secret", first, "1", Canary+"x")
	k.lacks(t, "no-such-secret", "")
	require.Equal(t, before, k.current(t, "rt-token", Canary))
	k.Set(t, "rt-token", "by hand")
	k.refuses(t, fault.Conflict, "rt-token", first, before, Canary+"x")
	now := k.current(t, "rt-token", "by hand")
	k.holds(t, "rt-token", before, Canary)
	one := k.keep(t, "rt-token", first, now, "one")
	k.refuses(t, fault.Conflict, "rt-token", second, now, Canary+"x")
	require.Equal(t, one, k.current(t, "rt-token", "one"))
}

func refusesOlder(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	one := k.keep(t, "db-password", first, "", Canary)
	two := k.keep(t, "db-password", second, one, Canary+"2")
	k.refuses(t, fault.Conflict, "db-password", first, "", Canary+"x")
	k.refuses(t, fault.Conflict, "db-password", first, one, Canary+"x")
	require.Equal(t, two, k.current(t, "db-password", Canary+"2"))
	k.holds(t, "db-password", one, Canary)
	k.Set(t, "db-password", "by hand")
	k.refuses(t, fault.Conflict, "db-password", second, one, Canary+"x")
	k.current(t, "db-password", "by hand")
	k.holds(t, "db-password", two, Canary+"2")
}

func discardsNothing(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	before := k.current(t, "rt-token", Canary)
	one := k.keep(t, "db-password", first, "", "one")
	for _, name := range []string{"rt-token", "db-password", "no-such-secret"} {
		require.NoError(t, k.Discard(t.Context(), name, third))
		require.NoError(t, k.Discard(t.Context(), name, first[:len(first)-1]), "part of a key is another key")
	}
	require.Equal(t, before, k.current(t, "rt-token", Canary))
	require.Equal(t, one, k.current(t, "db-password", "one"))
	k.lacks(t, "no-such-secret", "")
}

// discardsOlder: what another wrote on top stays and counts. Ours below it goes, or the Conflict says that it stays.
func discardsOlder(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	for _, name := range []string{"rt-token", "db-password"} {
		before := k.versionOf(t, name)
		one := k.keep(t, name, first, before, Canary+"1")
		two := k.keep(t, name, second, one, Canary+"2")
		if err := k.Discard(t.Context(), name, first); err != nil {
			require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, two)
			hidden(t, err.Error())
			k.holds(t, name, one, Canary+"1")
		} else {
			k.lacks(t, name, one)
		}
		require.Equal(t, two, k.current(t, name, Canary+"2"))
		if before != "" {
			k.holds(t, name, before, Canary)
		}
	}
}

func refusesNames(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	for _, name := range []string{
		"", ".", "..", "/", "../rt-token", "a/../../rt-token", "/etc/passwd", "rt-token\x00", "rt-token/..", "rt-token/", "*", "rt-toke?", "~/x",
		"$HOME", "rt-token=", "rt token", "rt-token\n", "a: b", "a#", "a#b#c", "a#../b", "-a", "a//b",
	} {
		k.refuses(t, fault.Invalid, name, first, "", Canary+"x")
		require.Equal(t, fault.Invalid, fault.KindOf(k.Discard(t.Context(), name, first)), "%q", name)
	}
	k.current(t, "rt-token", Canary)
	k.lacks(t, "a", "")
}

func refusesValues(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	before := k.current(t, "rt-token", Canary)
	k.refuses(t, fault.Invalid, "rt-token", first, before, "")
	k.refuses(t, fault.Invalid, "rt-token", first, before, Canary+"\xff")
	k.refuses(t, fault.Invalid, "rt-token", first, before, Canary+"\x00")
	k.refuses(t, fault.Invalid, "rt-token", "", before, Canary+"x")
	require.Equal(t, fault.Invalid, fault.KindOf(k.Discard(t.Context(), "rt-token", "")), "a version that nobody marked is nobody's")
	_, _, err := k.Keep(t.Context(), "rt-token", first, before, secret.Value{})
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.Equal(t, before, k.current(t, "rt-token", Canary))
}

func refusesEnded(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	before := k.current(t, "rt-token", Canary)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := k.Keep(ended, "rt-token", first, before, text(Canary+"x"))
	require.ErrorIs(t, err, context.Canceled)
	hidden(t, err.Error())
	require.ErrorIs(t, k.Discard(ended, "rt-token", first), context.Canceled)
	require.Equal(t, before, k.current(t, "rt-token", Canary))
}

func refusesForbidden(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	k.keep(t, "db-password", first, "", Canary)
	k.Forbid(t)
	k.refuses(t, fault.Unauthorized, "db-password", first, "", Canary+"x")
	k.refuses(t, fault.Unauthorized, "another", first, "", Canary+"x")
	err := k.Discard(t.Context(), "db-password", first)
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
	hidden(t, err.Error())
}

func refusesGone(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	k.keep(t, "db-password", first, "", Canary)
	k.TakeDown(t)
	k.refuses(t, fault.Unavailable, "db-password", first, "", Canary+"x")
	k.refuses(t, fault.Unavailable, "another", first, "", Canary+"x")
	err := k.Discard(t.Context(), "db-password", first)
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	hidden(t, err.Error())
}

// refusesReadOnly: who cannot be written to says so, and does not lose the value in silence.
func refusesReadOnly(t *testing.T, bench Bench) {
	store := open(t, bench)
	if _, ok := store.Provider.(secret.Keeper); ok {
		return
	}
	all := secret.Providers{"x": store.Provider}
	_, _, err := all.Keep(t.Context(), "secret://x/rt-token", first, "", text(Canary+"x"))
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	hidden(t, err.Error())
	require.Equal(t, fault.Invalid, fault.KindOf(all.Discard(t.Context(), "secret://x/rt-token", first)))
	value, err := store.Read(t.Context(), "rt-token")
	require.NoError(t, err)
	require.Equal(t, Canary, value.Text())
}
