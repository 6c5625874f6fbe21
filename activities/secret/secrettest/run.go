// Package secrettest is the conformance suite of secret providers: what each of them must do, whatever it reads from.
package secrettest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// Canary is the value that the suite plants. No output but Reveal's may hold it, in whatever spelling.
const Canary = "cAnaRy-7f3d?&\"<>-Value"

// Bench gives the suite a provider and access to the store behind it.
type Bench struct {
	// Open returns a provider over a store of its own that holds the secrets.
	Open func(t *testing.T, secrets map[string]string) Store
}

// Store is one provider with what stands behind it.
type Store struct {
	secret.Provider
	// Set writes a secret behind the provider's back, as a rotation does.
	Set func(t *testing.T, name, value string)
	// Forbid takes the permission to read away. Nil: the store knows no permission.
	Forbid func(t *testing.T)
	// TakeDown makes the store unreachable. Nil: it cannot be.
	TakeDown func(t *testing.T)
	// Destroy removes the version that is current now for good. Only for a secret.Versioned.
	Destroy func(t *testing.T, name string)
	// LoseNext loses the answer of the next change, after it was made. Only for a secret.Keeper; nil: no answer can be lost.
	LoseNext func(t *testing.T)
	// Field names a field of a secret. Only for a secret.Keeper; nil: its secrets have no fields.
	Field func(name, field string) string
}

// Run tests the provider.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	cases := map[string]func(*testing.T, Bench){
		"reads what was stored":           readsValue,
		"sees a rotation":                 seesRotation,
		"reads in parallel":               readsInParallel,
		"an unknown name is NotFound":     unknownName,
		"a hostile name reads nothing":    hostileNames,
		"an ended context reads nothing":  endedContext,
		"without permission Unauthorized": forbidden,
		"a store that is gone":            takenDown,
		"a value never shows":             neverShows,

		"a version is told and stays":        tellsVersions,
		"a version is what it was":           readsVersions,
		"an unknown version is NotFound":     unknownVersion,
		"a hostile version reads nothing":    hostileVersions,
		"a destroyed version is gone":        destroyedVersion,
		"versions need what Read needs":      troubledVersions,
		"only who has versions is asked one": unversioned,
	}
	maps.Copy(cases, keeping())
	for name, test := range cases {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, bench) })
	}
}

func open(t *testing.T, bench Bench) Store {
	t.Helper()
	return bench.Open(t, map[string]string{"rt-token": Canary, "vsphere.password": Canary + "2"})
}

func readsValue(t *testing.T, bench Bench) {
	store := open(t, bench)
	value, err := store.Read(t.Context(), "rt-token")
	require.NoError(t, err)
	require.Equal(t, Canary, value.Text())
	value, err = store.Read(t.Context(), "vsphere.password")
	require.NoError(t, err)
	require.Equal(t, Canary+"2", value.Text())
}

func seesRotation(t *testing.T, bench Bench) {
	store := open(t, bench)
	_, err := store.Read(t.Context(), "rt-token")
	require.NoError(t, err)
	store.Set(t, "rt-token", "another one")
	value, err := store.Read(t.Context(), "rt-token")
	require.NoError(t, err)
	require.Equal(t, "another one", value.Text())
}

func readsInParallel(t *testing.T, bench Bench) {
	store := open(t, bench)
	var group sync.WaitGroup
	texts := make(chan string, 16)
	for range cap(texts) {
		group.Go(func() {
			value, err := store.Read(t.Context(), "rt-token")
			if err == nil {
				texts <- value.Text()
			}
		})
	}
	group.Wait()
	close(texts)
	count := 0
	for text := range texts {
		require.Equal(t, Canary, text)
		count++
	}
	require.Equal(t, cap(texts), count)
}

func unknownName(t *testing.T, bench Bench) {
	_, err := open(t, bench).Read(t.Context(), "no-such-secret")
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "no-such-secret")
	hidden(t, err.Error())
}

func hostileNames(t *testing.T, bench Bench) {
	store := open(t, bench)
	for _, name := range []string{
		"", ".", "..", "/", "../rt-token", "a/../../rt-token", "/etc/passwd", "../../../../../etc/passwd", "rt-token\x00", "rt-token/..",
		"rt-token/", "*", "rt-toke?", "~/x", "$HOME", "rt-token=", "rt token",
	} {
		value, err := store.Read(t.Context(), name)
		require.Error(t, err, "%q", name)
		require.Contains(t, []fault.Kind{fault.NotFound, fault.Invalid}, fault.KindOf(err), "%q: %v", name, err)
		require.Empty(t, value.Reveal(), "%q", name)
		hidden(t, err.Error())
	}
}

func endedContext(t *testing.T, bench Bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	value, err := open(t, bench).Read(ctx, "rt-token")
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, value.Reveal())
}

func forbidden(t *testing.T, bench Bench) {
	store := open(t, bench)
	if store.Forbid == nil {
		return
	}
	store.Forbid(t)
	value, err := store.Read(t.Context(), "rt-token")
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
	require.Empty(t, value.Reveal())
	hidden(t, err.Error())
}

func takenDown(t *testing.T, bench Bench) {
	store := open(t, bench)
	if store.TakeDown == nil {
		return
	}
	store.TakeDown(t)
	value, err := store.Read(t.Context(), "rt-token")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.Empty(t, value.Reveal())
	hidden(t, err.Error())
}

func neverShows(t *testing.T, bench Bench) {
	store := open(t, bench)
	value, err := store.Read(t.Context(), "rt-token")
	require.NoError(t, err)
	holders := []any{value, &value, struct{ V secret.Value }{value}, map[string]any{"v": value}, []secret.Value{value}, struct{ v any }{value}}
	for _, holder := range append(holders, any(store.Provider)) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b"} {
			hidden(t, fmt.Sprintf(verb, holder))
		}
		hidden(t, fmt.Errorf("using %v", holder).Error())
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", holder)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", holder, slog.Group("g", "v", holder))
		if text, err := json.Marshal(holder); err == nil {
			out.Write(text)
		}
		hidden(t, out.String())
	}
}

// hidden fails if the text holds the canary, in any spelling that a log or an error could give it.
func hidden(t *testing.T, text string) {
	t.Helper()
	quoted, err := json.Marshal(Canary)
	require.NoError(t, err)
	spellings := []string{
		Canary, strings.Trim(string(quoted), `"`), strings.Trim(fmt.Sprintf("%q", Canary), `"`),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(Canary)), "="),
		fmt.Sprintf("%x", Canary), fmt.Sprintf("%X", Canary), strings.Trim(fmt.Sprint([]byte(Canary)), "[]"), fmt.Sprintf("%b", []byte(Canary)),
		Canary[:12],
	}
	for _, spelling := range spellings {
		require.False(t, strings.Contains(text, spelling), "the value shows as %q", spelling)
	}
}
