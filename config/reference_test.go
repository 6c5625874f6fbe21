package config

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the reference instead of comparing with it")

// What people read of the fields is what is read of their description, and no field is without a word.
func TestTheReferenceIsUpToDate(t *testing.T) {
	t.Parallel()
	want, err := Reference()
	require.NoError(t, err)
	file := filepath.Join("..", "docs", "reference", "installation.md")
	if *update {
		require.NoError(t, os.WriteFile(file, want, 0o644)) //nolint:gosec // For everybody to read.
	}
	is, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(is), "run: make reference")
	require.NotContains(t, string(is), "|  |  |  |", "a field without a word")
	require.NotRegexp(t, `(?m)^\| [^|]+ \| [^|]+ \|  \|`, string(is), "a field without a word")
}
