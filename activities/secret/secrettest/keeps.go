package secrettest

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
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

// The keys of three operations.
const (
	first  = "01JD0000000000000000000001/database.password/web-01"
	second = "01JD0000000000000000000002/database.password/web-01"
	third  = "01JD0000000000000000000003/database.password/web-01"
)

// kept is a store that can be written to.
type kept struct {
	Store
	secret.Keeper
}

// keeper opens a store whose provider can be written to; false where it cannot, and nothing is to be tested.
func keeper(t *testing.T, bench Bench) (kept, bool) {
	t.Helper()
	store := open(t, bench)
	k, ok := store.Provider.(secret.Keeper)
	return kept{store, k}, ok
}

func text(s string) secret.Value { return secret.NewValue([]byte(s)) }

// keep keeps a value that must be taken.
func (k kept) keep(t *testing.T, name, key, after, value string) (version string) {
	t.Helper()
	got, version, err := k.Keep(t.Context(), name, key, after, text(value))
	require.NoError(t, err)
	require.Equal(t, value, got.Text())
	require.Equal(t, version, secret.Ref("secret://x/name").At(version).Version(), "a reference can name it")
	return version
}

// current is the version that counts; reads fail where it is not want.
func (k kept) current(t *testing.T, name, want string) (version string) {
	t.Helper()
	value, version, err := k.ReadVersion(t.Context(), name, "")
	require.NoError(t, err)
	require.Equal(t, want, value.Text())
	return version
}

// holds fails where the version is not what it was.
func (k kept) holds(t *testing.T, name, version, want string) {
	t.Helper()
	value, read, err := k.ReadVersion(t.Context(), name, version)
	require.NoError(t, err)
	require.Equal(t, want+" "+version, value.Text()+" "+read)
}

// lacks fails where the version, or with "" any, can be read.
func (k kept) lacks(t *testing.T, name, version string) {
	t.Helper()
	value, _, err := k.ReadVersion(t.Context(), name, version)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
	require.Empty(t, value.Reveal())
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

// versionOf is the newest version; empty: there is none.
func (k kept) versionOf(t *testing.T, name string) string {
	t.Helper()
	_, version, err := k.ReadVersion(t.Context(), name, "")
	if !fault.Is(err, fault.NotFound) {
		require.NoError(t, err)
	}
	return version
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

// race keeps a value of its own for each key at once, and returns how each ended.
func (k kept) race(t *testing.T, name, after string, keys ...string) (got []string, faults []error) {
	t.Helper()
	got, faults = make([]string, len(keys)), make([]error, len(keys))
	var group sync.WaitGroup
	for i, key := range keys {
		group.Go(func() {
			value, version, err := k.Keep(t.Context(), name, key, after, text(key+string(rune('a'+i))))
			got[i], faults[i] = value.Text()+"@"+version, err
		})
	}
	group.Wait()
	return got, faults
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
