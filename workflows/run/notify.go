package run

import (
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/notify"
	"fermata/decision"
	"fermata/wire"
)

// notice is what people are told; tell addresses it. The text says what is the matter, in words.
func (f *Frame) notice(ctx workflow.Context, event notify.Event, text string) notify.Notice {
	what := map[notify.Event]string{
		notify.Waiting: "waits for a decision", notify.Escalated: "still waits for a decision", notify.Held: "is held",
	}[event]
	if event == notify.Ended {
		what = "is " + string(f.state.Outcome)
	}
	id := workflow.GetInfo(ctx).WorkflowExecution.ID
	return notify.Notice{
		Event: event, Run: f.in.Run, WorkflowID: id, Owner: string(f.process.Owner()), Kind: f.process.Kind(), At: workflow.Now(ctx),
		Title: notify.Line(fmt.Sprintf("%s of %s %s", f.process.Kind(), f.process.Owner(), what)), Requester: f.state.Requester,
		Ticket: f.state.Ticket, Text: append(strings.Split(text, "\n"), "", "Look at it: fermata show "+id),
	}
}

// tell sends a notice to each address.
func (f *Frame) tell(ctx workflow.Context, n notify.Notice, to []decision.Address) {
	for _, a := range to {
		f.state.Told++
		n.Group, n.ID = a.Group, notify.ID(f.in.Run, string(n.Event), a.Group, a.System, a.To, fmt.Sprint(f.state.Told))
		state := &wire.NoticeState{ID: n.ID, Event: string(n.Event), Group: a.Group, System: a.System, To: a.To, State: wire.NoticeSending, At: n.At}
		f.state.Notices = append(f.state.Notices, state)
		f.send(ctx, notify.SendInput{System: a.System, To: a.To, Notice: n}, state)
	}
}

// send gives the notice to a run of its own, which outlives this one: a notice that cannot be sent holds nothing.
func (f *Frame) send(ctx workflow.Context, in notify.SendInput, state *wire.NoticeState) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: wire.NoticeWorkflowID(in.Notice.ID), TaskQueue: wire.Queue, ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary: "tell " + in.Notice.Group + ": " + in.Notice.Title,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			wire.AttributeKind.ValueSet(wire.SendNotice), wire.AttributeTarget.ValueSet(string(f.process.Owner())), wire.AttributeKey.ValueSet(f.in.Run),
		),
	})
	child := workflow.ExecuteChildWorkflow(ctx, wire.SendNotice, in)
	f.starting++
	workflow.GoNamed(ctx, "notice "+in.Notice.ID, func(ctx workflow.Context) {
		err := child.GetChildWorkflowExecution().Get(ctx, nil)
		f.starting--
		if err == nil {
			err = child.Get(ctx, nil)
		}
		if state.State = wire.NoticeSent; err != nil {
			state.State, state.Reason = wire.NoticeFailed, fault.FromTemporal(err).Text
		}
		f.show(ctx)
	})
}

// handedOver waits until every notice has a run of its own: those go on when this run ends or continues as new.
func (f *Frame) handedOver(ctx workflow.Context) error {
	if f.starting == 0 {
		return nil
	}
	return workflow.Await(ctx, func() bool { return f.starting == 0 })
}

// showNotices is how long a run that has ended waits to show what became of its last notices. They go on without it.
const showNotices = 5 * time.Second

func (f *Frame) heardOfNotices(ctx workflow.Context) {
	heard := func() bool {
		return !slices.ContainsFunc(f.state.Notices, func(n *wire.NoticeState) bool { return n.State == wire.NoticeSending })
	}
	if !heard() {
		_, _ = workflow.AwaitWithTimeout(ctx, showNotices, heard)
	}
}
