package probe

import (
	"context"
	"strings"

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
		if in.Request.Absent {
			return GetOutput{}, mustBeAbsent(ctx, s, in.Request)
		}
		a, err := s.Get(ctx, in.Request)
		return GetOutput{Answer: a}, err
	})
}

// mustBeAbsent turns a probe round: silence is what was wanted. Any answer is somebody's, a wrong one too; and silence
// proves something only if the way is open, and if we did not stop listening ourselves.
func mustBeAbsent(ctx context.Context, s Prober, r Request) error {
	a, err := s.Get(ctx, r)
	url, _, _ := strings.Cut(r.URL, "?") // A query is nobody's business.
	switch {
	case a.Remote != "" && a.Status != 0:
		return fault.New(fault.Unavailable, "%s still answers (%d, from %s)", url, a.Status, a.Remote)
	case a.Remote != "":
		return fault.Wrap(fault.Unavailable, err, url+" still answers: connections are taken at "+a.Remote)
	case err == nil:
		return fault.New(fault.Unavailable, "%s still answers (%d)", url, a.Status)
	case !fault.Is(err, fault.Unavailable) || ctx.Err() != nil:
		return err
	}
	return s.Check(ctx)
}
