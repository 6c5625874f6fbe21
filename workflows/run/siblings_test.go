package run

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/wire"
)

// fan is a process whose steps "a", "b" and "c" depend on "root" only, and "last" on all of them.
type fan struct {
	errand
	yard *yard
}

// yard is what the steps of a fan act on, side by side.
type yard struct {
	mu      sync.Mutex
	calls   []string
	done    []string
	failing map[string]fault.Kind
	doing   func(what string)                                 // Called before each effect; nil: nothing.
	slow    func(ctx workflow.Context, step string) (ok bool) // Does a step in its own way; nil: none.
	seen    []temporal.SearchAttributes
}

func (y *yard) did(what string, change func()) error {
	if y.doing != nil {
		y.doing(what)
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.calls = append(y.calls, what)
	if kind, failing := y.failing[what]; failing {
		return fault.ForTemporal(fault.New(kind, "%s fails on purpose", what))
	}
	change()
	return nil
}

func (y *yard) mend(what string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	delete(y.failing, what)
}

func (p fan) Steps(*Frame) ([]Step, error) {
	step := func(id string, after ...string) Step {
		return Step{
			ID: id, Title: "do " + id, After: after, Reversal: Reversible,
			Do: func(ctx workflow.Context, _ operation.Op) (Result, error) {
				if p.yard.slow != nil && p.yard.slow(ctx, id) {
					return Result{}, ctx.Err()
				}
				_, err := operation.Call[string](ctx, "test", "test.Fan", time.Minute, "do "+id)
				return Result{Output: id}, err
			},
			Undo: func(ctx workflow.Context, _ operation.Op) error {
				_, err := operation.Call[string](ctx, "test", "test.Fan", time.Minute, "undo "+id)
				return err
			},
		}
	}
	return []Step{step("root"), step("a", "root"), step("b", "root"), step("c", "root"), step("last", "a", "b", "c")}, nil
}

// spread prepares a run of a fan that bob approves after a minute.
func spread(t *testing.T) (*execution, *yard) {
	t.Helper()
	x := build(t).execution(unlimited, nil)
	y := &yard{failing: map[string]fault.Kind{}}
	x.RegisterActivityWithOptions(func(_ context.Context, what string) (string, error) {
		verb, step, _ := strings.Cut(what, " ")
		return what, y.did(what, func() {
			if y.done = without(y.done, step); verb == "do" {
				y.done = append(y.done, step)
			}
		})
	}, activity.RegisterOptions{Name: "test.Fan"})
	x.RegisterWorkflowWithOptions(func(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
		return ExecuteWithin(ctx, in, fan{yard: y}, unlimited)
	}, workflow.RegisterOptions{Name: "Fan"})
	x.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Run(func(args mock.Arguments) {
		y.seen = append(y.seen, args.Get(0).(temporal.SearchAttributes))
	})
	x.say(t, time.Minute, bob, decision.Approve, "")
	return x, y
}

func (x *execution) say(t *testing.T, after time.Duration, person string, c decision.Command, step string) {
	t.Helper()
	x.RegisterDelayedCallback(func() { x.update(t, x.decision(t, person, person, c, step), nil) }, after)
}

func (x *execution) run(t *testing.T) wire.StartOutput {
	t.Helper()
	hash, err := decision.Hash(json.RawMessage(document))
	require.NoError(t, err)
	start := x.sign(t, alice, alice, decision.Envelope{Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash})
	x.ExecuteWorkflow("Fan", wire.StartInput{Run: runULID, Document: json.RawMessage(document), Start: start})
	require.True(t, x.IsWorkflowCompleted())
	var out wire.StartOutput
	if err := x.GetWorkflowError(); err != nil {
		var cancelled *temporal.CanceledError
		require.ErrorAs(t, err, &cancelled)
		require.NoError(t, cancelled.Details(&out))
	} else {
		require.NoError(t, x.GetWorkflowResult(&out))
	}
	require.Len(t, x.house.records, 1, "a run writes one record")
	require.Equal(t, string(out.Outcome), x.house.records[0].Outcome)
	return out
}

func TestIndependentStepsOverlap(t *testing.T) {
	t.Parallel()
	x, y := spread(t)
	var together sync.WaitGroup
	together.Add(3)
	alone := make(chan struct{})
	y.doing = func(what string) {
		if what != "do a" && what != "do b" && what != "do c" {
			return
		}
		together.Done()
		met := make(chan struct{})
		go func() { together.Wait(); close(met) }()
		select {
		case <-met:
		case <-time.After(10 * time.Second):
			close(alone)
		}
	}
	require.Equal(t, wire.Done, x.run(t).Outcome)
	require.Equal(t, "do root", y.calls[0])
	require.Equal(t, "do last", y.calls[4])
	select {
	case <-alone:
		require.Fail(t, "a step waited for one that it does not depend on")
	default:
	}
}

func TestHeldStepsDoNotStopTheirSiblings(t *testing.T) {
	t.Parallel()
	x, y := spread(t)
	y.failing["do a"], y.failing["do b"] = fault.Conflict, fault.Invalid
	x.RegisterDelayedCallback(func() {
		p := x.progress(t)
		require.Equal(t, wire.Held, p.Phase)
		require.ElementsMatch(t, []string{"root", "c"}, y.done)
		states := map[string]wire.StepState{}
		for _, s := range p.Steps {
			states[s.ID] = s.State
		}
		require.Equal(t, map[string]wire.StepState{"root": wire.StepDone, "a": wire.StepHeld, "b": wire.StepHeld, "c": wire.StepDone, "last": wire.StepWaiting}, states)
		for _, id := range []string{"a", "b"} {
			gate, open := p.Gate(decision.Retry, id)
			require.True(t, open)
			require.Equal(t, "hold/"+id, gate.ID)
			require.Contains(t, gate.Why, "fails on purpose")
		}
		require.Contains(t, x.details(t), "do a fails on purpose")
		y.mend("do a")
	}, 2*time.Minute)
	x.say(t, 3*time.Minute, alice, decision.Retry, "a")
	x.RegisterDelayedCallback(func() {
		require.Equal(t, wire.Held, x.progress(t).Phase, "b is held still")
		require.NotContains(t, y.done, "last")
	}, 4*time.Minute)
	x.say(t, 5*time.Minute, bob, decision.Skip, "b")
	out := x.run(t)
	require.Equal(t, wire.Done, out.Outcome)
	require.ElementsMatch(t, []string{"root", "a", "c", "last"}, y.done)
	require.Contains(t, string(x.house.records[0].Steps), `"skipped"`)

	held, waiting := y.lists(wire.AttributeHeldSteps), y.lists(wire.AttributeWaitingFor)
	require.Contains(t, held, "a b")
	require.Contains(t, waiting, "approval")
	require.Contains(t, waiting, "hold/a hold/b")
	require.Empty(t, held[len(held)-1])
	require.Empty(t, waiting[len(waiting)-1])
	require.Equal(t, []string{"waiting", "running", "held", "held", "held", "running", "done"}, y.states())
}

// Whoever looks for held runs finds one that is held at its record, although its outcome is known.
func TestARunThatIsHeldAtItsRecordIsSeenAsHeld(t *testing.T) {
	t.Parallel()
	x, y := spread(t)
	x.house.failing["record"] = fault.Unauthorized
	x.RegisterDelayedCallback(func() { delete(x.house.failing, "record") }, 30*time.Minute)
	x.say(t, time.Hour, alice, decision.Retry, "record")
	require.Equal(t, wire.Done, x.run(t).Outcome)
	require.Equal(t, []string{"waiting", "running", "held", "done", "done"}, y.states())
	require.Contains(t, y.lists(wire.AttributeHeldSteps), "record")
}

// states are the values that the state's search attribute took.
func (y *yard) states() []string {
	var out []string
	for _, a := range y.seen {
		if s, ok := a.GetKeyword(wire.AttributeState); ok {
			out = append(out, s)
		}
	}
	return out
}

func (y *yard) lists(key temporal.SearchAttributeKeyKeywordList) []string {
	var out []string
	for _, a := range y.seen {
		if list, ok := a.GetKeywordList(key); ok {
			slices.Sort(list) // Side by side, either may fail first.
			out = append(out, strings.Join(list, " "))
		}
	}
	return out
}

// details is what Temporal's UI shows.
func (x *execution) details(t *testing.T) string {
	t.Helper()
	value, err := x.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(t, err)
	var m sdk.WorkflowMetadata
	require.NoError(t, value.Get(&m))
	return m.GetCurrentDetails()
}

func TestOnlyAHeldStepIsRetried(t *testing.T) {
	t.Parallel()
	x, y := spread(t)
	y.failing["do a"] = fault.Conflict
	var first wire.Decide
	x.RegisterDelayedCallback(func() {
		d := x.decision(t, alice, alice, decision.Retry, "a")
		e, err := decision.Parse(d.Signed.Envelope)
		require.NoError(t, err)
		e.Gate, e.Step = "hold/c", "c"
		x.update(t, wire.Decide{Signed: x.sign(t, alice, alice, e)}, nil) // c is done.
		e.Gate = "hold/a"
		x.update(t, wire.Decide{Signed: x.sign(t, alice, alice, e)}, nil) // At the gate of another step.
		first = d
		x.update(t, d, nil)
		x.update(t, d, nil) // A copy.
	}, 2*time.Minute)
	x.RegisterDelayedCallback(func() {
		y.mend("do a")
		e, err := decision.Parse(first.Signed.Envelope)
		require.NoError(t, err)
		e.Reason = "again, with the nonce of before"
		x.update(t, wire.Decide{Signed: x.sign(t, alice, alice, e)}, nil)
	}, 3*time.Minute)
	x.say(t, 4*time.Minute, alice, decision.Retry, "a")
	require.Equal(t, wire.Done, x.run(t).Outcome)
	codes := make([]string, len(x.verdicts))
	for i, v := range x.verdicts {
		codes[i] = v.Code
	}
	// The approval; no gate; another step; accepted; a copy, which has counted; the nonce; accepted.
	require.Equal(t, []string{"accepted", decision.CodeGate, decision.CodeStep, "accepted", "", decision.CodeNonce, "accepted"}, codes)
	require.Equal(t, 3, count(y.calls, "do a"))
}

func count(list []string, want string) int {
	n := 0
	for _, s := range list {
		if s == want {
			n++
		}
	}
	return n
}

// Undo begins only when nothing is under way any more, and goes backwards.
func TestUndoWaitsForARunningSibling(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"signed", "in Temporal"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			x, y := spread(t)
			y.failing["do a"] = fault.Conflict
			quiet := false
			y.slow = func(ctx workflow.Context, step string) bool {
				if step != "c" {
					return false
				}
				_ = workflow.Await(ctx, func() bool { return false })
				later, done := workflow.NewDisconnectedContext(ctx)
				defer done()
				_ = workflow.Sleep(later, 10*time.Minute) // It stops only when it can.
				y.done = append(y.done, "c")
				quiet = true
				return true
			}
			y.doing = func(what string) {
				if strings.HasPrefix(what, "undo") && !quiet {
					y.calls = append(y.calls, "too early: "+what)
				}
			}
			if how == "signed" {
				x.say(t, 2*time.Minute, bob, decision.Undo, "")
			} else {
				x.RegisterDelayedCallback(x.CancelWorkflow, 2*time.Minute)
			}
			// While it waits nothing but the end is to be had.
			var late wire.Decide
			x.RegisterDelayedCallback(func() { late = x.decision(t, alice, alice, decision.Retry, "a") }, 110*time.Second)
			x.RegisterDelayedCallback(func() { x.update(t, late, nil) }, 5*time.Minute)
			out := x.run(t)
			require.Equal(t, map[string]wire.Outcome{"signed": wire.Undone, "in Temporal": wire.Cancelled}[how], out.Outcome)
			require.False(t, x.verdicts[len(x.verdicts)-1].Accepted, "a retry after the end was asked for has no effect, and says so")
			require.Empty(t, y.done)
			require.Empty(t, out.LeftBehind)
			undone := y.calls[len(y.calls)-4:]
			require.Equal(t, "undo root", undone[3], "%v", y.calls)
			require.ElementsMatch(t, []string{"undo a", "undo b", "undo c"}, undone[:3])
		})
	}
}

func TestASecondCancelDuringTheUndoChangesNothing(t *testing.T) {
	t.Parallel()
	x, y := spread(t)
	y.failing["do last"], y.failing["undo b"] = fault.Conflict, fault.Unauthorized
	var again sync.Once
	y.doing = func(what string) {
		if what == "undo c" || what == "undo b" {
			again.Do(func() {
				x.CancelWorkflow()
				x.RegisterDelayedCallback(func() { x.update(t, x.decision(t, bob, bob, decision.Cancel, ""), nil) }, 0)
			})
		}
	}
	x.say(t, 2*time.Minute, bob, decision.Undo, "")
	out := x.run(t)
	require.Equal(t, wire.Undone, out.Outcome)
	require.Equal(t, []string{"b"}, y.done)
	require.Equal(t, []string{"do b: undo b fails on purpose"}, out.LeftBehind)
	require.Equal(t, out.LeftBehind, x.house.records[0].LeftBehind)
	require.Equal(t, decision.CodeGate, x.verdicts[len(x.verdicts)-1].Code)
}

// absent is a policy whose files come and go.
type absent struct {
	*house
	gone *bool
}

func (a absent) Policy(ctx context.Context) (*decision.Policy, error) {
	if *a.gone {
		return nil, fault.New(fault.Invalid, "the files are gone")
	}
	return a.house.Policy(ctx)
}

// A step that fails while nobody can say who may decide gets its gate as soon as somebody can.
func TestAGateOpensWhenThePolicyIsBack(t *testing.T) {
	t.Parallel()
	x, y := spread(t)
	gone := false
	x.OnActivity("authority.OpenGate", mock.Anything, mock.Anything).Return(func(ctx context.Context, in authority.OpenGateInput) (authority.OpenGateOutput, error) {
		return authority.NewActivities(absent{x.house, &gone}, x.Now).OpenGate(ctx, in)
	})
	y.failing["do a"] = fault.Conflict
	x.RegisterDelayedCallback(func() { gone = true }, 59*time.Second)
	x.RegisterDelayedCallback(func() {
		_, open := x.progress(t).Gate(decision.Retry, "a")
		require.False(t, open)
		gone = false
		y.mend("do a")
	}, 10*time.Minute)
	x.say(t, 20*time.Minute, alice, decision.Retry, "a")
	require.Equal(t, wire.Done, x.run(t).Outcome)
}

// Refusals are evidence, not a way to make a run too heavy to go on.
func TestOversizedRefusalsLeaveOnlyTheirVerdict(t *testing.T) {
	t.Parallel()
	x, _ := spread(t)
	x.RegisterDelayedCallback(func() {
		gate, _ := x.progress(t).Gate(decision.Approve, "")
		for range keptRefusals + 5 {
			e := decision.Envelope{Gate: gate.ID, Nonce: gate.Nonce, Command: decision.Approve, Hash: gate.Hash, Reason: strings.Repeat("x", 12<<10)}
			x.SignalWorkflow(wire.SignalDecide, wire.Decide{Signed: x.sign(t, alice, alice, e)})
		}
	}, 30*time.Second)
	require.Equal(t, wire.Done, x.run(t).Outcome)
	e := x.house.evidence(t)
	require.Equal(t, keptRefusals+5, e.Refused)
	require.Equal(t, keptRefusals, e.refusals())
	require.Less(t, len(x.house.records[0].Decisions), 64<<10)
}

// The retry that fills the execution begins in the next one: what begins in this one would be abandoned.
func TestARetryThatFillsTheExecutionBeginsInTheNext(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.failing["do one"] = fault.Invalid
	out, executions := h.carry(t, Limits{Events: 100_000, Updates: 2, Signals: 100}, []string{"one"}, func(n int, x *execution) {
		if n > 1 {
			return
		}
		x.say(t, time.Minute, bob, decision.Approve, "")
		x.RegisterDelayedCallback(func() { delete(h.failing, "do one") }, 2*time.Minute)
		x.say(t, 3*time.Minute, alice, decision.Retry, "one")
	})
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, 2, executions)
	require.Equal(t, []string{"do one", "do one", "record"}, h.calls)
}

// Only what an open gate can take is carried along unread.
func TestAFloodThatNoGateTakesIsNotCarried(t *testing.T) {
	t.Parallel()
	const flood = 60
	h := build(t)
	out, executions := h.carry(t, Limits{Events: 100_000, Updates: 100, Signals: 2}, []string{"one"}, func(n int, x *execution) {
		if n > 1 {
			x.OnActivity("authority.Judge", mock.Anything, mock.Anything).Once().Return(
				func(ctx context.Context, in authority.JudgeInput) (authority.JudgeOutput, error) {
					return authority.NewActivities(h, x.Now).Judge(ctx, in)
				}) // A second call panics: only the good one is left to be judged.
			return
		}
		x.RegisterDelayedCallback(func() {
			gate, _ := x.progress(t).Gate(decision.Approve, "")
			old := decision.Envelope{Gate: gate.ID, Nonce: decision.NewNonce(), Command: decision.Approve, Hash: gate.Hash}
			for range flood {
				x.SignalWorkflow(wire.SignalDecide, wire.Decide{Signed: x.sign(t, alice, bob, old)})
			}
			x.SignalWorkflow(wire.SignalDecide, x.decision(t, bob, bob, decision.Approve, ""))
		}, time.Minute)
	})
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, 2, executions)
	require.Equal(t, flood, h.evidence(t).Refused)
}
