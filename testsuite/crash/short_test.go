package crash

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"fermata/wire"
)

// Each step of every process meets one point, each in a run of its own, all runs at the same time. Whatever dies takes
// the other runs' steps with it.
func TestEveryStepSurvivesACrash(t *testing.T) {
	t.Parallel()
	b := setup(t, 3)
	e := b.undisturbed(t)
	kinds := append(slices.Clone(workerKinds), serverKinds...)
	report := newTable("Every step, one point each", b, e)
	var journeys [][]visit
	for i, step := range e.steps[wire.ProvisionServer] {
		journeys = append(journeys, []visit{{wire.ProvisionServer, step, kinds[i%len(kinds)]}})
	}
	for i, step := range e.steps[wire.ChangeServer] {
		journeys[i] = append(journeys[i], visit{wire.ChangeServer, step, kinds[(i+1)%len(kinds)]})
	}
	for i, step := range e.steps[wire.DecommissionServer] {
		journeys[i] = append(journeys[i], visit{wire.DecommissionServer, step, kinds[(i+3)%len(kinds)]})
	}
	b.carry(t, e, journeys, report)
	report.conclude(t)
}

// visit is one process of a server with the point that it meets.
type visit struct {
	workflow string
	step     string
	kind     kind
}

// carry takes each server on its journey, so many side by side.
func (b *bench) carry(t *testing.T, e example, journeys [][]visit, report *table) {
	t.Helper()
	var group sync.WaitGroup
	seats := make(chan struct{}, sideBySide)
	for i, journey := range journeys {
		s := numbered(t, i+1)
		seats <- struct{}{}
		group.Go(func() {
			defer func() { <-seats }()
			b.travel(t.Context(), s, e, journey, report)
		})
	}
	group.Wait()
}

// travel carries a server through its processes, a point in each, and judges after each.
func (b *bench) travel(ctx context.Context, s server, e example, journey []visit, report *table) {
	for _, v := range journey {
		r := row{at: place{Workflow: v.workflow, Target: s.target(), Step: v.step}, kind: v.kind}
		began := time.Now()
		if r.err = b.points.arm(r.at, v.kind); r.err == nil {
			r.err = b.done(ctx, v.workflow, s)
		}
		if r.err == nil {
			r.err = b.awake(ctx, r.at, v.kind)
		}
		if r.err == nil {
			r.verdict, r.err = b.settled(ctx, s, against(e.facts[v.workflow]))
		}
		r.took = time.Since(began)
		report.add(r)
		if r.err != nil {
			return
		}
	}
}
