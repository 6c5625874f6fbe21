// Package guard is the one long-lived workflow that bounds how much an installation changes: it numbers permits, keeps the
// policy's limits on changes within an hour, and stops everything when a person signs that.
//
// Runs ask and are answered by signals. A run that ends without a word is forgotten when it can no longer be told anything.
package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/wire"
)

// Bounds of one execution; then the guard continues as new. Temporal takes 51,200 events and 10,000 signals.
type limits struct {
	events int
	asks   int
}

// Register names the workflow and its function.
func Register(register func(name string, workflow any)) { register(wire.Guard, Guard) }

// state is what is carried from execution to execution.
type state struct {
	Book      book            `json:"book"`
	Started   time.Time       `json:"started"`
	Cluster   string          `json:"cluster"`
	Namespace string          `json:"namespace"`
	Gate      wire.Gate       `json:"gate"`
	Decisions []wire.Judged   `json:"decisions,omitempty"` // The latest: of the refused ones those for which there is room.
	Refused   int             `json:"refused,omitempty"`   // All refusals.
	Seen      map[string]bool `json:"seen"`
}

type guard struct {
	in     wire.GuardInput
	limits limits
	state  state
	mutex  workflow.Mutex
	asked  int
	// untold counts answers that are on their way.
	untold int
}

// Guard answers runs and people for as long as the installation lives.
func Guard(ctx workflow.Context, in wire.GuardInput) error {
	return within(ctx, in, limits{events: 20_000, asks: 4_000})
}

func within(ctx workflow.Context, in wire.GuardInput, l limits) error {
	g := &guard{in: in, limits: l, mutex: workflow.NewMutex(ctx)}
	if len(in.Carried) > 0 {
		if err := operation.MustContinue(ctx); err != nil {
			return err
		}
		if err := json.Unmarshal(in.Carried, &g.state); err != nil {
			return fmt.Errorf("reading the carried state: %w", err)
		}
	} else {
		g.state = state{Started: workflow.Now(ctx), Seen: map[string]bool{}}
	}
	if err := g.listen(ctx); err != nil {
		return err
	}
	if g.state.Gate.Nonce == "" {
		if err := g.open(ctx); err != nil {
			return err
		}
	}
	return g.serve(ctx)
}

func (g *guard) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandler(ctx, wire.QueryGuard, func() (wire.GuardState, error) { return g.state.Book.state(workflow.Now(ctx)), nil })
	if err != nil {
		return fmt.Errorf("registering query %q: %w", wire.QueryGuard, err)
	}
	if err := workflow.SetQueryHandler(ctx, wire.QueryProgress, func() (wire.Progress, error) { return g.progress(ctx), nil }); err != nil {
		return fmt.Errorf("registering query %q: %w", wire.QueryProgress, err)
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, wire.UpdateDecide, g.decide, workflow.UpdateHandlerOptions{
		Validator: func(_ workflow.Context, d wire.Decide) error {
			if _, err := decision.Parse(d.Signed.Envelope); err != nil {
				return err
			}
			if g.full(ctx) {
				return errors.New("the guard is about to continue in a new execution: send the decision again")
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("registering update %q: %w", wire.UpdateDecide, err)
	}
	return nil
}

// serve answers what runs ask, and those who wait when their time has come.
func (g *guard) serve(ctx workflow.Context) error {
	asks := workflow.GetSignalChannel(ctx, wire.SignalAsk)
	for !g.full(ctx) {
		if err := g.await(ctx, func() bool { return asks.Len() > 0 }); err != nil {
			return err
		}
		var a wire.GuardAsk
		if asks.ReceiveAsync(&a) {
			g.asked++
			g.tell(ctx, g.state.Book.ask(a, workflow.Now(ctx)))
			continue
		}
		g.tell(ctx, g.state.Book.serve(workflow.Now(ctx)))
	}
	for {
		var a wire.GuardAsk
		if !asks.ReceiveAsync(&a) {
			break
		}
		g.tell(ctx, g.state.Book.ask(a, workflow.Now(ctx)))
	}
	if err := workflow.Await(ctx, func() bool { return g.untold == 0 && workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	carried, err := json.Marshal(g.state)
	if err != nil {
		return fmt.Errorf("carrying the state along: %w", err)
	}
	return workflow.NewContinueAsNewError(ctx, wire.Guard, wire.GuardInput{Run: g.in.Run, Carried: carried})
}

// await returns when somebody asks, or the time of somebody who waits has come, which a decision can bring nearer.
func (g *guard) await(ctx workflow.Context, asked func() bool) error {
	next := g.state.Book.next(workflow.Now(ctx))
	changed := func() bool { return asked() || !g.state.Book.next(workflow.Now(ctx)).Equal(next) }
	if next.IsZero() {
		return workflow.Await(ctx, changed)
	}
	_, err := workflow.AwaitWithTimeout(ctx, max(next.Sub(workflow.Now(ctx)), 0), changed)
	return err
}

func (g *guard) full(ctx workflow.Context) bool {
	return g.asked >= g.limits.asks || workflow.GetInfo(ctx).GetCurrentHistoryLength() >= g.limits.events
}

// tell sends answers. A run that cannot be told has ended.
func (g *guard) tell(ctx workflow.Context, messages []message) {
	for _, m := range messages {
		sent := workflow.SignalExternalWorkflow(ctx, m.workflowID, "", wire.SignalAnswer, m.answer)
		g.untold++
		workflow.Go(ctx, func(ctx workflow.Context) {
			if sent.Get(ctx, nil) != nil {
				g.state.Book.gone(m.workflowID)
			}
			g.untold--
		})
	}
}

// shown is what a person decides about: the hash of it stands in the envelope.
func (g *guard) shown() (string, error) {
	automation := "goes on"
	if g.state.Book.Stopped != nil {
		automation = "is stopped"
	}
	return decision.Hash(map[string]any{"automation": automation})
}

// open opens the gate anew: each command has a nonce of its own. Without the policy's files nobody could decide.
func (g *guard) open(ctx workflow.Context) error {
	hash, err := g.shown()
	if err != nil {
		return fmt.Errorf("hashing what is shown: %w", err)
	}
	opened, err := authority.OpenGateAtLast(ctx, authority.OpenGateInput{Gate: wire.GateAutomation})
	if err != nil {
		return err
	}
	g.state.Cluster, g.state.Namespace = opened.Cluster, opened.Namespace
	g.state.Gate = wire.Gate{
		ID: wire.GateAutomation, Nonce: opened.Nonce, Hash: hash, Opened: workflow.Now(ctx),
		Commands: []decision.Command{decision.StopAutomation}, Why: "no run begins another step once automation is stopped",
	}
	if g.state.Book.Stopped != nil {
		g.state.Gate.Commands, g.state.Gate.Why = []decision.Command{decision.ResumeAutomation}, "automation is stopped"
	}
	return nil
}

// progress shows the guard as runs are shown, so that a command for it is signed as any other.
func (g *guard) progress(ctx workflow.Context) wire.Progress {
	return wire.Progress{
		Run: g.in.Run, Kind: wire.Guard, Owner: "guard", WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID,
		Cluster: g.state.Cluster, Namespace: g.state.Namespace, Phase: wire.Running, Started: g.state.Started,
		Gates: []wire.Gate{g.state.Gate}, Decisions: g.state.Decisions, Stopped: g.state.Book.Stopped,
	}
}
