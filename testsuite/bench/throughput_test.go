package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	inFlight = 50
	load     = 100 // Executions that are carried with so many in flight.
)

// BenchmarkInFlight compares how many runs end in a second, with 50 in flight, with how many of the bare workflow do.
func BenchmarkInFlight(b *testing.B) {
	x := setup(b, standard)
	names := make([]string, 0, 2*load)
	for range cap(names) {
		names = append(names, x.name())
	}
	var floor, apart, own float64
	for range b.N {
		floor = x.perSecond(b, func(int) { require.NoError(b, x.bare(b, floorQueue).Get(b.Context(), nil)) })
		apart = x.perSecond(b, func(int) { require.NoError(b, x.bare(b, apartQueue).Get(b.Context(), nil)) })
		own = x.perSecond(b, func(n int) { x.done(b, x.errand(b, names[n])) })
	}
	b.ReportMetric(floor, "floor/s")
	b.ReportMetric(apart, "floor-apart/s")
	b.ReportMetric(own, "runs/s")
	say("     runs per second, 50 in flight / floor with its activities on a queue apart %12.2f", own/apart)
	verdict(b, "runs per second, 50 in flight / floor", own/floor, 1.2, false)
}

// perSecond carries all, so many at once.
func (x *bench) perSecond(b *testing.B, carry func(n int)) float64 {
	b.Helper()
	began := time.Now()
	abreastOf(b, load, carry)
	return load / time.Since(began).Seconds()
}
