package scenarios

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
)

// patience is how long a run may take to a point that a test waits for.
const patience = 4 * time.Minute

// each does something for all runs at once.
func each(t *testing.T, runs []client.Started, do func(testing.TB, client.Started)) {
	t.Helper()
	var all sync.WaitGroup
	for _, run := range runs {
		all.Go(func() { do(t, run) })
	}
	all.Wait()
	require.False(t, t.Failed())
}
