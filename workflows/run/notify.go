package run

import (
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// States of a notice.
const (
	noticeSending = "sending"
	noticeSent    = "sent"
	noticeFailed  = "failed"
)

// notice is what people are told; tell addresses it.
func (f *Frame) notice(event, gate, step, text string) wire.Notice {
	return wire.Notice{Event: event, Gate: gate, Step: step, Text: text}
}

// tell sends a notice to each address. Each is carried by a run of its own, which outlives this one: a notice that cannot be
// sent holds nothing, and is tried on after the run has ended.
func (f *Frame) tell(ctx workflow.Context, n wire.Notice, to []decision.Address) {
	n.Run, n.Kind, n.Owner, n.Requester = f.in.Run, f.process.Kind(), f.process.Owner(), f.state.Requester
	n.WorkflowID, n.Hash, n.Ticket = workflow.GetInfo(ctx).WorkflowExecution.ID, f.hash(), f.state.Ticket
	for _, a := range to {
		f.state.Told++
		one := n
		one.System, one.To, one.Group = a.System, a.To, a.Group
		one.ID = strings.Join([]string{f.in.Run, n.Event, a.Group, a.System, fmt.Sprint(f.state.Told)}, "/")
		state := &wire.NoticeState{ID: one.ID, Event: one.Event, Group: a.Group, System: a.System, To: a.To, State: noticeSending}
		f.state.Notices = append(f.state.Notices, state)
		f.send(ctx, one, state)
	}
}

func (f *Frame) send(ctx workflow.Context, n wire.Notice, state *wire.NoticeState) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: wire.NoticeWorkflowID(n.ID), TaskQueue: wire.Queue, ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary: fmt.Sprintf("Tell %s: %s", n.Group, n.Event),
	})
	child := workflow.ExecuteChildWorkflow(ctx, wire.SendNotice, n)
	f.starting++
	workflow.GoNamed(ctx, "notice "+n.ID, func(ctx workflow.Context) {
		err := child.GetChildWorkflowExecution().Get(ctx, nil)
		f.starting--
		if err == nil {
			err = child.Get(ctx, nil)
		}
		if state.State = noticeSent; err != nil {
			state.State, state.Reason = noticeFailed, fault.FromTemporal(err).Text
		}
	})
}

// handedOver waits until every notice has a run of its own: those go on when this run ends or continues as new.
func (f *Frame) handedOver(ctx workflow.Context) error {
	if f.starting == 0 {
		return nil
	}
	return workflow.Await(ctx, func() bool { return f.starting == 0 })
}
