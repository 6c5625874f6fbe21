package probe

import (
	"context"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "probe"

// Activity types.
const (
	activityCheck = "probe.Check"
	activityGet   = "probe.Get"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[Prober]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]Prober) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityGet, a.Get)
}

// Check proves that the way out is open.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Prober) (CheckOutput, error) {
		return CheckOutput{}, s.Check(ctx)
	})
}

// Get asks for a page as a user would.
func (a *Activities) Get(ctx context.Context, in GetInput) (GetOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Prober) (GetOutput, error) {
		a, err := s.Get(ctx, in.Request)
		if in.Request.Absent {
			return GetOutput{}, mustBeAbsent(in.Request, a, err)
		}
		return GetOutput{Answer: a}, err
	})
}

// mustBeAbsent turns a probe round: silence is what was wanted.
func mustBeAbsent(r Request, a Answer, err error) error {
	switch {
	case err == nil:
		return fault.New(fault.Unavailable, "%s still answers (%d, from %s)", r.URL, a.Status, a.Remote)
	case fault.Is(err, fault.Unavailable):
		return nil
	}
	return err
}
