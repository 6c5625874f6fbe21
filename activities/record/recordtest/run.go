// Package recordtest is the conformance suite of record stores: what each of them must do, wherever it keeps records.
package recordtest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/record"
)

// Bench gives the suite a place for records, empty at first.
type Bench struct {
	Open func(t *testing.T) Place
}

// Place is one place that keeps records, with hooks that work behind the store's back.
type Place struct {
	// Store opens the place once more, as another process would.
	Store func(t *testing.T) record.Store
	// Count counts the entries without asking a store.
	Count func(t *testing.T) int
	// Interrupt leaves what a writer leaves that was killed in the middle of an Append. Nil: nothing is ever left.
	Interrupt func(t *testing.T)
	// TakeDown makes the place refuse writing.
	TakeDown func(t *testing.T)
	// Tampers change the chain in ways that Verify must see; it holds five entries then.
	Tampers []Tamper
}

// Tamper is one way to change a chain of five entries, and the entry that Verify must name.
type Tamper struct {
	Name  string
	Entry int
	Do    func(t *testing.T)
}

// Run tests the store.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	cases := map[string]func(*testing.T, Place){
		"checks without a trace":             checks,
		"an empty place is whole":            empty,
		"appends a chain":                    appendsChain,
		"finds by owner":                     findsByOwner,
		"the same run twice is one entry":    sameRunTwice,
		"a run in parallel is one entry":     sameRunInParallel,
		"two stores keep one chain":          twoStores,
		"a killed writer leaves a chain":     interrupted,
		"another content is a Conflict":      otherContent,
		"an unusable record is Invalid":      unusable,
		"an ended context writes nothing":    endedContext,
		"a place that is down":               takenDown,
		"the content comes back as it was":   keepsContent,
		"Verify goes on behind many entries": verifiesMany,
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, bench.Open(t)) })
	}
	for i, tamper := range bench.Open(t).Tampers {
		t.Run("Verify sees: "+tamper.Name, func(t *testing.T) { t.Parallel(); tampered(t, bench.Open(t), i) })
	}
}

// Sample returns a record of a run of its own.
func Sample(owner operation.Owner) record.Record {
	started := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	return record.Record{
		Version: record.Version, Run: ulid.Make().String(), Kind: "ProvisionServer", Owner: owner, WorkflowID: string(owner),
		Requester: "alice@example.net", Outcome: "done", Started: started, Ended: started.Add(time.Hour),
		Spec: json.RawMessage(`{"b":"ü<&>","a":[1,2.5,true,null]}`), Decisions: json.RawMessage(`[{"verdict":"good"}]`), Steps: json.RawMessage(`[]`),
		LeftBehind: []string{"ticket #4711"},
	}
}

func fill(t *testing.T, store record.Store, count int) []record.Entry {
	t.Helper()
	var entries []record.Entry
	for i := range count {
		entry, err := store.Append(t.Context(), Sample(operation.Owner(fmt.Sprintf("server/web-%02d", i%2))))
		require.NoError(t, err)
		entries = append(entries, entry)
	}
	return entries
}

// whole asserts that the chain is unbroken and has that many entries, by the store's word and by counting.
func whole(t *testing.T, place Place, count int) {
	t.Helper()
	verified, err := place.Store(t).Verify(t.Context())
	require.NoError(t, err)
	require.Equal(t, count, verified)
	require.Equal(t, count, place.Count(t))
	entries, err := place.Store(t).ByOwner(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, entries, count)
	require.NoError(t, record.CheckChain(entries))
}

func checks(t *testing.T, place Place) {
	require.NoError(t, place.Store(t).Check(t.Context()))
	whole(t, place, 0)
}

func empty(t *testing.T, place Place) { whole(t, place, 0) }

func appendsChain(t *testing.T, place Place) {
	entries := fill(t, place.Store(t), 3)
	require.Equal(t, 1, entries[0].Sequence)
	require.Empty(t, entries[0].Previous)
	require.Equal(t, entries[0].Hash, entries[1].Previous)
	require.Equal(t, entries[1].Hash, entries[2].Previous)
	whole(t, place, 3)
	again, err := place.Store(t).ByOwner(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, entries, again, "what Append returned is what is kept")
}

func findsByOwner(t *testing.T, place Place) {
	entries := fill(t, place.Store(t), 4)
	found, err := place.Store(t).ByOwner(t.Context(), "server/web-01")
	require.NoError(t, err)
	require.Equal(t, []record.Entry{entries[1], entries[3]}, found)
	found, err = place.Store(t).ByOwner(t.Context(), "server/web")
	require.NoError(t, err)
	require.Empty(t, found)
}

func sameRunTwice(t *testing.T, place Place) {
	r := Sample("server/web-01")
	first, err := place.Store(t).Append(t.Context(), r)
	require.NoError(t, err)
	fill(t, place.Store(t), 1)
	r.Spec = json.RawMessage(`{ "a": [1.0, 2.50, true, null], "b": "\u00fc<&>" }`) // The same, spelt otherwise.
	again, err := place.Store(t).Append(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, first, again)
	whole(t, place, 2)
}

func sameRunInParallel(t *testing.T, place Place) {
	r := Sample("server/web-01")
	parallel(t, 8, func() error { _, err := place.Store(t).Append(t.Context(), r); return err })
	whole(t, place, 1)
}

func twoStores(t *testing.T, place Place) {
	stores := []record.Store{place.Store(t), place.Store(t)}
	var mu sync.Mutex
	turn := 0
	parallel(t, 20, func() error {
		mu.Lock()
		store := stores[turn%2]
		turn++
		mu.Unlock()
		_, err := store.Append(t.Context(), Sample("server/web-01"))
		return err
	})
	whole(t, place, 20)
}

func parallel(t *testing.T, count int, f func() error) {
	t.Helper()
	var group sync.WaitGroup
	faults := make([]error, count)
	for i := range count {
		group.Go(func() { faults[i] = f() })
	}
	group.Wait()
	for _, err := range faults {
		require.NoError(t, err)
	}
}

func interrupted(t *testing.T, place Place) {
	if place.Interrupt == nil {
		return
	}
	fill(t, place.Store(t), 2)
	place.Interrupt(t)
	whole(t, place, 2)
	fill(t, place.Store(t), 1)
	whole(t, place, 3)
}

func otherContent(t *testing.T, place Place) {
	r := Sample("server/web-01")
	_, err := place.Store(t).Append(t.Context(), r)
	require.NoError(t, err)
	for _, change := range []func(*record.Record){
		func(r *record.Record) { r.Outcome = "undone" },
		func(r *record.Record) { r.Owner = "server/web-02" },
		func(r *record.Record) { r.Ended = r.Ended.Add(1) },
		func(r *record.Record) { r.LeftBehind = nil },
	} {
		changed := r
		change(&changed)
		_, err = place.Store(t).Append(t.Context(), changed)
		require.True(t, fault.Is(err, fault.Conflict), "%v", err)
		require.ErrorContains(t, err, r.Run)
	}
	whole(t, place, 1)
}

func unusable(t *testing.T, place Place) {
	for name, change := range map[string]func(*record.Record){
		"no run":    func(r *record.Record) { r.Run = "" },
		"path":      func(r *record.Record) { r.Run = "../../../../tmp/01J0000000000" },
		"lowercase": func(r *record.Record) { r.Run = "01j00000000000000000000000" },
		"version":   func(r *record.Record) { r.Version = 99 },
		"bad JSON":  func(r *record.Record) { r.Steps = json.RawMessage(`[`) },
		"number":    func(r *record.Record) { r.Plan = json.RawMessage(`9007199254740993`) },
	} {
		r := Sample("server/web-01")
		change(&r)
		_, err := place.Store(t).Append(t.Context(), r)
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
	}
	whole(t, place, 0)
}

func endedContext(t *testing.T, place Place) {
	fill(t, place.Store(t), 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := place.Store(t).Append(ctx, Sample("server/web-01"))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, place.Store(t).Check(ctx), context.Canceled)
	whole(t, place, 1)
}

func takenDown(t *testing.T, place Place) {
	place.TakeDown(t)
	_, err := place.Store(t).Append(t.Context(), Sample("server/web-01"))
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	err = place.Store(t).Check(t.Context())
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

func keepsContent(t *testing.T, place Place) {
	want := Sample("server/web-01")
	want.Owner = "server/../../odd name/ü\n" + operation.Owner(make([]byte, 300))
	entry, err := place.Store(t).Append(t.Context(), want)
	require.NoError(t, err)
	var got record.Record
	require.NoError(t, json.Unmarshal(entry.Record, &got))
	require.JSONEq(t, string(want.Spec), string(got.Spec))
	got.Spec = want.Spec
	got.Plan, got.Decisions, got.Steps = want.Plan, want.Decisions, want.Steps
	require.Equal(t, want, got)
	found, err := place.Store(t).ByOwner(t.Context(), want.Owner)
	require.NoError(t, err)
	require.Len(t, found, 1)
	whole(t, place, 1)
}

func verifiesMany(t *testing.T, place Place) {
	fill(t, place.Store(t), 40)
	whole(t, place, 40)
}

func tampered(t *testing.T, place Place, which int) {
	fill(t, place.Store(t), 5)
	whole(t, place, 5)
	tamper := place.Tampers[which]
	tamper.Do(t)
	_, err := place.Store(t).Verify(t.Context())
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, fmt.Sprintf("entry %d:", tamper.Entry))
}
