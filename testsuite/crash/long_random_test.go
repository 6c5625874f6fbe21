//go:build long

package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the random kills are like.
var (
	seed       = setting("FERMATA_CRASH_SEED", uint64(time.Now().UnixNano()), func(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) })
	randomRuns = setting("FERMATA_CRASH_RUNS", 20, strconv.Atoi)   // Side by side.
	randomKill = setting("FERMATA_CRASH_KILLS", 100, strconv.Atoi) // At least so many.
	// mercy is the mean time between two kills: with less, nothing gets done between them.
	mercy = setting("FERMATA_CRASH_MERCY", 1500*time.Millisecond, time.ParseDuration)
)

const (
	random    kind = "random"
	addresses      = 240 // In the servers' network.
)

// At least a hundred kills at random moments, while twenty servers are carried through all processes side by side. Who is
// done early takes another server, so that nobody is killed in idleness.
func TestKillsAtRandomMoments(t *testing.T) {
	const workers = 3
	b := setup(t, workers)
	e := b.undisturbed(t)
	report := newTable(fmt.Sprintf("Random kills, seed %d", seed), b, e)
	report.scattered = true
	servers := make(chan server, addresses)
	for n := range addresses {
		servers <- numbered(t, n+1)
	}
	close(servers)
	hunting, enough := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range randomRuns {
		group.Go(func() {
			for s := range servers {
				for _, workflow := range processes() {
					report.add(b.atRandom(t.Context(), workflow, s, e))
				}
				if hunting.Err() != nil {
					return
				}
			}
		})
	}
	b.hunt(t.Context(), workers)
	enough()
	group.Wait()
	report.conclude(t)
	require.GreaterOrEqual(t, b.supervisor.killed(""), randomKill)
	require.GreaterOrEqual(t, len(report.rows), 2*randomRuns)
}

// atRandom carries one process of a server while anything may die.
func (b *bench) atRandom(ctx context.Context, workflow string, s server, e example) row {
	r := row{at: place{Workflow: workflow, Target: s.target(), Step: "any"}, kind: random, loose: true}
	began := time.Now()
	if r.err = b.done(ctx, workflow, s); r.err == nil {
		r.verdict, r.err = b.settled(ctx, s, against(e.facts[workflow]))
	}
	r.took = time.Since(began)
	return r
}

// hunt kills workers and Temporal at random moments, one Temporal for three workers.
func (b *bench) hunt(ctx context.Context, workers int) {
	dice := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // A kill is no secret, and the seed must repeat it.
	for b.supervisor.killed("") < randomKill {
		_ = every(ctx, time.Millisecond+time.Duration(dice.Int64N(int64(2*mercy))), second())
		name := roleTemporal
		if n := dice.IntN(4); n < workers {
			name = workerName(n)
		}
		if pid := b.points.pid(name); pid != 0 {
			kill(pid)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// second is true when it is asked for the second time.
func second() func() bool {
	asked := false
	return func() bool {
		was := asked
		asked = true
		return was
	}
}
