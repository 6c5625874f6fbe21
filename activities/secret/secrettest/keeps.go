package secrettest

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

// keeping are the cases of a secret.Keeper; a provider that is none has one of its own.
func keeping() map[string]func(*testing.T, Bench) {
	return map[string]func(*testing.T, Bench){
		"keeps a first version":                 keepsFirst,
		"keeps the next version":                keepsNext,
		"gives a key what it kept":              keepsOnce,
		"finds what it kept without answer":     keepsUnanswered,
		"keeps names and fields apart":          keepsApart,
		"discards and the earlier counts":       discardsNext,
		"discards a first version":              discardsFirst,
		"one of two writers wins":               keepsRaced,
		"attempts of one key agree":             keepsTogether,
		"overwrites nothing of another's":       refusesOverwritten,
		"adopts nothing below another's":        refusesOlder,
		"discards nothing of another's":         discardsNothing,
		"discards nothing below another's":      discardsOlder,
		"keeps nothing under a hostile name":    refusesNames,
		"keeps nothing that is no value":        refusesValues,
		"keeps nothing in an ended context":     refusesEnded,
		"keeps nothing without permission":      refusesForbidden,
		"keeps nothing in a store that is gone": refusesGone,
		"only a keeper keeps":                   refusesReadOnly,
	}
}

func keepsFirst(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	version := k.keep(t, "db-password", first, "", Canary)
	require.Equal(t, version, k.current(t, "db-password", Canary))
	k.holds(t, "db-password", version, Canary)
	for i, odd := range []string{" leads and trails ", "quoted \"'`\\", "# - [a]: {b} &c *d !e %f @g", "two\nlines\n", "yes", "4711", "übergroß 🎵"} {
		got, version, err := k.Keep(t.Context(), "odd", first+strconv.Itoa(i), k.versionOf(t, "odd"), text(odd))
		require.NoError(t, err)
		read, _, err := k.ReadVersion(t.Context(), "odd", version)
		require.NoError(t, err)
		require.Equal(t, odd+"|"+odd, string(got.Reveal())+"|"+string(read.Reveal()), "nothing is cut off or read as something else")
	}
	k.current(t, "rt-token", Canary)
	k.current(t, "vsphere.password", Canary+"2")
}

func keepsNext(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	before := k.current(t, "rt-token", Canary)
	one := k.keep(t, "rt-token", first, before, "one")
	two := k.keep(t, "rt-token", second, one, "two")
	require.Equal(t, two, k.current(t, "rt-token", "two"))
	k.holds(t, "rt-token", before, Canary)
	k.holds(t, "rt-token", one, "one")
	require.Len(t, map[string]bool{before: true, one: true, two: true}, 3)
	k.Set(t, "rt-token", "by hand")
	k.keep(t, "rt-token", third, k.current(t, "rt-token", "by hand"), "three")
}

func keepsOnce(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	before := k.current(t, "rt-token", Canary)
	version := k.keep(t, "rt-token", first, before, "one")
	for _, after := range []string{before, version, "", "99"} {
		got, again, err := k.Keep(t.Context(), "rt-token", first, after, text("generated anew"))
		require.NoError(t, err, "after %q", after)
		require.Equal(t, "one "+version, got.Text()+" "+again, "after %q", after)
	}
	require.Equal(t, version, k.current(t, "rt-token", "one"))
}

func keepsUnanswered(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok || k.LoseNext == nil {
		return
	}
	for _, name := range []string{"rt-token", "db-password"} {
		before := k.versionOf(t, name)
		k.LoseNext(t)
		_, _, err := k.Keep(t.Context(), name, first, before, text("one"))
		require.Equal(t, fault.Ambiguous, fault.KindOf(err), "%v", err)
		got, version, err := k.Keep(t.Context(), name, first, before, text("generated anew"))
		require.NoError(t, err)
		require.Equal(t, "one", got.Text())
		require.Equal(t, version, k.current(t, name, "one"))
		k.LoseNext(t)
		require.Equal(t, fault.Ambiguous, fault.KindOf(k.Discard(t.Context(), name, first)))
		require.NoError(t, k.Discard(t.Context(), name, first), "what was begun is brought to its end")
		k.lacks(t, name, version)
	}
	k.current(t, "rt-token", Canary)
	k.lacks(t, "db-password", "")
}

func keepsApart(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	k.keep(t, "a", first, "", "of a")
	k.keep(t, "a.b", first, "", "of a.b")
	k.current(t, "a", "of a")
	k.current(t, "a.b", "of a.b")
	if k.Field == nil {
		_, _, err := k.Keep(t.Context(), "a#user", second, "", text(Canary))
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
		hidden(t, err.Error())
		return
	}
	user, password := k.Field("login", "user"), k.Field("login", "password")
	one := k.keep(t, user, first, "", "web")
	k.refuses(t, fault.Conflict, password, first, one, Canary) // The secret is there, the field is not.
	two := k.keep(t, password, first, "", "one")
	k.keep(t, password, second, two, "two")
	k.current(t, user, "web")
	k.current(t, password, "two")
	require.NoError(t, k.Discard(t.Context(), password, second))
	k.current(t, user, "web")
	k.current(t, password, "one")
	require.NoError(t, k.Discard(t.Context(), password, first))
	k.current(t, user, "web")
	k.lacks(t, password, "")
	require.NoError(t, k.Discard(t.Context(), user, first))
	k.lacks(t, user, "")
}

func discardsNext(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	before := k.current(t, "rt-token", Canary)
	one := k.keep(t, "rt-token", first, before, "one")
	two := k.keep(t, "rt-token", second, one, "two")
	require.NoError(t, k.Discard(t.Context(), "rt-token", second))
	k.lacks(t, "rt-token", two)
	k.current(t, "rt-token", "one")
	require.NoError(t, k.Discard(t.Context(), "rt-token", second), "there is none left")
	require.NoError(t, k.Discard(t.Context(), "rt-token", first))
	k.lacks(t, "rt-token", one)
	k.holds(t, "rt-token", before, Canary)
	now := k.current(t, "rt-token", Canary)
	again := k.keep(t, "rt-token", second, now, "two again")
	require.NotContains(t, []string{before, one, two}, again, "a version's name is not used again")
}

func discardsFirst(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	version := k.keep(t, "db-password", first, "", "one")
	require.NoError(t, k.Discard(t.Context(), "db-password", first))
	k.lacks(t, "db-password", "")
	k.lacks(t, "db-password", version)
	require.NoError(t, k.Discard(t.Context(), "db-password", first), "there is none left")
	again := k.keep(t, "db-password", first, "", "generated anew")
	require.NotEqual(t, version, again, "a version's name is not used again")
	require.Equal(t, again, k.current(t, "db-password", "generated anew"))
}

func keepsRaced(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	for _, name := range []string{"rt-token", "db-password"} {
		got, faults := k.race(t, name, k.versionOf(t, name), first, second)
		winner := 0
		if faults[0] != nil {
			winner = 1
		}
		require.NoError(t, faults[winner])
		require.Equal(t, fault.Conflict, fault.KindOf(faults[1-winner]), "%v", faults[1-winner])
		value, version, err := k.ReadVersion(t.Context(), name, "")
		require.NoError(t, err)
		require.Equal(t, got[winner], value.Text()+"@"+version)
	}
}

func keepsTogether(t *testing.T, bench Bench) {
	k, ok := keeper(t, bench)
	if !ok {
		return
	}
	got, faults := k.race(t, "db-password", "", first, first, first, first)
	for i, err := range faults {
		require.NoError(t, err)
		require.Equal(t, got[0], got[i])
	}
}
