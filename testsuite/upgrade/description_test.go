package upgrade

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// understood writes the description that an operator of the previous build has: without the systems whose integrations came
// later, and without sections that its package config has no file for. It stands beside the one of this build, since its paths are relative.
func understood(t *testing.T, repository, commit, config string) string {
	t.Helper()
	known, err := git(t, repository, "ls-tree", "--name-only", commit+":integrations")
	require.NoError(t, err)
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	path := filepath.Join(filepath.Dir(config), "previous.yaml")
	sections, err := git(t, repository, "ls-tree", "--name-only", commit+":config")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, without(t, text, strings.Fields(known), strings.Fields(sections)), 0o600))
	return path
}

// without leaves out the systems of types that are not known. A type is called like the folder of its integration.
func without(t *testing.T, description []byte, known, sections []string) []byte {
	t.Helper()
	var whole map[string]any
	require.NoError(t, yaml.Unmarshal(description, &whole))
	settings, ok := whole["spec"].(map[string]any)
	require.True(t, ok)
	systems, ok := settings["systems"].([]any)
	require.True(t, ok)
	settings["systems"] = slices.DeleteFunc(systems, func(system any) bool {
		return !slices.Contains(known, system.(map[string]any)["type"].(string))
	})
	if !slices.Contains(sections, "ranges.go") {
		delete(settings, "ranges")
	}
	// Age files can be written since there are databases whose passwords are generated.
	if secrets, ok := settings["secrets"].(map[string]any); ok && !slices.Contains(known, "mariadb") {
		delete(secrets, "age")
	}
	text, err := yaml.Marshal(whole)
	require.NoError(t, err)
	return text
}

func TestThePreviousBuildIsToldOnlyOfWhatItKnows(t *testing.T) {
	t.Parallel()
	text := without(t, []byte("spec:\n  records: {folder: records}\n  secrets: {file: {folder: s}, age: {writable: true}}\n  systems:\n  - {name: a, type: old}\n  - {name: b, type: new}\n  ranges: [{name: a}]\n"), []string{"old"}, nil)
	require.YAMLEq(t, "spec: {records: {folder: records}, secrets: {file: {folder: s}}, systems: [{name: a, type: old}]}", string(text))
}
