package secrettest

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

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

// versionOf is the newest version; empty: there is none.
func (k kept) versionOf(t *testing.T, name string) string {
	t.Helper()
	_, version, err := k.ReadVersion(t.Context(), name, "")
	if !fault.Is(err, fault.NotFound) {
		require.NoError(t, err)
	}
	return version
}

// race keeps a value of its own for each key at once, and returns how each ended.
func (k kept) race(t *testing.T, name, after string, keys ...string) (got []string, faults []error) {
	t.Helper()
	got, faults = make([]string, len(keys)), make([]error, len(keys))
	var group sync.WaitGroup
	for i, key := range keys {
		group.Go(func() {
			value, version, err := k.Keep(t.Context(), name, key, after, text(key+" "+strconv.Itoa(i)))
			got[i], faults[i] = value.Text()+"@"+version, err
		})
	}
	group.Wait()
	return got, faults
}

// refuses fails where a value is kept, or shows in why it was not.
func (k kept) refuses(t *testing.T, kind fault.Kind, name, key, after, value string) {
	t.Helper()
	got, version, err := k.Keep(t.Context(), name, key, after, text(value))
	require.Equal(t, kind, fault.KindOf(err), "%q after %q: %v", name, after, err)
	require.Empty(t, string(got.Reveal())+version)
	hidden(t, err.Error())
}
