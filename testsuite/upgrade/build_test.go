package upgrade

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// none stands in PREVIOUS until there is a release.
const none = "none"

// previous reads which commit began the runs, and says what that means. Lines that begin with # are for people.
func previous(text string) (commit, meaning string, err error) {
	var words []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			words = append(words, strings.Fields(line)...)
		}
	}
	switch {
	case len(words) != 1:
		return "", "", fmt.Errorf("PREVIOUS names %d commits: expected one, or %q", len(words), none)
	case words[0] == none:
		return "HEAD", "There is no release yet: the previous build is HEAD under another build id.", nil
	}
	return words[0], "The previous build is commit " + words[0] + ".", nil
}

// available says what a clone lacks to build a commit; nil: nothing. A build that cannot be compared is not a good one, so
// nothing is left out where a commit is not there.
func available(t *testing.T, repository, commit string) error {
	t.Helper()
	if out, err := git(t, repository, "rev-parse", "--git-dir"); err != nil {
		return fmt.Errorf("the previous build is made from a clone by git, and %s is none: %s", repository, strings.TrimSpace(out))
	}
	if _, err := git(t, repository, "cat-file", "-e", commit+"^{commit}"); err != nil {
		return fmt.Errorf("this clone does not have commit %s, which PREVIOUS names: get it with git fetch --unshallow, or correct PREVIOUS", commit)
	}
	return nil
}

// buildCommit builds the worker of a commit in a work tree of its own, which it removes again.
func buildCommit(t *testing.T, repository, commit, program, build string) error {
	t.Helper()
	if err := available(t, repository, commit); err != nil {
		return err
	}
	tree := filepath.Join(t.TempDir(), "previous")
	if out, err := git(t, repository, "worktree", "add", "--detach", tree, commit); err != nil {
		return fmt.Errorf("checking out commit %s: %s", commit, out)
	}
	defer func() { _, _ = git(t, repository, "worktree", "remove", "--force", tree) }()
	return buildWorker(t, tree, program, build)
}

// buildWorker builds the worker that stands in the folder. An empty build leaves out the name.
func buildWorker(t *testing.T, folder, program, build string, flags ...string) error {
	t.Helper()
	args := append([]string{"build", "-buildvcs=false", "-ldflags", "-s -w -X fermata/worker.build=" + build, "-o", program}, flags...)
	_, err := run(t, folder, "go", append(args, "./cmd/fermata-worker")...)
	return err
}

// mutate writes an overlay for the compiler, in which one place of one file is changed.
func mutate(t *testing.T, root, name, old, changed string) (overlay string) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(name))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), old), "%s has changed: let the gate spoil it in another way", name)
	folder := t.TempDir()
	spoilt := filepath.Join(folder, "spoilt.go")
	require.NoError(t, os.WriteFile(spoilt, []byte(strings.Replace(string(text), old, changed, 1)), 0o600))
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: spoilt}})
	require.NoError(t, err)
	overlay = filepath.Join(folder, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, replace, 0o600))
	return overlay
}

// git works in the repository, whatever a hook that runs the tests has set.
func git(t *testing.T, repository string, args ...string) (string, error) {
	t.Helper()
	return run(t, repository, "git", args...)
}

func run(t *testing.T, folder, program string, args ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	c.Dir = folder
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_DIR=") && !strings.HasPrefix(v, "GIT_INDEX_FILE=") && !strings.HasPrefix(v, "GIT_WORK_TREE=") {
			c.Env = append(c.Env, v)
		}
	}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("running %s %s: %w: %s", program, strings.Join(args, " "), err, out.String())
	}
	return out.String(), nil
}
