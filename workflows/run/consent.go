package run

import (
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/notify"
	"fermata/decision"
	"fermata/wire"
	"fermata/workflows/approval"
)

// gateConsent begins the id of a gate where people approve one step by itself; the step's id follows.
const gateConsent = "consent/"

// consent is what people are asked for beyond the plan.
type consent struct {
	Gate *approval.Gate `json:"gate"`
	What string         `json:"what"` // In words: "drop database shop".
}

// Consent waits in the middle of a step until people approve what it does, by the same rules as the plan: quorum, four eyes,
// who may. That the policy approved the plan beforehand does not count here. It returns false, and why, when somebody says no or
// nobody decides in time.
func (f *Frame) Consent(ctx workflow.Context, step, what string, within time.Duration) (given bool, why string, err error) {
	id := gateConsent + step
	c, carried := f.state.Consents[step]
	if !carried {
		c = consent{Gate: approval.New(f.state.Requester, f.state.Terms, workflow.Now(ctx), within), What: what}
		if f.state.Consents == nil {
			f.state.Consents = map[string]consent{}
		}
		f.state.Consents[step] = c
		gate := f.asking(id, c.Gate)
		gate.Step = step
		if err := f.open(ctx, gate); err != nil {
			return false, "", err
		}
		f.tell(ctx, f.waiting(ctx, notify.Waiting, id, c.Gate), f.state.Terms.Audience(decision.Approve))
	}
	f.enter(ctx, wire.Waiting)
	f.running-- // Who waits for a person is not in flight: the run may continue as new meanwhile, and the step waits again.
	defer func() { f.running++ }()
	never := func() bool { return false }
	if err := c.Gate.Await(ctx, never, func() { f.escalate(ctx, id, c.Gate) }); err != nil {
		return false, "", err
	}
	f.state.closeGate(id)
	delete(f.state.Consents, step) // A retry of the step asks anew.
	switch c.Gate.Outcome {
	case approval.Approved:
		return true, "approved by " + strings.Join(c.Gate.Approvers, ", "), nil
	case approval.Rejected:
		return false, strings.TrimSuffix(c.Gate.By+" said no: "+c.Gate.Reason, ": "), nil
	case approval.Lapsed, approval.Open:
	}
	return false, "nobody decided by " + c.Gate.Deadline.UTC().Format(time.RFC3339), nil
}
