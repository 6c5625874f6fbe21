package run

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/notify"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/decision"
	"fermata/wire"
)

// stepRecord is the last step of every run.
const stepRecord = "record"

// end takes back what must be, tells people, and writes the record. Nothing can cancel it.
func (f *Frame) end(ctx workflow.Context) (wire.StartOutput, error) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	f.finish()
	if f.state.Stop != nil {
		f.undo(ctx)
		f.state.Outcome, f.state.Reason = f.state.Stop.Outcome, f.state.Stop.text()
	}
	f.enter(ctx, wire.Closing)
	f.free(ctx)
	if f.state.Outcome != wire.Done && f.state.Requester != "" {
		f.conclude(ctx)
	}
	if err := f.write(ctx); err != nil {
		return wire.StartOutput{}, err
	}
	f.state.Gates = nil
	f.enter(ctx, wire.Ended)
	f.release(ctx)
	f.tellEnd(ctx)
	if err := f.handedOver(ctx); err != nil {
		return wire.StartOutput{}, err
	}
	f.heardOfNotices(ctx)
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return wire.StartOutput{}, err
	}
	return wire.StartOutput{
		Outcome: f.state.Outcome, Reason: f.state.Reason, LeftBehind: f.state.Left,
		Record: f.state.Record, Sequence: f.state.Sequence,
	}, nil
}

// tellEnd tells those who steer such runs how it ended.
func (f *Frame) tellEnd(ctx workflow.Context) {
	if f.in.Fleet != nil {
		return // The fleet tells for all.
	}
	n := f.notice(ctx, notify.Ended, strings.TrimSuffix(string(f.state.Outcome)+": "+f.state.Reason, ": "))
	n.Outcome = string(f.state.Outcome)
	f.tell(ctx, n, f.state.Terms.Audience(decision.Retry))
}

// finish closes every gate but the run's own, which tells who comes late that the run is ending.
func (f *Frame) finish() {
	f.ending = true
	f.state.Gates = slices.DeleteFunc(f.state.Gates, func(g wire.Gate) bool { return g.ID != gateRun })
}

func (s *stop) text() string {
	switch {
	case s.By == "":
		return s.Reason
	case s.Reason == "":
		return "asked for by " + s.By
	}
	return fmt.Sprintf("asked for by %s: %s", s.By, s.Reason)
}

// free ends the reservations. One that cannot be freed sees for itself that the run has ended.
func (f *Frame) free(ctx workflow.Context) {
	for _, st := range f.begun() {
		if s := f.steps[st.ID]; s.Free != nil {
			if err := s.Free(f.routed(ctx, s), f.op(s)); err != nil {
				workflow.GetLogger(ctx).Warn("A reservation frees itself later.", "step", s.ID, "error", err)
			}
		}
	}
}

func (f *Frame) conclude(ctx workflow.Context) {
	route := operation.RouteOf(ctx)
	route.Summary, route.RetryFor = "tell how it ended", min(route.RetryFor, undoFor)
	route.Site = f.process.Policy().Site // A process may learn its site only from its plan.
	err := f.process.Conclude(operation.WithRoute(ctx, route), f, f.state.Outcome, f.state.Reason)
	if err != nil {
		f.leave("telling how it ended: " + fault.FromTemporal(err).Text)
	}
}

// write appends the record. A run cannot end without: if the store refuses for good, that is held like any step. Only one
// that has a record already may be let go without another.
func (f *Frame) write(ctx workflow.Context) error {
	ended := workflow.Now(ctx)
	f.state.Ended = &ended
	st := &stepState{Step: wire.Step{ID: stepRecord, Title: "write the record", State: wire.StepWaiting, Reversal: string(Evidence)}}
	content, err := f.record(ctx)
	if err != nil {
		return err
	}
	f.state.Steps = append(f.state.Steps, st)
	s := Step{ID: stepRecord, Title: st.Title, Reversal: Evidence, Do: func(ctx workflow.Context, _ operation.Op) (Result, error) {
		out, err := record.AppendRecord(ctx, record.AppendInput{Record: content})
		f.state.Record, f.state.Sequence = out.Hash, out.Sequence
		return Result{Lines: []string{fmt.Sprintf("record %d, %s", out.Sequence, out.Hash)}}, err
	}}
	for !st.settled() {
		err := f.try(ctx, s, st)
		if err == nil {
			break
		}
		reason := fault.FromTemporal(err)
		st.State, st.Reason = wire.StepHeld, &reason
		commands := []decision.Command{decision.Retry}
		if reason.Kind == fault.Conflict {
			// The run has a record: Temporal was restored from before it ended, and the run has ended once more.
			commands = append(commands, decision.Skip)
		}
		if err := f.open(ctx, wire.Gate{ID: gateHold + stepRecord, Step: stepRecord, Commands: commands, Why: st.Title + ": " + reason.Text}); err != nil {
			return err
		}
		f.enter(ctx, wire.Held)
		if err := workflow.Await(ctx, func() bool { return st.Answer != "" }); err != nil {
			return err
		}
		f.answered(ctx, st)
	}
	return nil
}

// decisions are all that people and the policy said of the run, and who was told what.
func (f *Frame) decisions() map[string]any {
	kept := map[string]any{"decisions": f.state.Decisions, "refused": f.state.Refused}
	if f.state.Planned != nil {
		kept["planned"] = f.state.Planned
	}
	if g, ok := f.process.(Group); ok {
		kept["fleet"] = g.Fleet()
	}
	if f.in.Fleet != nil {
		kept["membership"] = f.membership()
	}
	if f.state.Terms != nil {
		kept["policy"], kept["notices"] = f.governed(), f.state.Notices
	}
	return kept
}

func (f *Frame) record(ctx workflow.Context) (record.Record, error) {
	r := record.Record{
		Version: record.Version, Run: f.in.Run, Kind: f.process.Kind(), Owner: f.process.Owner(),
		Requester: f.state.Requester, Outcome: string(f.state.Outcome), Reason: f.state.Reason,
		Started: f.state.Started, Ended: *f.state.Ended, Spec: f.in.Document, LeftBehind: f.state.Left,
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID,
	}
	parts := []struct {
		into *json.RawMessage
		from any
	}{
		{&r.Decisions, f.decisions()},
		{&r.Steps, f.state.Steps},
	}
	if f.state.Preview != nil {
		r.PlanHash = f.state.Preview.Hash
		parts = append(parts, struct {
			into *json.RawMessage
			from any
		}{&r.Plan, f.state.Preview.Plan})
	}
	for _, p := range parts {
		b, err := json.Marshal(p.from)
		if err != nil {
			return r, fmt.Errorf("putting the record together: %w", err)
		}
		*p.into = b
	}
	return r, nil
}
