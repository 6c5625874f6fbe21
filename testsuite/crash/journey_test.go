package crash

import (
	"context"
	"sync"
	"testing"
	"time"
)

// point is where a run is hit, and how.
type point struct {
	step string
	kind kind
}

// visit are the points that one run meets.
type visit []point

// journey is what one subject goes through: a visit for each of the first processes of its life.
type journey struct {
	life   life
	number int // Of the subject.
	visits []visit
}

// journeys lay out visits so that all are made. Subjects of a life go on to a later process as long as it has visits left; where
// none is left before a later one that has, nothing is hit.
func journeys(visits func(p process, nth int) []visit) (all []journey) {
	left, numbers := map[process][]visit{}, map[process]int{}
	for nth, p := range processes() {
		left[p] = visits(p, nth)
	}
	next := func(p process) (v visit) {
		if len(left[p]) > 0 {
			v, left[p] = left[p][0], left[p][1:]
		}
		return v
	}
	begin := func(l life) journey {
		first := l.course[0]
		numbers[first]++
		return journey{life: l, number: numbers[first], visits: []visit{next(first)}}
	}
	for _, l := range lives() {
		for length := longest(l, left); length > 1; length = longest(l, left) {
			j := begin(l)
			for _, p := range l.course[1:length] {
				j.visits = append(j.visits, next(p))
			}
			all = append(all, j)
		}
	}
	for _, l := range lives() {
		for len(left[l.course[0]]) > 0 {
			all = append(all, begin(l))
		}
	}
	return all
}

// longest is how far a life goes until its last process that has visits left.
func longest(l life, left map[process][]visit) int {
	for n := len(l.course); n > 1; n-- {
		if len(left[l.course[n-1]]) > 0 {
			return n
		}
	}
	return 1
}

// carry takes each subject on its journey, so many side by side.
func (b *bench) carry(t *testing.T, e example, all []journey, report *table) {
	t.Helper()
	var group sync.WaitGroup
	seats := make(chan struct{}, sideBySide)
	for _, j := range all {
		s := j.life.born(t, j.number)
		seats <- struct{}{}
		group.Go(func() {
			defer func() { <-seats }()
			b.travel(t.Context(), s, e, j, report)
		})
	}
	group.Wait()
}

// travel carries a subject through its processes, and judges after each.
func (b *bench) travel(ctx context.Context, s subject, e example, j journey, report *table) {
	for i, v := range j.visits {
		p := j.life.course[i]
		rows := b.meet(ctx, s, p, v, e.facts[j.life.name][i])
		report.add(rows...)
		if rows[0].err != nil {
			return
		}
	}
}

// meet carries one process that meets points. Each has a row, all with the same verdict; so has a run that meets none.
func (b *bench) meet(ctx context.Context, s subject, p process, v visit, want []string) (rows []row) {
	began := time.Now()
	var err error
	for _, hit := range v {
		r := row{process: p, step: hit.step, at: standing(p, s, hit.step), kind: hit.kind}
		if err == nil {
			err = b.points.arm(r.at, hit.kind)
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		rows = []row{{process: p, step: "any", at: standing(p, s, "any"), loose: true}}
	}
	if err == nil {
		err = b.done(ctx, p, s)
	}
	for _, r := range rows {
		if err == nil {
			err = b.awake(ctx, r.at, r.kind)
		}
	}
	var first row
	if err == nil {
		first.verdict, err = b.settled(ctx, s, against(want))
	}
	for i := range rows {
		rows[i].verdict, rows[i].err, rows[i].took = first.verdict, err, time.Since(began)
	}
	return rows
}
