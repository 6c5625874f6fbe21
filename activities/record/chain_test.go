package record_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/record"
)

func sample(run string) record.Record {
	return record.Record{
		Version: record.Version, Run: run, Kind: "ProvisionServer", Owner: "server/web-01", Outcome: "done",
		Started: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Ended: time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC),
		Spec: json.RawMessage(`{"b": 1, "a": [2.50, 1e3, "ü<&"]}`), Decisions: json.RawMessage(`[]`), Steps: json.RawMessage(`[]`),
	}
}

func chain(t *testing.T, length int) []record.Entry {
	t.Helper()
	var entries []record.Entry
	var previous record.Entry
	for i := range length {
		entry, err := record.Seal(previous, sample("RUN"+string(rune('A'+i))), time.Now())
		require.NoError(t, err)
		entries = append(entries, entry)
		previous = entry
	}
	return entries
}

func TestSealIsTheSameForTheSameContent(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 6, 7, 8, 9, 10, time.FixedZone("", 7200))
	a, err := record.Seal(record.Entry{}, sample("R"), now)
	require.NoError(t, err)
	other := sample("R")
	other.Spec = json.RawMessage(`{"a":[2.5,1000,"\u00fc<&"],"b":1.0}`)
	b, err := record.Seal(record.Entry{}, other, now.UTC())
	require.NoError(t, err)
	require.Equal(t, a, b)
	require.Equal(t, 1, a.Sequence)
	// Fixed for ever: records in the field carry hashes made this way. Computed apart from this code.
	require.Equal(t, "sha256:42481f644c14d9b4b6cfee4c498ef4a51b3d67c342031135766dfa8317dff05a", a.Hash)
}

func TestEntrySurvivesItsFile(t *testing.T) {
	t.Parallel()
	for _, e := range chain(t, 2) {
		text, err := e.Bytes()
		require.NoError(t, err)
		var back record.Entry
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, e, back)
	}
}

func TestCheckChain(t *testing.T) {
	t.Parallel()
	require.NoError(t, record.CheckChain(nil))
	require.NoError(t, record.CheckChain(chain(t, 5)))

	for name, c := range map[string]struct {
		break_ func([]record.Entry) []record.Entry
		entry  string
	}{
		"changed":   {func(e []record.Entry) []record.Entry { e[2].Record[len(e[2].Record)-3] ^= 1; return e }, "entry 3"},
		"not JSON":  {func(e []record.Entry) []record.Entry { e[2].Record = e[2].Record[1:]; return e }, "entry 3"},
		"time":      {func(e []record.Entry) []record.Entry { e[3].Written = e[3].Written.Add(1); return e }, "entry 4"},
		"hash":      {func(e []record.Entry) []record.Entry { e[1].Hash = e[0].Hash; return e }, "entry 2"},
		"missing":   {func(e []record.Entry) []record.Entry { return append(e[:1], e[2:]...) }, "entry 2"},
		"no first":  {func(e []record.Entry) []record.Entry { return e[1:] }, "entry 1"},
		"reordered": {func(e []record.Entry) []record.Entry { e[1], e[2] = e[2], e[1]; return e }, "entry 2"},
		"inserted":  {func(e []record.Entry) []record.Entry { return append(e[:2], append([]record.Entry{e[1]}, e[2:]...)...) }, "entry 3"},
		"replaced": {func(e []record.Entry) []record.Entry {
			forged, _ := record.Seal(e[0], sample("FORGED"), time.Now())
			e[1] = forged
			return e
		}, "entry 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := record.CheckChain(c.break_(chain(t, 5)))
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			require.ErrorContains(t, err, c.entry+":")
		})
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*record.Record){
		"no run":         func(r *record.Record) { r.Run = "" },
		"other version":  func(r *record.Record) { r.Version = 2 },
		"no version":     func(r *record.Record) { r.Version = 0 },
		"bad JSON":       func(r *record.Record) { r.Steps = json.RawMessage(`{`) },
		"twice":          func(r *record.Record) { r.Steps = json.RawMessage(`{"a":1,"a":2}`) },
		"large number":   func(r *record.Record) { r.Plan = json.RawMessage(`{"bytes":9007199254740993}`) },
		"negative large": func(r *record.Record) { r.Plan = json.RawMessage(`[-9007199254740993]`) },
	} {
		r := sample("R")
		change(&r)
		_, err := record.Seal(record.Entry{}, r, time.Now())
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
	}
}
