package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	temporal "go.temporal.io/sdk/client"
)

// spent says what the events of a run are, the most frequent first.
func spent(b *testing.B, c temporal.Client, id, run string) string {
	b.Helper()
	counts := map[string]int{}
	history := c.GetWorkflowHistory(b.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		require.NoError(b, err)
		counts[e.GetEventType().String()]++
	}
	var lines []string
	for name, n := range counts {
		lines = append(lines, fmt.Sprintf("%3d %s", n, name))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(b, a) })
	return strings.Join(lines, "\n")
}
