package upgrade

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPreviousIsOneCommit(t *testing.T) {
	t.Parallel()
	commit, meaning, err := previous("# A comment.\n\nnone\n")
	require.NoError(t, err)
	require.Equal(t, "HEAD", commit)
	require.Contains(t, meaning, "no release yet")
	commit, meaning, err = previous("0123abcd\n")
	require.NoError(t, err)
	require.Equal(t, "0123abcd", commit)
	require.Contains(t, meaning, "0123abcd")
	for _, text := range []string{"", "# none\n", "0123abcd 4567\n", "none\nnone\n"} {
		_, _, err = previous(text)
		require.ErrorContains(t, err, "expected one", text)
	}
}

// A clone without the commit says so, and what it takes to get it; nothing is skipped.
func TestAShallowCloneSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	whole, shallow := t.TempDir(), filepath.Join(t.TempDir(), "shallow")
	commit := func(message string) string {
		_, err := git(t, whole, "-c", "user.name=x", "-c", "user.email=x@example", "-c", "commit.gpgsign=false", "commit", "-q", "--allow-empty", "-m", message)
		require.NoError(t, err)
		hash, err := git(t, whole, "rev-parse", "HEAD")
		require.NoError(t, err)
		return strings.TrimSpace(hash)
	}
	_, err := git(t, whole, "init", "-q")
	require.NoError(t, err)
	release, now := commit("a release"), commit("what came after")
	_, err = git(t, whole, "clone", "-q", "--depth", "1", "file://"+whole, shallow)
	require.NoError(t, err)
	require.NoError(t, available(t, shallow, now))
	require.ErrorContains(t, available(t, shallow, release), "does not have commit "+release)
	_, err = git(t, shallow, "fetch", "-q", "--unshallow")
	require.NoError(t, err)
	require.NoError(t, available(t, shallow, release))
	require.ErrorContains(t, available(t, t.TempDir(), release), "is none")
}

// A commit is built as it was, beside the work tree that goes on from there; nothing of it is left in the repository.
func TestACommitIsBuiltAsItWas(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	do := func(args ...string) string {
		out, err := git(t, folder, append([]string{"-c", "user.name=x", "-c", "user.email=x@example", "-c", "commit.gpgsign=false"}, args...)...)
		require.NoError(t, err)
		return out
	}
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	write("go.mod", "module fermata\n")
	write("cmd/fermata-worker/main.go", "package main\n\nfunc main() { print(\"was\") }\n")
	do("init", "-q")
	do("add", ".")
	do("commit", "-q", "-m", "a release")
	write("cmd/fermata-worker/main.go", "package main\n\nfunc main() { print(\"is\") }\n")
	program := filepath.Join(t.TempDir(), "worker")
	require.NoError(t, buildCommit(t, folder, "HEAD", program, "x"))
	out, err := run(t, folder, program)
	require.NoError(t, err)
	require.Equal(t, "was", out)
	require.NotContains(t, do("worktree", "list"), "previous")

	err = buildCommit(t, folder, "0123456789012345678901234567890123456789", program, "x")
	require.ErrorContains(t, err, "does not have commit 0123456789")
	require.ErrorContains(t, err, "git fetch --unshallow")
	write("cmd/fermata-worker/main.go", "package main\n\nfunc main() { is no Go }\n")
	do("commit", "-q", "-a", "-m", "a broken one")
	require.ErrorContains(t, buildCommit(t, folder, "HEAD", program, "x"), "syntax error")
	require.NotContains(t, do("worktree", "list"), "previous", "removed also when the build fails")
}
