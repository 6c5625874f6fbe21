package spec

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the references instead of comparing with them")

// What people read of the fields is what is read of their documents.
func TestTheReferencesAreUpToDate(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		want, err := Reference(kind)
		require.NoError(t, err)
		file := filepath.Join("..", "docs", "reference", strings.ToLower(kind)+".md")
		if *update {
			require.NoError(t, os.WriteFile(file, want, 0o644)) //nolint:gosec // For everybody to read.
		}
		is, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(is), "run: make reference")
	}
}

func TestAReferenceTellsOfEveryField(t *testing.T) {
	t.Parallel()
	text, err := Reference(KindServer)
	require.NoError(t, err)
	for _, line := range []string{
		"| `cpus` | integer, 1 to 768 | Number of virtual CPUs, 1 to 768. | **yes** |  |",
		"## spec.storage[]", "## spec.application.package.repository",
		"| `approvalDeadline` | length of time | 72h if absent. |  | `72h` |",
	} {
		require.Contains(t, string(text), line)
	}
	_, err = Reference("Horse")
	require.ErrorContains(t, err, "Server")
}
