package notify

import (
	"context"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "notify"

// Activity types.
const (
	activityCheck = "notify.Check"
	activitySend  = "notify.Send"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[Notifier]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]Notifier) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activitySend, a.Send)
}

// Check proves that the system answers. It sends nothing.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Notifier) (CheckOutput, error) {
		return CheckOutput{}, s.Check(ctx)
	})
}

// Send sends the notice.
func (a *Activities) Send(ctx context.Context, in SendInput) (SendOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Notifier, _ operation.Progress) (SendOutput, error) {
		return SendOutput{}, s.Send(ctx, in.To, in.Notice)
	})
}
