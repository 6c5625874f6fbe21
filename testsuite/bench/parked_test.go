package bench

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"fermata/client"
	"fermata/testsuite/people"
	"fermata/wire"
)

const parked = 1000

// BenchmarkParked parks 1,000 runs at their approval, and measures what each takes of the memory of the worker and of the
// server, and how long it takes until all have ended once 1,000 decisions are sent.
func BenchmarkParked(b *testing.B) {
	x := setup(b, "")
	for range b.N {
		before := heap()
		runs := x.park(b)
		both := heap() - before
		require.NoError(b, x.StopWorker()) // What is freed now was the worker's.
		server := heap() - before
		require.NoError(b, x.StartWorker(b.Context()))
		began := time.Now()
		x.decide(b, runs)
		took := time.Since(began)
		b.ReportMetric(float64(both-server)/parked/1024, "worker-KiB/run")
		b.ReportMetric(float64(server)/parked/1024, "server-KiB/run")
		b.ReportMetric(took.Seconds(), "s-to-end-all")
		b.ReportMetric(parked/took.Seconds(), "runs/s")
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // What the first one finalised.
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func abreastOf(b *testing.B, many int, do func(n int)) {
	b.Helper()
	var group errgroup.Group
	group.SetLimit(inFlight)
	for n := range many {
		group.Go(func() error { do(n); return nil })
	}
	require.NoError(b, group.Wait())
}

func (x *bench) park(b *testing.B) []client.Started {
	b.Helper()
	names := make([]string, parked)
	for n := range names {
		names[n] = x.name()
	}
	runs := make([]client.Started, parked)
	abreastOf(b, parked, func(n int) {
		runs[n] = x.errand(b, names[n])
		x.Until(b, runs[n], "waiting for the approval", people.In(wire.Waiting))
	})
	return runs
}

// decide approves all, and waits until all have done what was asked.
func (x *bench) decide(b *testing.B, runs []client.Started) {
	b.Helper()
	abreastOf(b, parked, func(n int) { x.Approve(b, runs[n]) })
	abreastOf(b, parked, func(n int) { x.done(b, runs[n]) })
}
