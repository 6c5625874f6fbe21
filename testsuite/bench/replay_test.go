package bench

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	"fermata/testsuite/replay"
	"fermata/testsuite/stage"
)

// BenchmarkReplay measures how many events of a history a worker takes in a second, as it does when it takes a run over.
func BenchmarkReplay(b *testing.B) {
	folder := filepath.Join(stage.Root(b), "testsuite", "replay", "histories")
	keys, err := replay.Keys(folder)
	require.NoError(b, err)
	files, err := replay.Files(folder)
	require.NoError(b, err)
	var all []*historypb.History
	events := 0
	for _, file := range files {
		h, err := replay.Load(file)
		require.NoError(b, err)
		all, events = append(all, h), events+len(h.GetEvents())
	}
	b.ResetTimer()
	for range b.N {
		for _, h := range all {
			require.NoError(b, replay.Replay(h, keys))
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
