package worker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/config"
)

func TestAQueueIsAsFastAsItsSlowestSystem(t *testing.T) {
	t.Parallel()
	systems := []opened{
		{System: config.System{Name: "a", Rate: 5}},
		{System: config.System{Name: "b", Rate: 0.5}},
		{System: config.System{Name: "c"}},
		{System: config.System{Name: "d", Rate: 0.1}},
	}
	require.InDelta(t, 0.5, lowest(systems, []string{"a", "b", "c"}), 0)
	require.InDelta(t, 5, lowest(systems, []string{"a", "c"}), 0)
	require.Zero(t, lowest(systems, []string{"c"}), "a system without a rate has none")
}
