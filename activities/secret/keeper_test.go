package secret_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// drawer is a shelf that can be written to. It notes what it was asked, and fails where it is told to.
type drawer struct {
	*shelf
	asked []string
	fails error
}

func (d *drawer) Keep(_ context.Context, name, key, after string, value secret.Value) (secret.Value, string, error) {
	d.asked = append(d.asked, "keep "+name+" "+key+" "+after)
	if d.fails != nil {
		return value, after, d.fails
	}
	d.versions++
	return value, strconv.Itoa(d.versions), nil
}

func (d *drawer) Discard(_ context.Context, name, key string) error {
	d.asked = append(d.asked, "discard "+name+" "+key)
	return d.fails
}

var _ secret.Store = secret.Providers{}

func TestProvidersKeep(t *testing.T) {
	t.Parallel()
	d := &drawer{shelf: &shelf{versions: 2}}
	all := secret.Providers{"vault": d, "file": provider{"a": "1"}}
	kept, version, err := all.Keep(t.Context(), "secret://vault/kv/db#password", "key", "2", secret.NewValue([]byte("hunter2")))
	require.NoError(t, err)
	require.Equal(t, "hunter2 3", kept.Text()+" "+version)
	require.NoError(t, all.Discard(t.Context(), "secret://vault/kv/db#password", "key"))
	require.Equal(t, []string{"keep kv/db#password key 2", "discard kv/db#password key"}, d.asked)
}

func TestProvidersKeepRefuses(t *testing.T) {
	t.Parallel()
	d := &drawer{shelf: &shelf{}}
	all := secret.Providers{"vault": d, "file": provider{"a": "1"}, "exec": &shelf{}}
	for ref, says := range map[secret.Ref]string{
		"secret://file/a":      "cannot be written to",
		"secret://exec/a":      "cannot be written to",
		"secret://nobody/a":    "not there",
		"secret://vault/a@3":   "leave @3 out",
		"secret://vault/a/../": "no secret reference",
		"hunter1":              "no secret reference",
	} {
		kept, version, err := all.Keep(t.Context(), ref, "key", "", secret.NewValue([]byte("hunter2")))
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", ref, err)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "hunter2")
		require.Empty(t, string(kept.Reveal())+version)
		err = all.Discard(t.Context(), ref, "key")
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", ref, err)
		require.ErrorContains(t, err, says)
	}
	require.Empty(t, d.asked)
}

func TestProvidersKeepTellsWhatTheKeeperSaid(t *testing.T) {
	t.Parallel()
	for _, fails := range []error{
		fault.New(fault.Conflict, "version 3 is newer"), fault.New(fault.Invalid, "not that name"), fault.New(fault.Unauthorized, "no"),
		fault.New(fault.Ambiguous, "no answer"), fault.Throttle(7*time.Second, "slower"),
	} {
		all := secret.Providers{"vault": &drawer{shelf: &shelf{}, fails: fails}}
		kept, version, err := all.Keep(t.Context(), "secret://vault/kv/db", "key", "2", secret.NewValue([]byte("hunter2")))
		require.Equal(t, fault.KindOf(fails), fault.KindOf(err))
		require.ErrorContains(t, err, "keeping secret://vault/kv/db: "+fails.Error())
		require.Empty(t, string(kept.Reveal())+version, "what was not kept is not used")
		err = all.Discard(t.Context(), "secret://vault/kv/db", "key")
		require.ErrorContains(t, err, "discarding secret://vault/kv/db: "+fails.Error())
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		if f.Kind == fault.Throttled {
			require.Equal(t, 7*time.Second, f.After)
		}
	}
	_, _, err := secret.Providers{"vault": &drawer{shelf: &shelf{}, fails: context.Canceled}}.Keep(t.Context(), "secret://vault/kv/db", "key", "", secret.Value{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
}

func TestWhatAKeeperTakes(t *testing.T) {
	t.Parallel()
	require.NoError(t, secret.CheckKey("01JD0000000000000000000001/database.password/web-01"))
	for _, key := range []string{"", "a\nb", "a\x00", "\xff", strings.Repeat("k", 513)} {
		require.Equal(t, fault.Invalid, fault.KindOf(secret.CheckKey(key)), "%q", key)
	}
	for _, text := range []string{"x", " ", "two\nlines\n", "ü"} {
		require.NoError(t, secret.CheckText(secret.NewValue([]byte(text))), "%q", text)
	}
	for _, text := range []string{"", "hunter2\x00", "hunter2\xff", "hunter2" + strings.Repeat("x", 256<<10)} {
		err := secret.CheckText(secret.NewValue([]byte(text)))
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%q", text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
