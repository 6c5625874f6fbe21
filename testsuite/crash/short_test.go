package crash

import (
	"slices"
	"testing"
)

// Each step of every process meets one point, all runs at the same time. Whatever dies takes the other runs' steps with it. A
// run meets so many points, one in each part of it.
func TestEveryStepSurvivesACrash(t *testing.T) {
	t.Parallel()
	b := setup(t, 3)
	e := b.undisturbed(t)
	kinds := append(slices.Clone(workerKinds), serverKinds...)
	report := newTable("Every step, one point each", b, e)
	b.carry(t, e, journeys(func(p process, nth int) []visit {
		steps := e.steps[p]
		runs := (len(steps) + atOnce - 1) / atOnce
		visits := make([]visit, runs)
		for i, step := range steps {
			visits[i%runs] = append(visits[i%runs], point{step, kinds[(i+nth)%len(kinds)]})
		}
		return visits
	}), report)
	report.conclude(t)
}
