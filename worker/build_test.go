package worker

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	built "fermata/build"
)

// A plain start must get tasks: worker versioning would wait for somebody to make the version the current one.
func TestWorkersAreNotVersioned(t *testing.T) {
	t.Parallel()
	require.False(t, deploymentOptions().UseVersioning)
}

func TestTheCommandTellsItsBuild(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.Zero(t, Main(t.Context(), []string{"fermata-worker", "--version"}, &out, io.Discard))
	require.Contains(t, out.String(), built.Unknown, "a test has no build")
}
