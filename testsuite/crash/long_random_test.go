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

// soul is a subject with the life that it is to have.
type soul struct {
	subject
	life life
}

// At least a hundred kills at random moments, while twenty servers and instances are carried through their lives side by side.
// Who is done early takes another one, so that nobody is killed in idleness.
func TestKillsAtRandomMoments(t *testing.T) {
	const workers = 3
	b := setup(t, workers)
	e := b.undisturbed(t)
	report := newTable(fmt.Sprintf("Random kills, seed %d", seed), b, e)
	report.scattered = true
	souls := make(chan soul, addresses*len(lives()))
	for n := range addresses {
		for i, l := range lives() {
			number := n + 1
			if l.name != "server" {
				number = len(lives())*n + i // Instances share their names, whatever their life.
			}
			if number < calmest {
				souls <- soul{l.born(t, number), l}
			}
		}
	}
	close(souls)
	hunting, enough := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range randomRuns {
		group.Go(func() {
			for s := range souls {
				for i, p := range s.life.course {
					report.add(b.atRandom(t.Context(), p, s, e.facts[s.life.name][i]))
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

// atRandom carries one process of a subject while anything may die.
func (b *bench) atRandom(ctx context.Context, p process, s subject, want []string) row {
	r := row{process: p, step: "any", at: standing(p, s, "any"), kind: random, loose: true}
	began := time.Now()
	if r.err = b.done(ctx, p, s); r.err == nil {
		r.verdict, r.err = b.settled(ctx, s, against(want))
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
