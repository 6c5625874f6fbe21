//go:build long

package crash

import (
	"slices"
	"testing"

	"fermata/wire"
)

// Every activity of every step of every process meets all eight points, each in a run of its own.
func TestEveryPointOfEveryStep(t *testing.T) {
	b := setup(t, 3)
	e := b.undisturbed(t)
	report := newTable("Every step, every point", b, e)
	visits := func(workflow string) (all []visit) {
		for _, step := range e.places[workflow] {
			for _, k := range append(slices.Clone(workerKinds), serverKinds...) {
				all = append(all, visit{workflow, step, k})
			}
		}
		return all
	}
	var journeys [][]visit
	for _, v := range visits(wire.ProvisionServer) {
		journeys = append(journeys, []visit{v})
	}
	for i, v := range visits(wire.ChangeServer) {
		journeys[i%len(journeys)] = append(journeys[i%len(journeys)], v)
	}
	for i, v := range visits(wire.DecommissionServer) {
		journeys[i] = append(journeys[i], v)
	}
	b.carry(t, e, journeys, report)
	report.conclude(t)
}
