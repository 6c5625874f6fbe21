package run

import (
	"encoding/json"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/wire"
)

// Limits are half of what Temporal allows one execution; a run that reaches one continues as new where it can.
type Limits struct {
	Events  int
	Updates int
	Signals int
	Bytes   int // Of the history; zero: no bound.
}

// DefaultLimits are half of Temporal's: 51,200 events, 2,000 updates, 10,000 signals, 50 MiB. They decide where a run continues
// as new, so a change of one needs workflow.GetVersion.
func DefaultLimits() Limits {
	return Limits{Events: 25_600, Updates: 1_000, Signals: 5_000, Bytes: 25 << 20}
}

// Frame carries one run.
type Frame struct {
	in      wire.StartInput
	process Process
	limits  Limits
	state   state
	steps   map[string]Step
	mutex   workflow.Mutex
	running int // Steps in flight.
	updates int
	signals int
	// deciding counts the signals that are being decided; updates are counted by Temporal.
	deciding int
	lastAsk  string            // What was asked of the guard last.
	reported wire.MemberReport // What the fleet of this run was told last.
	heavy    bool              // The history has too many bytes.
	heard    int               // Answers of the guard.
	starting int               // Notices that have no run of their own yet.
	ending   bool              // What is left is to undo and to write the record.
	decided  workflow.ReceiveChannel
	short    bool // The run takes the shorter course. See Short.
}

// Execute carries a run from its start to its record.
func Execute(ctx workflow.Context, in wire.StartInput, p Process) (wire.StartOutput, error) {
	return ExecuteWithin(ctx, in, p, DefaultLimits())
}

// ExecuteWithin is Execute with other limits.
func ExecuteWithin(ctx workflow.Context, in wire.StartInput, p Process, l Limits) (wire.StartOutput, error) {
	f := &Frame{in: in, process: p, limits: l, mutex: workflow.NewMutex(ctx), steps: map[string]Step{}}
	if err := f.setup(ctx); err != nil {
		return wire.StartOutput{}, err
	}
	route := operation.Route{Site: p.Policy().Site, RetryFor: p.Policy().RetryFor}
	if f.short {
		route.Near = operation.NewNear()
	}
	return f.run(operation.WithRoute(ctx, route))
}

// Run is the run's ULID.
func (f *Frame) Run() string { return f.in.Run }

// Requester is the person who asked for the run.
func (f *Frame) Requester() string { return f.state.Requester }

// Plan is the plan in force.
func (f *Frame) Plan() wire.Preview {
	if f.state.Preview == nil {
		return wire.Preview{}
	}
	return *f.state.Preview
}

// Decisions returns the decisions that were looked at so far.
func (f *Frame) Decisions() []wire.Judged { return f.state.Decisions }

// SetTicket shows the link to the ticket.
func (f *Frame) SetTicket(link string) { f.state.Ticket = link }

// LeftBehind is the ledger of what could not be taken back.
func (f *Frame) LeftBehind() []string { return f.state.Left }

func (f *Frame) setup(ctx workflow.Context) error {
	if len(f.in.Carried) > 0 {
		if err := operation.MustContinue(ctx); err != nil {
			return err
		}
		if err := json.Unmarshal(f.in.Carried, &f.state); err != nil {
			return temporal.NewNonRetryableApplicationError("reading the carried state", string(fault.Invalid), err)
		}
	} else {
		f.state = state{Started: workflow.Now(ctx), Phase: wire.Planning, Seen: map[string]bool{}}
	}
	if f.state.Seen == nil {
		f.state.Seen = map[string]bool{}
	}
	f.short = Short(ctx)
	if err := f.openGroup(ctx); err != nil {
		return err
	}
	return f.listen(ctx)
}

// Short reports whether an execution takes the shorter course: short reads in the workflow's own worker, no search attributes
// for what passes at once, and the guard asked once where nothing lies between its two questions. Those that an older build
// began go on as they were.
func Short(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "shorter-course", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// run is the whole life of a run.
func (f *Frame) run(ctx workflow.Context) (wire.StartOutput, error) {
	err := f.live(ctx)
	if workflow.IsContinueAsNewError(err) {
		return wire.StartOutput{}, err
	}
	cancelled := false
	if err != nil {
		cancelled = temporal.IsCanceledError(err) || ctx.Err() != nil
		f.fail(err, cancelled)
	}
	out, err := f.end(ctx)
	if err != nil {
		return out, err
	}
	if cancelled && f.state.Outcome == wire.Cancelled {
		return out, temporal.NewCanceledError(out)
	}
	return out, nil
}

// live is a run up to the point where all that is left is to undo, if need be, and to write the record.
func (f *Frame) live(ctx workflow.Context) error {
	if f.state.Preview != nil { // Carried along. A run that was stopped meanwhile must know its steps to undo them.
		if err := f.prepare(); err != nil {
			return err
		}
	}
	for _, stage := range []func(workflow.Context) error{f.begin, f.plan, f.govern, f.register, f.reserve, f.ask, f.permit, f.confirm, f.act, f.review} {
		if err := stage(ctx); err != nil {
			return err
		}
		if f.state.Outcome != "" || f.state.Stop != nil {
			return nil
		}
	}
	f.state.Outcome = wire.Done
	return nil
}

// begin checks that a person who may do so asked for this run.
func (f *Frame) begin(ctx workflow.Context) error {
	if f.state.Requester != "" {
		return nil
	}
	hash, err := decision.Hash(f.in.Document)
	if err != nil {
		return fmt.Errorf("hashing the document: %w", err)
	}
	f.state.Document = hash
	if f.in.Fleet != nil {
		return f.beginMember(ctx)
	}
	opened, err := authority.OpenGate(ctx, authority.OpenGateInput{Gate: gateRun})
	if err != nil {
		return fmt.Errorf("opening the run: %w", err)
	}
	f.state.Cluster, f.state.Namespace = opened.Cluster, opened.Namespace
	judged, err := authority.Judge(ctx, authority.JudgeInput{Signed: f.in.Start, Expectation: decision.Expectation{
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, Run: f.in.Run, Gate: decision.StartGate, Hash: hash,
		Commands: []decision.Command{decision.Start}, Facts: f.process.Facts(),
	}})
	if err != nil {
		return fmt.Errorf("judging the start: %w", err)
	}
	f.keep(wire.Judged{Signed: f.in.Start, Verdict: judged.Verdict, Via: "start"})
	if !judged.Verdict.Accepted {
		f.state.Outcome, f.state.Reason = wire.Refused, "the start does not count: "+judged.Verdict.Reason
		return nil
	}
	f.state.Requester, f.state.Terms = judged.Verdict.Envelope.Person, judged.Terms
	f.state.Facts = f.process.Facts()
	f.state.Facts.Requester, f.state.Facts.Emergency = f.state.Requester, judged.Verdict.Envelope.Change == decision.ChangeEmergency
	f.state.Gates = append(f.state.Gates, wire.Gate{
		ID: gateRun, Nonce: opened.Nonce, Hash: hash, Opened: workflow.Now(ctx),
		Commands: []decision.Command{decision.Undo, decision.Cancel}, Why: "the run can be stopped and undone at any time",
	})
	return nil
}

// fail turns an error that no step holds into an outcome.
func (f *Frame) fail(err error, cancelled bool) {
	if f.state.Outcome != "" || f.state.Stop != nil {
		return
	}
	if cancelled {
		f.state.Stop = &stop{Outcome: wire.Cancelled, Reason: "cancelled in Temporal, by somebody who signed nothing"}
		return
	}
	f.state.Outcome, f.state.Reason = wire.Refused, fault.FromTemporal(err).Text
}

// Steps returns the steps as they are now.
func (f *Frame) Steps() []wire.Step {
	steps := make([]wire.Step, len(f.state.Steps))
	for i, st := range f.state.Steps {
		steps[i] = st.Step
	}
	return steps
}
