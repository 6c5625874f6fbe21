package configurationtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/configuration"
)

func describes(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	require.NoError(t, f.runner.Check(t.Context()))
	whole, err := f.runner.Describe(t.Context(), play(Writes))
	require.NoError(t, err)
	require.Equal(t, []string{WriteText, WritePassword}, whole.Tasks)
	require.Len(t, whole.Digest, 64)
	again, err := f.runner.Describe(t.Context(), configuration.Play{Playbook: Restless, Digest: whole.Digest})
	require.NoError(t, err)
	require.Equal(t, whole.Digest, again.Digest, "the project's, whatever the playbook")
	tagged := play(Writes)
	tagged.Tags = []string{"text"}
	some, err := f.runner.Describe(t.Context(), tagged)
	require.NoError(t, err)
	require.Equal(t, []string{WriteText}, some.Tasks)
}

func applies(t *testing.T, b Bench) {
	t.Run("does what the playbook says, once", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		did, err := f.apply(Writes)
		require.NoError(t, err)
		require.Equal(t, []string{WriteText, WritePassword, Tell}, names(did.Changed))
		require.Equal(t, 3, did.Recap.Changed)
		require.Subset(t, names(did.Foreseen), []string{WriteText, WritePassword})
		require.Empty(t, did.Blind)
		require.Empty(t, did.Restless)
		require.Equal(t, Text, strings.TrimRight(f.Root(t, "cat /srv/text"), "\n"), "no template is evaluated")
		require.Equal(t, Password, strings.TrimRight(f.Root(t, "cat /srv/password"), "\n"))
		again, err := f.apply(Writes)
		require.NoError(t, err)
		require.Empty(t, again.Changed)
		require.Empty(t, again.Foreseen)
		require.Zero(t, again.Recap.Changed)
		require.Positive(t, again.Recap.OK)
		told := strings.Join(f.said.Texts(), "\n")
		require.Contains(t, told, WriteText)
		require.NotContains(t, told, "cAnaRy")
		f.free()
	})
	t.Run("only tasks of a tag", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		p := play(Writes)
		p.Tags = []string{"text"}
		did, err := f.runner.Apply(t.Context(), op(), f.Host(), p, values(), f.said)
		require.NoError(t, err)
		require.Equal(t, []string{WriteText, Tell}, names(did.Changed))
		require.Equal(t, "no\n", f.Root(t, "if [ -e /srv/password ]; then echo yes; else echo no; fi"))
	})
	t.Run("tells of what is not idempotent", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		did, err := f.apply(Restless)
		require.NoError(t, err)
		require.Equal(t, []string{Again}, names(did.Restless))
	})
	t.Run("goes on where check mode cannot foresee", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		did, err := f.apply(Builds)
		require.NoError(t, err)
		require.NotEmpty(t, did.Blind)
		require.NotEmpty(t, did.Changed)
		require.Empty(t, did.Restless)
	})
}

func previews(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	seen, err := f.preview(Writes)
	require.NoError(t, err)
	require.Subset(t, names(seen.Changes), []string{WriteText, WritePassword})
	require.Equal(t, "no\n", f.Root(t, "if [ -e /srv/text ]; then echo yes; else echo no; fi"), "nothing is changed")
	require.Contains(t, seen.Changes[0].Diff, "lookup(")
	for _, change := range seen.Changes {
		require.NotContains(t, change.Diff, "cAnaRy")
		require.NotContains(t, change.Diff, "4711")
	}
	_, err = f.apply(Writes)
	require.NoError(t, err)
	seen, err = f.preview(Writes)
	require.NoError(t, err)
	require.Empty(t, seen.Changes)
	f.free()
}

// projects: what is run is what was pinned.
func projects(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	before, err := f.runner.Describe(t.Context(), play(Writes))
	require.NoError(t, err)
	for _, change := range []func(){
		func() { require.NoError(t, os.WriteFile(filepath.Join(f.Project(), "more.txt"), nil, 0o600)) },
		func() { require.NoError(t, os.WriteFile(filepath.Join(f.Project(), "more.txt"), []byte("x"), 0o600)) },
		func() { require.NoError(t, os.Chmod(filepath.Join(f.Project(), "more.txt"), 0o700)) }, //nolint:gosec // A program.
		func() {
			require.NoError(t, os.Rename(filepath.Join(f.Project(), "more.txt"), filepath.Join(f.Project(), "less.txt")))
		},
	} {
		change()
		after, err := f.runner.Describe(t.Context(), play(Writes))
		require.NoError(t, err)
		require.NotEqual(t, before.Digest, after.Digest)
		stale := play(Writes)
		stale.Digest = before.Digest
		_, err = f.runner.Apply(t.Context(), op(), f.Host(), stale, values(), f.said)
		refuses(t, "Invalid", err, "changed")
		_, err = f.runner.Preview(t.Context(), f.Host(), stale, values(), f.said)
		refuses(t, "Invalid", err, "changed")
		before = after
	}
	require.NoError(t, os.Remove(filepath.Join(f.Project(), "less.txt")))
	fine, err := f.runner.Describe(t.Context(), play(Writes))
	require.NoError(t, err)
	p := play(Writes)
	p.Digest = fine.Digest
	_, err = f.runner.Apply(t.Context(), op(), f.Host(), p, values(), f.said)
	require.NoError(t, err)
}
