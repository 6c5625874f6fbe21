package crash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"fermata/testsuite/judge"
	"fermata/wire"
	"fermata/worker"
)

// A process that is added to the worker must be carried here, or stand here as one that changes no system.
func TestEveryProcessIsCarried(t *testing.T) {
	t.Parallel()
	var known []string
	for _, p := range processes() {
		known = append(known, p.workflow())
	}
	known = append(known, wire.PlanServer, wire.PlanInstance, wire.CompareServer, wire.CheckSystems, wire.ReadRecords, wire.HoldReservation)
	// The guard only answers, and a notice is sent at least once by promise; the sandbox that is killed here three times has both.
	known = append(known, wire.Guard, wire.SendNotice)
	// A fleet changes nothing but through ProvisionServer, which is carried here by itself; what of it survives a new execution
	// its own tests say (docs/reliability.md).
	known = append(known, wire.ProvisionFleet, wire.PlanFleet, wire.PlanMember)
	worker.RegisterWorkflows(func(name string, _ any) { require.Contains(t, known, name) })
}

// done carries a run to its end; anything but done is an error.
func (b *bench) done(ctx context.Context, p process, s subject) error {
	if p == wire.ExpireAccount {
		return b.expire(ctx, s.target(p))
	}
	r, err := s.request(p, time.Second)
	if err != nil {
		return err
	}
	out, err := b.attend(ctx, r, deeds{})
	if err == nil && out.Outcome != wire.Done {
		err = fmt.Errorf("%s of %s ended %s: %s", p, r.WorkflowID(), out.Outcome, out.Reason)
	}
	return err
}

// example is what undisturbed subjects leave: their steps and what the systems then hold.
type example struct {
	steps  map[process][]string
	places map[process][]string  // The same, and the further activities of steps that have several.
	facts  map[string][][]string // By life: after each of its processes.
}

// before are the facts that a process of a life begins with.
func (e example) before(l life, process int) []string {
	if process == 0 {
		return nil
	}
	return e.facts[l.name][process-1]
}

// onPaper is the step of a change that asks nobody and does nothing: the record holds it. There is no moment to kill anything at.
const onPaper = "paper"

// consentGate is where the decommission of an instance waits for somebody who approves that its database is dropped. No activity
// of the step stands for it.
const consentGate = "consent/drop"

// undisturbed carries one subject through each life before anything is armed, side by side.
func (b *bench) undisturbed(t *testing.T) example {
	t.Helper()
	e := example{steps: map[process][]string{}, places: map[process][]string{}, facts: map[string][][]string{}}
	var group sync.WaitGroup
	var mu sync.Mutex
	for _, l := range lives() {
		s := l.born(t, l.calm)
		group.Go(func() {
			for _, p := range l.course {
				steps, places, facts, err := b.calm(t.Context(), p, s)
				mu.Lock()
				if !assert.NoError(t, err, "%s of %s", p, s.name()) {
					mu.Unlock()
					return
				}
				e.steps[p], e.places[p], e.facts[l.name] = steps, places, append(e.facts[l.name], facts)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	require.False(t, t.Failed(), "a run that nobody disturbs ends well")
	return e
}

// calm carries one process that nothing disturbs, and looks what it consists of and leaves.
func (b *bench) calm(ctx context.Context, p process, s subject) (steps, places, facts []string, err error) {
	if err := b.done(ctx, p, s); err != nil {
		return nil, nil, nil, err
	}
	if steps, places, err = b.places(ctx, p, s); err != nil {
		return nil, nil, nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	outward := strings.HasPrefix(string(p), "Decommission")
	var trouble error
	err = every(waiting, 200*time.Millisecond, func() bool {
		facts, trouble = s.facts(ctx, b.judge)
		return trouble != nil || outward || s.served(facts)
	})
	return steps, places, facts, errors.Join(err, trouble)
}

// places are the steps of a process that has just ended, and with the further activities of steps that have several.
func (b *bench) places(ctx context.Context, p process, s subject) (steps, places []string, err error) {
	order, further, err := b.activities(ctx, s.target(p))
	if err != nil {
		return nil, nil, err
	}
	if p != wire.ExpireAccount { // It has no progress: its steps are its activities.
		progress, err := b.Client.Progress(ctx, s.target(p), "")
		if err != nil {
			return nil, nil, err
		}
		if progress.Kind != p.workflow() {
			return nil, nil, fmt.Errorf("the latest run of %s is %s", s.target(p), progress.Kind)
		}
		order = nil
		for _, step := range progress.Steps {
			if step.ID == "drop" && p == wire.DecommissionInstance {
				order = append(order, consentGate)
			}
			order = append(order, step.ID)
		}
	}
	for _, step := range order {
		if only := p.differs(); step == onPaper || only != nil && !slices.Contains(only, step) {
			continue
		}
		for i, id := range append([]string{step}, further[step]...) {
			id = strings.ReplaceAll(id, s.name(), own)
			if places = append(places, id); i == 0 {
				steps = append(steps, id)
			}
		}
	}
	return steps, places, nil
}

// activities finds in the history of the latest run the ids of activities in their order, and the second and later ones of the
// same id.
func (b *bench) activities(ctx context.Context, workflowID string) (order []string, further map[string][]string, err error) {
	further = map[string][]string{}
	history := b.Client.Temporal().GetWorkflowHistory(ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return nil, nil, err
		}
		a := event.GetActivityTaskScheduledEventAttributes()
		switch {
		case a == nil:
		case slices.Contains(order, a.GetActivityId()):
			at := place{Step: a.GetActivityId()}.further(a.GetActivityType().GetName())
			further[a.GetActivityId()] = append(further[a.GetActivityId()], at.Step)
		default:
			order = append(order, a.GetActivityId())
		}
	}
	return order, further, nil
}

// settled looks until the verdict is good, or for so long that it will not become so by itself: a health check takes a
// moment.
func (b *bench) settled(ctx context.Context, s subject, compare func(facts []string) judge.Verdict) (v judge.Verdict, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_ = every(ctx, 500*time.Millisecond, func() bool {
		var facts []string
		if facts, err = s.facts(context.WithoutCancel(ctx), b.judge); err != nil {
			return false
		}
		v = compare(slices.DeleteFunc(facts, refusal))
		return v.Good()
	})
	return v, err
}

// refusal reports whether a fact is the record of a run that was refused, and so did nothing.
func refusal(fact string) bool {
	return strings.HasPrefix(fact, "record: ") && strings.HasSuffix(fact, " refused, 0 left behind")
}

// against compares with what is wanted.
func against(want []string) func(facts []string) judge.Verdict {
	return func(facts []string) judge.Verdict { return judge.Compare(want, facts) }
}
