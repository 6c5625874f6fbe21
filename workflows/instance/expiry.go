package instance

import (
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/directory"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// stepExpiry begins the id of a step that watches over the end of an account; its place and name follow. It stands in keys of
// objects in the field: never rename it.
const stepExpiry = "expiry/"

// The place of a local account; one in a directory is at directory, or at directory-NAME.
const placeLocal = "local"

// expiry is the end of one account.
type expiry struct {
	Place   string
	System  string // Of the directory.
	Account string
	At      time.Time
}

// expiriesOf are the accounts that end, in the order of the spec.
func expiriesOf(s *spec.Instance) []expiry {
	var all []expiry
	for _, a := range s.Spec.Accounts.Local {
		if at := a.Expires.Moment(); at != nil {
			all = append(all, expiry{Place: placeLocal, Account: a.Name, At: *at})
		}
	}
	for _, a := range s.Spec.Accounts.Directory {
		if at := a.Expires.Moment(); at != nil {
			place := "directory"
			if a.System != "" {
				place += "-" + a.System
			}
			all = append(all, expiry{Place: place, System: a.System, Account: a.Name, At: *at})
		}
	}
	return all
}

func (e expiry) workflowID(owner operation.Owner) string {
	return wire.ExpiryWorkflowID(owner, e.Place, e.Account)
}

// expiries begin what waits for the end of accounts: it outlives the run, for years if it must.
func (p *instance) expiries(f *run.Frame) []runbook.Planned {
	var steps []runbook.Planned
	for _, e := range expiriesOf(p.spec) {
		after := stepAccount + e.Account
		if e.Place != placeLocal {
			after = directoryStep(spec.DirectoryAccount{System: e.System, Name: e.Account})
		}
		steps = append(steps, runbook.Planned{
			Step: run.Step{
				ID: stepExpiry + e.Place + "/" + e.Account, Title: "watch over the end of account " + e.Account, After: []string{after}, Reversal: run.Reversible,
				Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
					in := wire.Expiry{Run: op.Key.Run, Owner: op.Owner, Site: p.spec.Metadata.Site, Place: e.Place, System: e.System, Account: e.Account, At: e.At}
					if e.Place == placeLocal {
						m, err := made(f)
						if err != nil {
							return run.Result{}, runbook.Missing(err)
						}
						h := hostOf(p.spec, m)
						in.System, in.Host = p.spec.Spec.Access.System, &h
					}
					if ticket, err := run.Output[ticketing.Ticket](f, runbook.StepTicket); err == nil {
						in.Desk, in.Ticket = p.spec.Spec.Ticket.System, ticket.ID
					}
					return run.Result{Lines: []string{"until " + e.At.Format(time.RFC3339)}}, watchOver(ctx, e.workflowID(op.Owner), in)
				},
				Undo: func(ctx workflow.Context, op operation.Op) error { return letGo(ctx, e.workflowID(op.Owner)) },
			},
			Action: wire.Create, Object: "end of account " + e.Account, Detail: p.endDetail(e),
		})
	}
	return steps
}

func (p *instance) endDetail(e expiry) []string {
	detail := "disabled at " + e.At.Format(time.RFC3339)
	if p.spec.Spec.Ticket != nil {
		detail += ", and noted on the ticket"
	}
	return []string{detail}
}

// watchOver begins the wait. One that this run began already is left; one that an earlier run left is ended first.
func watchOver(ctx workflow.Context, id string, in wire.Expiry) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, StaticSummary: "end of account " + in.Account + " at " + in.At.Format(time.RFC3339),
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			wire.AttributeKind.ValueSet(wire.ExpireAccount), wire.AttributeTarget.ValueSet(string(in.Owner)), wire.AttributeKey.ValueSet(in.Run),
		),
	})
	err := workflow.ExecuteChildWorkflow(ctx, wire.ExpireAccount, in).GetChildWorkflowExecution().Get(ctx, nil)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		// Only one run at a time works for an owner: what is there waits for the same account. It hears what holds now.
		return workflow.SignalExternalWorkflow(ctx, id, "", wire.SignalExpiry, in).Get(ctx, nil)
	}
	return err
}

// letGo ends the wait. None is no error.
func letGo(ctx workflow.Context, id string) error {
	err := workflow.SignalExternalWorkflow(ctx, id, "", wire.SignalFree, "").Get(ctx, nil)
	if runbook.Unknown(err) {
		return nil
	}
	return err
}

// ExpireAccount waits until an account's time is over, disables it, and notes that on the ticket of the run that made it. What
// the run's approval covered is done without asking anybody again. It is freed when the account goes before.
func ExpireAccount(ctx workflow.Context, in wire.Expiry) error {
	free, renewed := workflow.GetSignalChannel(ctx, wire.SignalFree), workflow.GetSignalChannel(ctx, wire.SignalExpiry)
	for {
		timer, stop := workflow.WithCancel(ctx)
		var over, freed bool
		workflow.NewSelector(ctx).
			AddFuture(workflow.NewTimer(timer, max(in.At.Sub(workflow.Now(ctx)), 0)), func(f workflow.Future) { over = f.Get(ctx, nil) == nil }).
			AddReceive(free, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil); freed = true }).
			AddReceive(renewed, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &in) }).
			Select(ctx)
		stop()
		switch {
		case freed || ctx.Err() != nil:
			return ctx.Err()
		case over:
			return expire(ctx, in)
		}
	}
}

// expire disables the account, however long its system is away: an account that should have ended must not stay.
func expire(ctx workflow.Context, in wire.Expiry) error {
	ctx = operation.WithRoute(ctx, operation.Route{Site: in.Site, RetryFor: expireFor, Summary: "the end of account " + in.Account, Step: stepExpiry + in.Place})
	op := operation.Op{Owner: in.Owner, Key: operation.Key{Run: in.Run, Step: stepExpiry + in.Place, Target: in.Account}}
	if err := disable(ctx, in, op); err != nil {
		return err
	}
	if in.Ticket == "" {
		return nil
	}
	_, err := ticketing.AddNote(ctx, ticketing.AddNoteInput{
		System: in.Desk, Op: op, TicketID: in.Ticket, NoteID: in.Run + "-" + in.Place + "-" + in.Account,
		Text: fmt.Sprintf("Account %s (%s) of %s has expired at %s and is disabled.", in.Account, in.Place, in.Owner, in.At.Format(time.RFC3339)),
	})
	return err
}

// expireFor is how long is tried until a person must look.
const expireFor = 30 * 24 * time.Hour

func disable(ctx workflow.Context, in wire.Expiry, op operation.Op) error {
	if in.Place == placeLocal {
		_, err := guest.DisableAccount(ctx, guest.DisableAccountInput{System: in.System, Op: op, Host: *in.Host, Name: in.Account})
		return err
	}
	_, err := directory.DisableAccount(ctx, directory.DisableAccountInput{System: in.System, Op: op, Name: in.Account})
	return err
}
