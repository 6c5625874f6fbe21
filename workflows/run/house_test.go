package run

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/crypto/ssh"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/decision"
	"fermata/wire"
)

const (
	alice    = "alice@example" // Asks.
	bob      = "bob@example"   // Decides.
	carol    = "carol@example"
	runULID  = "01J00000000000000000000000"
	plain    = "Plain"
	document = `{"kind":"Plain"}`
)

// errand is a process of a chain of steps, each of which is one activity that a test may fail.
type errand struct{ steps []string }

func (p errand) Kind() string           { return plain }
func (p errand) Owner() operation.Owner { return "server/web-01" }
func (p errand) Facts() decision.Facts  { return decision.Facts{Kind: plain, Environment: "lab"} }
func (p errand) Policy() Policy {
	return Policy{RetryFor: time.Minute, ApprovalDeadline: time.Hour}
}

func (p errand) Plan(workflow.Context) (wire.Preview, error) {
	return wire.Preview{Plan: wire.Plan{Resolved: json.RawMessage(`{}`)}}, nil
}

func (p errand) Steps(*Frame) ([]Step, error) {
	var steps []Step
	for i, id := range p.steps {
		s := Step{
			ID: id, Title: "do " + id, Reversal: Reversible,
			Do: func(ctx workflow.Context, _ operation.Op) (Result, error) {
				_, err := operation.Call[string](ctx, "test", "test.Do", time.Minute, id)
				return Result{Output: id}, err
			},
			Undo: func(ctx workflow.Context, _ operation.Op) error {
				_, err := operation.Call[string](ctx, "test", "test.Undo", time.Minute, id)
				return err
			},
		}
		if i > 0 {
			s.After = []string{p.steps[i-1]}
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (p errand) Conclude(workflow.Context, *Frame, wire.Outcome, string) error { return nil }

// house is what outlives an execution: people, what was done, and the records.
type house struct {
	people  map[string]ssh.Signer
	policy  *decision.Policy
	done    []string // Steps that stand.
	calls   []string
	failing map[string]fault.Kind
	records []record.Record
}

func build(t *testing.T) *house {
	t.Helper()
	h := &house{people: map[string]ssh.Signer{}, failing: map[string]fault.Kind{}}
	var lines strings.Builder
	for _, name := range []string{alice, bob, carol} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		signer, err := ssh.NewSignerFromKey(key)
		require.NoError(t, err)
		h.people[name] = signer
		lines.WriteString(name + " " + string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	}
	allowed, err := decision.ParseAllowedSigners(strings.NewReader(lines.String()))
	require.NoError(t, err)
	h.policy = &decision.Policy{Cluster: "test", Namespace: "default", Signers: allowed}
	return h
}

// Policy returns the policy in force.
func (h *house) Policy(context.Context) (*decision.Policy, error) { return h.policy, nil }

// execution is one Temporal execution of a run.
type execution struct {
	*testsuite.TestWorkflowEnvironment
	house    *house
	verdicts []wire.DecideResult
	sent     int
	asked    []wire.GuardAsk
	start    time.Time
	kind     string // Workflow type that begin starts; empty: plain.
}

func (h *house) execution(l Limits, steps []string) *execution {
	var suite testsuite.WorkflowTestSuite
	x := &execution{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), house: h}
	x.SetTestTimeout(30 * time.Second)
	x.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "server/web-01", TaskQueue: wire.Queue})
	register := func(name string, f any) { x.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	authority.NewActivities(h, x.Now).Register(register)
	register("test.Do", func(_ context.Context, step string) (string, error) {
		return step, h.did("do "+step, func() { h.done = append(h.done, step) })
	})
	register("test.Undo", func(_ context.Context, step string) (string, error) {
		return step, h.did("undo "+step, func() { h.done = without(h.done, step) })
	})
	register("record.Append", func(_ context.Context, in record.AppendInput) (record.AppendOutput, error) {
		return record.AppendOutput{Sequence: 1, Hash: "h"}, h.did("record", func() { h.records = append(h.records, in.Record) })
	})
	x.RegisterWorkflowWithOptions(func(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
		return ExecuteWithin(ctx, in, errand{steps: steps}, l)
	}, workflow.RegisterOptions{Name: plain})
	return x
}

func without(list []string, gone string) []string {
	var out []string
	for _, s := range list {
		if s != gone {
			out = append(out, s)
		}
	}
	return out
}

func (h *house) did(what string, change func()) error {
	h.calls = append(h.calls, what)
	if kind, failing := h.failing[what]; failing {
		return fault.ForTemporal(fault.New(kind, "%s fails on purpose", what))
	}
	change()
	return nil
}

func (x *execution) sign(t *testing.T, key, person string, e decision.Envelope) decision.Signed {
	t.Helper()
	now := x.Now().UTC().Truncate(time.Second)
	e.Version, e.Cluster, e.Namespace, e.WorkflowID, e.Person, e.Run = decision.Version, "test", "default", "server/web-01", person, runULID
	e.Issued, e.Expires = now, now.Add(10*time.Minute)
	signed, err := decision.Sign(e, x.house.people[key])
	require.NoError(t, err)
	return signed
}

func (x *execution) progress(t *testing.T) wire.Progress {
	t.Helper()
	value, err := x.QueryWorkflow(wire.QueryProgress)
	require.NoError(t, err)
	var p wire.Progress
	require.NoError(t, value.Get(&p))
	return p
}

// decision makes one for the gate that is open now; the key of somebody else makes it a forged one.
func (x *execution) decision(t *testing.T, key, person string, c decision.Command, step string) wire.Decide {
	t.Helper()
	gate, open := x.progress(t).Gate(c, step)
	require.True(t, open, "a gate takes %q", c)
	e := decision.Envelope{Gate: gate.ID, Nonce: gate.Nonce, Command: c, Hash: gate.Hash}
	if c == decision.Retry || c == decision.Skip {
		e.Step = step
	}
	return wire.Decide{Signed: x.sign(t, key, person, e)}
}

// update sends a decision; rejected is called if the run asks to send it again.
func (x *execution) update(t *testing.T, d wire.Decide, rejected func(error)) {
	t.Helper()
	x.sent++
	x.UpdateWorkflow(wire.UpdateDecide, fmt.Sprintf("decision-%d", x.sent), &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) {
			require.NotNil(t, rejected, "the update is taken: %v", err)
			rejected(err)
		},
		OnComplete: func(result any, err error) {
			require.NoError(t, err)
			x.verdicts = append(x.verdicts, result.(wire.DecideResult))
		},
	}, d)
}

// carry runs execution after execution until the run has ended. prepare is told which one comes, from 1.
func (h *house) carry(t *testing.T, l Limits, steps []string, prepare func(n int, x *execution)) (out wire.StartOutput, executions int) {
	t.Helper()
	hash, err := decision.Hash(json.RawMessage(document))
	require.NoError(t, err)
	in := wire.StartInput{Run: runULID, Document: json.RawMessage(document)}
	for n := 1; n < 20; n++ {
		x := h.execution(l, steps)
		if n == 1 {
			in.Start = x.sign(t, alice, alice, decision.Envelope{Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash})
		} else {
			x.SetContinuedExecutionRunID("the one before")
		}
		prepare(n, x)
		x.ExecuteWorkflow(plain, in)
		require.True(t, x.IsWorkflowCompleted())
		err := x.GetWorkflowError()
		var again *workflow.ContinueAsNewError
		if errors.As(err, &again) {
			require.Equal(t, plain, again.WorkflowType.Name)
			in = wire.StartInput{}
			require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
			require.NotEmpty(t, in.Carried)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, x.GetWorkflowResult(&out))
		require.Len(t, h.records, 1, "a run writes one record")
		return out, n
	}
	require.Fail(t, "the run does not end")
	return out, 0
}
