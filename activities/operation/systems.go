package operation

import (
	"context"
	"slices"
	"strings"

	"go.temporal.io/sdk/activity"

	"fermata/activities/fault"
)

// Systems are the systems of one capability that a worker is configured for, by their names.
type Systems[P any] map[string]P

// OnlyByName is a system that is never meant where no name is given, because what it does holds for few: a cloud's security
// groups stand before that cloud's own instances, and before nothing else.
type OnlyByName interface{ OnlyByName() }

// Get returns the system of that name; the empty name means the only one, of those that need not be named. Fault: Invalid.
func (s Systems[P]) Get(name string) (P, error) {
	if system, ok := s[name]; ok {
		return system, nil
	}
	var none P
	if name != "" {
		return none, fault.New(fault.Invalid, "this worker has no system %q (it has: %s)", name, strings.Join(s.Names(), ", "))
	}
	unnamed := s.unnamed()
	if len(unnamed) == 0 {
		unnamed = s
	}
	if len(unnamed) == 1 {
		for _, only := range unnamed {
			return only, nil
		}
	}
	return none, fault.New(fault.Invalid, "which system is meant? name one in the spec (there are: %s)", strings.Join(s.Names(), ", "))
}

func (s Systems[P]) unnamed() Systems[P] {
	out := Systems[P]{}
	for name, system := range s {
		if _, only := any(system).(OnlyByName); !only {
			out[name] = system
		}
	}
	return out
}

// Names returns the systems' names, sorted.
func (s Systems[P]) Names() []string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Read does one attempt of an activity that changes nothing, and translates its fault.
func Read[P, Out any](ctx context.Context, s Systems[P], name string, do func(P) (Out, error)) (Out, error) {
	system, err := s.Get(name)
	if err != nil {
		var none Out
		return none, fault.ForTemporal(err)
	}
	_, stop := StartProgress(ctx)
	defer stop()
	out, err := do(system)
	return out, fault.ForTemporal(err)
}

// Change does one attempt of an activity that changes something. It refuses to act for anything but a workflow: the
// approval stands there, and an activity that somebody started by itself has none.
func Change[P, Out any](ctx context.Context, s Systems[P], name string, do func(P, Progress) (Out, error)) (Out, error) {
	var none Out
	if err := mustBelongToWorkflow(ctx); err != nil {
		return none, fault.ForTemporal(err)
	}
	system, err := s.Get(name)
	if err != nil {
		return none, fault.ForTemporal(err)
	}
	p, stop := StartProgress(ctx)
	defer stop()
	out, err := do(system, p)
	return out, fault.ForTemporal(err)
}

func mustBelongToWorkflow(ctx context.Context) error {
	if activity.GetInfo(ctx).WorkflowExecution.ID == "" {
		return fault.New(fault.Invalid, "this activity changes a system and runs only as part of a workflow")
	}
	return nil
}
