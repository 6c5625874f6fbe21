package run

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/wire"
)

// enter changes the phase. While a step is held, "running" is shown as held.
func (f *Frame) enter(ctx workflow.Context, p wire.Phase) {
	if p == wire.Running && len(f.held()) > 0 {
		p = wire.Held
	}
	f.state.Phase = p
	if f.short && f.passing(p) {
		f.show(ctx)
		return
	}
	updates := []temporal.SearchAttributeUpdate{
		wire.AttributeState.ValueSet(string(p)),
		wire.AttributeHeldSteps.ValueSet(f.held()),
		wire.AttributeWaitingFor.ValueSet(f.waitingFor()),
	}
	f.report(ctx)
	if f.state.Outcome != "" && p != wire.Held { // One that is held at its record has not ended: a person must find it.
		updates[0] = wire.AttributeState.ValueSet(string(f.state.Outcome))
	}
	if _, known := workflow.GetTypedSearchAttributes(ctx).GetKeyword(wire.AttributeRequester); !known && f.state.Requester != "" {
		updates = append(updates, wire.AttributeRequester.ValueSet(f.state.Requester))
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Warn("showing the state in search attributes", "error", err)
	}
	f.show(ctx)
}

// passing reports whether search attributes need not tell of the phase: a run is started with those of planning, and closing
// passes at once into the end, unless something is taken back before.
func (f *Frame) passing(p wire.Phase) bool {
	return p == wire.Planning || (p == wire.Closing && f.state.Stop == nil && f.state.Outcome == wire.Done)
}

// Resume shows that a step which waited goes on.
func (f *Frame) Resume(ctx workflow.Context) { f.enter(ctx, wire.Running) }

func (f *Frame) held() []string {
	held := []string{}
	for _, st := range f.state.Steps {
		if st.State == wire.StepHeld {
			held = append(held, st.ID)
		}
	}
	return held
}

func (f *Frame) waitingFor() []string {
	waiting := []string{}
	for _, g := range f.state.Gates {
		if g.ID != gateRun {
			waiting = append(waiting, g.ID)
		}
	}
	return waiting
}

// show tells Temporal's UI the same story that the query tells.
func (f *Frame) show(ctx workflow.Context) { workflow.SetCurrentDetails(ctx, f.markdown()) }

func (f *Frame) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** of `%s`, asked for by %s\n\n", f.state.Phase, f.process.Owner(), f.state.Requester)
	for _, g := range f.state.Gates {
		if g.ID != gateRun {
			fmt.Fprintf(&b, "- waiting at `%s`: %s\n", g.ID, g.Why)
		}
	}
	if s := f.state.Guard.Stopped; s != nil {
		fmt.Fprintf(&b, "- automation is stopped by %s: %s\n", s.By, s.Reason)
	}
	if f.state.Guard.Waits != "" {
		fmt.Fprintf(&b, "- waiting for the guard: %s\n", f.state.Guard.Waits)
	}
	b.WriteString("\n| step | state | |\n|---|---|---|\n")
	for _, st := range f.state.Steps {
		reason := ""
		if st.Reason != nil {
			reason = strings.ReplaceAll(st.Reason.Text, "|", "/")
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", st.Title, st.State, reason)
	}
	return b.String()
}

func (f *Frame) progress(ctx workflow.Context) wire.Progress {
	p := wire.Progress{
		Run: f.in.Run, Kind: f.process.Kind(), Owner: f.process.Owner(),
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID,
		Cluster:    f.state.Cluster, Namespace: f.state.Namespace, Requester: f.state.Requester,
		Phase: f.state.Phase, Started: f.state.Started, Ended: f.state.Ended,
		Outcome: f.state.Outcome, Reason: f.state.Reason, Planned: f.state.Planned, Preview: f.state.Preview,
		Gates: f.state.Gates, Decisions: f.state.Decisions, Refused: max(f.state.Refused-keptRefusals, 0),
		Policy: f.governed(), Notices: f.state.Notices,
		Ticket: f.state.Ticket, Record: f.state.Record, LeftBehind: f.state.Left, Steps: f.Steps(),
	}
	if g, ok := f.process.(Group); ok {
		p.Fleet = g.Fleet()
	}
	if f.in.Fleet != nil {
		p.PartOf = f.in.Fleet.Workflow
	}
	if f.state.Terms != nil {
		facts := f.state.Facts
		p.Facts = &facts
	}
	if p.Phase != wire.Ended { // The guard tells one that has ended nothing any more.
		p.Stopped, p.Waits = f.state.Guard.Stopped, f.state.Guard.Waits
	}
	return p
}

// targetName is the owner without its kind: "web-01" of "server/web-01".
func targetName(o operation.Owner) string {
	_, name, found := strings.Cut(string(o), "/")
	if !found {
		return string(o)
	}
	return name
}
