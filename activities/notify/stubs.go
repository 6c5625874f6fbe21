package notify

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// SendFor is how long a notice is tried: later it would tell of what is past.
const SendFor = time.Hour

// CheckInput asks for Check.
type CheckInput struct {
	System string `json:"system,omitempty"`
}

// CheckOutput answers Check.
type CheckOutput struct{}

// Check proves that the system answers. It sends nothing.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Call[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// SendInput asks for Send.
type SendInput struct {
	System string `json:"system,omitempty"`
	To     string `json:"to,omitempty"` // Address within the system; empty where it has one receiver only.
	Notice Notice `json:"notice"`
}

// SendOutput answers Send.
type SendOutput struct{}

// SendNotice sends the notice, and tries again for as long as the route says, at most SendFor. It returns when the system
// took it or the time is over, so a run calls it beside its work, with workflow.Go. It carries no step's id: it is part
// of none. Where the systems of notices have no site, the caller's ctx is operation.Central's.
func SendNotice(ctx workflow.Context, in SendInput) (SendOutput, error) {
	route := operation.RouteOf(ctx)
	route.RetryFor, route.Step = min(route.RetryFor, SendFor), ""
	route.Summary = "tell " + line(recipient(in), 60) + ": " + line(in.Notice.Title, 120)
	return operation.Call[SendOutput](operation.WithRoute(ctx, route), Capability, activitySend, time.Minute, in)
}

// recipient is who is told, as a person reads it.
func recipient(in SendInput) string {
	switch {
	case in.Notice.Group != "":
		return in.Notice.Group
	case in.To != "":
		return in.To
	}
	return in.System
}
