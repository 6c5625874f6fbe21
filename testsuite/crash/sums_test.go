package crash

import (
	"fmt"
	"sync"
	"time"
)

// sums are the totals of a table.
type sums struct {
	runs, points, failed                int
	kills, workers, servers             int // Kills, by what died.
	lost, duplicated, unlisted, inOrder int // Facts; inOrder: lines of a ledger that list nothing.
	listed                              int // Lines of ledgers that list a difference.
	tickets, notes                      int // Copies that say that they are.
	refused                             int // Runs that planned while a system was away, and were started again.
	took                                time.Duration
}

func (r *table) sums() sums {
	supervisor := r.bench.supervisor
	s := sums{
		kills: supervisor.killed(""), workers: supervisor.killed(roleWorker), servers: supervisor.killed(roleTemporal),
		took: time.Since(r.began), runs: len(r.rows),
	}
	for _, one := range r.rows {
		if _, ok := r.bench.points.firedAt(one.at); ok {
			s.points++
		}
		if !one.good() {
			s.failed++
		}
		s.lost, s.duplicated, s.unlisted = s.lost+len(one.verdict.Lost), s.duplicated+len(one.verdict.Duplicated), s.unlisted+len(one.verdict.Unlisted)
		s.listed, s.inOrder = s.listed+len(one.ledger)-len(one.idle), s.inOrder+len(one.idle)
	}
	s.tickets, s.notes = r.bench.judge.Copies()
	s.refused = int(r.bench.refused.Load())
	return s
}

func (s sums) String() string {
	return fmt.Sprintf("points %d, kills %d (workers %d, Temporal %d), lost %d, duplicated %d, unlisted %d, not as expected %d; "+
		"listed differences %d, listed in vain %d; copies that say so: %d tickets, %d notes; refused while planning and started again %d; %s\n",
		s.points, s.kills, s.workers, s.servers, s.lost, s.duplicated, s.unlisted, s.failed,
		s.listed, s.inOrder, s.tickets, s.notes, s.refused, s.took.Round(time.Second))
}

// total adds up the tables of one run of the suite.
type total struct {
	mu     sync.Mutex
	tables int
	sum    sums
}

var all total

func (a *total) add(s sums) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tables++
	a.sum = sums{
		points: a.sum.points + s.points, failed: a.sum.failed + s.failed, kills: a.sum.kills + s.kills, workers: a.sum.workers + s.workers, servers: a.sum.servers + s.servers,
		lost: a.sum.lost + s.lost, duplicated: a.sum.duplicated + s.duplicated, unlisted: a.sum.unlisted + s.unlisted,
		listed: a.sum.listed + s.listed, inOrder: a.sum.inOrder + s.inOrder, tickets: a.sum.tickets + s.tickets, notes: a.sum.notes + s.notes,
		refused: a.sum.refused + s.refused, took: a.sum.took + s.took,
	}
}

// say prints the totals of all tables.
func (a *total) say() {
	if a.tables > 0 {
		fmt.Printf("All %d tables: %s", a.tables, a.sum)
		_ = publish("Together: " + a.sum.String())
	}
}
