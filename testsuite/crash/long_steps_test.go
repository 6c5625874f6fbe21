//go:build long

package crash

import (
	"slices"
	"testing"
)

// Every activity of every step of every process meets all eight points, each in a run of its own.
func TestEveryPointOfEveryStep(t *testing.T) {
	b := setup(t, 3)
	e := b.undisturbed(t)
	report := newTable("Every step, every point", b, e)
	b.carry(t, e, journeys(func(p process, _ int) (all []visit) {
		for _, step := range e.places[p] {
			if !meant(p) {
				continue
			}
			for _, k := range append(slices.Clone(workerKinds), serverKinds...) {
				all = append(all, visit{{step, k}})
			}
		}
		return all
	}), report)
	report.conclude(t)
}
