// Package recorder records histories for the replay tests: it plays a story on the sandbox, takes the history of its run
// from Temporal, and keeps it if it replays.
//
// A history is added, never recorded anew: what exists is not overwritten.
package recorder

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/faults"
	"fermata/testsuite/replay"
	"fermata/testsuite/stage"
)

// Variables that `make record` sets.
const (
	variableNames = "FERMATA_RECORD"      // Stories to play, with blanks between; empty: all that have no history yet.
	variableInto  = "FERMATA_RECORD_INTO" // Folder of the histories; empty: that of the replay tests.
)

// story is a run worth keeping. Play returns the executions to record; the first has the story's name.
type story struct {
	name string
	play func(t *testing.T, s *set) []execution
}

func stories() []story {
	all := provisions()
	all = append(all, ends()...)
	all = append(all, carried()...)
	all = append(all, removals()...)
	all = append(all, governed()...)
	all = append(all, changes()...)
	all = append(all, fleets()...)
	all = append(all, instances()...)
	return append(all, inquiries()...)
}

// set is the stage of one story, with systems that fail when told to.
type set struct {
	*stage.Stage
	folder string
	faults map[string]*faults.Faults
	policy string              // Text of the policy file; empty: none.
	begin  func() *stage.Stage // Starts the sandbox, also once more.
}

// build starts a sandbox that seals payloads with the recording key.
func build(t *testing.T, key []byte) *set {
	t.Helper()
	s := &set{folder: t.TempDir(), faults: map[string]*faults.Faults{}}
	for _, name := range estate.Systems() {
		s.faults[name] = &faults.Faults{}
	}
	secrets := filepath.Join(s.folder, "secrets")
	require.NoError(t, os.MkdirAll(secrets, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(secrets, "payload-key"), key, 0o600))
	s.begin = func() *stage.Stage {
		return stage.Start(t, sandbox.Options{Folder: s.folder, WithoutUI: true, Log: stage.Logger(t), Faults: s.faults, Policy: s.policy})
	}
	s.Stage = s.begin()
	return s
}

func TestRecord(t *testing.T) {
	t.Parallel()
	folder := os.Getenv(variableInto)
	if folder == "" {
		folder = "../histories"
	}
	key, err := os.ReadFile(filepath.Join("..", "histories", replay.KeyFile))
	require.NoError(t, err)
	keys, err := replay.Keys("../histories")
	require.NoError(t, err)
	for _, chosen := range choose(t, folder, strings.Fields(os.Getenv(variableNames))) {
		t.Run(chosen.name, func(t *testing.T) {
			t.Parallel()
			s := build(t, key)
			for i, x := range chosen.play(t, s) {
				keep(t, x.history(t, s.Client), keys, file(folder, chosen.name+suffix(i)))
			}
		})
	}
}

func suffix(i int) string {
	if i == 0 {
		return ""
	}
	return "-" + string(rune('1'+i))
}

func file(folder, name string) string { return filepath.Join(folder, name+".json") }

// recorded looks for a history in either form.
func recorded(file string) error {
	_, err := os.Stat(file)
	if err != nil {
		_, err = os.Stat(file + replay.Packed)
	}
	return err
}

// choose returns the stories of these names, or all that are missing. One that exists is refused.
func choose(t *testing.T, folder string, names []string) []story {
	t.Helper()
	known := map[string]bool{}
	var missing []story
	for _, s := range stories() {
		require.False(t, known[s.name], "two stories are called %s", s.name)
		known[s.name] = true
		err := recorded(file(folder, s.name))
		wanted := len(names) == 0 || slices.Contains(names, s.name)
		if len(names) > 0 && wanted {
			require.ErrorIs(t, err, os.ErrNotExist, "%s is recorded already. A history is added, never recorded anew: give the new one a name of its own", s.name)
		}
		if wanted && err != nil {
			missing = append(missing, s)
		}
	}
	for _, name := range names {
		require.True(t, known[name], "there is no story %q", name)
	}
	return missing
}

// hostname looks for the host's name as a word of its own: a short one may stand in anything that is sealed.
func hostname(t *testing.T) *regexp.Regexp {
	t.Helper()
	name, err := os.Hostname()
	require.NoError(t, err)
	return regexp.MustCompile(`["@]` + regexp.QuoteMeta(name) + `[":@]`)
}
