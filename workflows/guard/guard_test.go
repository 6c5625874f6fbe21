package guard

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/crypto/ssh"

	"fermata/activities/authority"
	"fermata/decision"
	"fermata/wire"
)

const guardRun = "01J00000000000000000000000"

// post is a guard under test, with what it told whom.
type post struct {
	*testsuite.TestWorkflowEnvironment
	policy  *decision.Policy
	signers map[string]ssh.Signer
	told    map[string][]wire.GuardAnswer
	results []wire.DecideResult
}

// Policy returns the policy in force.
func (p *post) Policy(context.Context) (*decision.Policy, error) { return p.policy, nil }

// few asks fill an execution.
const few = 12

const automation = `apiVersion: fermata/v1
kind: Policy
metadata: {name: test}
spec:
  groups:
    operators: {members: [ann@example]}
    managers: {members: [max@example]}
  automation: {stop: [operators], resume: [managers]}
  rules:
    - {name: all, may: {start: [operators]}}
`

func newPost(t *testing.T) *post {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	p := &post{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), signers: map[string]ssh.Signer{}, told: map[string][]wire.GuardAnswer{}}
	p.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: wire.GuardWorkflowID(), TaskQueue: wire.Queue})
	var lines strings.Builder
	for _, name := range []string{"ann@example", "max@example"} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		p.signers[name], err = ssh.NewSignerFromKey(key)
		require.NoError(t, err)
		lines.WriteString(name + " " + string(ssh.MarshalAuthorizedKey(p.signers[name].PublicKey())))
	}
	signers, err := decision.ParseAllowedSigners(strings.NewReader(lines.String()))
	require.NoError(t, err)
	rules, err := decision.ParseRules("policy.yaml", []byte(automation))
	require.NoError(t, err)
	p.policy = &decision.Policy{Cluster: "test", Namespace: "default", Signers: signers, Rules: rules}
	authority.NewActivities(p, p.Now).Register(func(name string, f any) { p.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) })
	p.RegisterWorkflowWithOptions(func(ctx workflow.Context, in wire.GuardInput) error {
		return within(ctx, in, limits{events: 10_000, asks: few})
	}, workflow.RegisterOptions{Name: wire.Guard})
	p.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", wire.SignalAnswer, mock.Anything).
		Return(func(_, id, _, _ string, arg any) error {
			if id == "server/gone" {
				return errors.New("unknown external workflow execution")
			}
			p.told[id] = append(p.told[id], arg.(wire.GuardAnswer))
			return nil
		})
	return p
}

func (p *post) state(t *testing.T) wire.GuardState {
	t.Helper()
	value, err := p.QueryWorkflow(wire.QueryGuard)
	require.NoError(t, err)
	var s wire.GuardState
	require.NoError(t, value.Get(&s))
	return s
}

// decide signs for the gate that is open now, with changes.
func (p *post) decide(t *testing.T, who string, c decision.Command, change func(*decision.Envelope)) {
	t.Helper()
	value, err := p.QueryWorkflow(wire.QueryProgress)
	require.NoError(t, err)
	var now wire.Progress
	require.NoError(t, value.Get(&now))
	at := p.Now().UTC().Truncate(time.Second)
	e := decision.Envelope{
		Version: decision.Version, Cluster: "test", Namespace: "default", WorkflowID: wire.GuardWorkflowID(), Run: guardRun, Person: who,
		Gate: now.Gates[0].ID, Nonce: now.Gates[0].Nonce, Hash: now.Gates[0].Hash, Command: c, Reason: "because", Issued: at, Expires: at.Add(time.Minute),
	}
	if change != nil {
		change(&e)
	}
	signed, err := decision.Sign(e, p.signers[who])
	require.NoError(t, err)
	p.UpdateWorkflow(wire.UpdateDecide, e.Nonce+who+string(c)+e.Run, &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: func(err error) { require.NoError(t, err) },
		OnComplete: func(result any, err error) {
			require.NoError(t, err)
			p.results = append(p.results, result.(wire.DecideResult))
		},
	}, wire.Decide{Signed: signed})
}

func (p *post) later(after time.Duration, do func()) { p.RegisterDelayedCallback(do, after) }

// run lets the guard work for so long.
func (p *post) run(after time.Duration) {
	p.later(after, p.CancelWorkflow)
	p.ExecuteWorkflow(wire.Guard, wire.GuardInput{Run: guardRun})
}

func TestStopAndResumeAreSignedByThoseWhoMay(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.later(time.Minute, func() { p.SignalWorkflow(wire.SignalAsk, run(1)) })
	p.later(2*time.Minute, func() { p.decide(t, "max@example", decision.StopAutomation, nil) })
	p.later(3*time.Minute, func() {
		p.decide(t, "ann@example", decision.StopAutomation, func(e *decision.Envelope) { e.Run = "01J00000000000000000000001" })
	})
	p.later(4*time.Minute, func() { p.decide(t, "ann@example", decision.StopAutomation, nil) })
	p.later(5*time.Minute, func() {
		require.Equal(t, "ann@example", p.state(t).Stopped.By)
		p.SignalWorkflow(wire.SignalAsk, run(2))
	})
	p.later(6*time.Minute, func() { p.decide(t, "ann@example", decision.ResumeAutomation, nil) })
	p.later(7*time.Minute, func() { p.decide(t, "max@example", decision.ResumeAutomation, nil) })
	p.later(8*time.Minute, func() { require.Nil(t, p.state(t).Stopped) })
	p.run(time.Hour)
	codes := make([]string, len(p.results))
	for i, r := range p.results {
		codes[i] = r.Code
	}
	require.Equal(t, []string{decision.CodeNotAllowed, decision.CodeRun, "accepted", decision.CodeNotAllowed, "accepted"}, codes)
	require.Len(t, p.told["server/1"], 3, "its permit, the stop, the end of it")
	require.NotNil(t, p.told["server/1"][1].Stopped)
	require.Nil(t, p.told["server/1"][2].Stopped)
	require.Equal(t, "automation is stopped", p.told["server/2"][0].Waits)
	require.Equal(t, 2, p.told["server/2"][1].Permit)
}

func TestWhoWaitsGetsAPermitWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	for n := range 3 {
		p.later(time.Duration(n+1)*time.Minute, func() { p.SignalWorkflow(wire.SignalAsk, run(n)) })
	}
	p.later(60*time.Minute, func() { require.Len(t, p.told["server/2"], 1) })
	p.run(2 * time.Hour)
	require.Equal(t, 3, p.told["server/2"][1].Permit)
}

func TestARunThatCannotBeToldIsForgotten(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	gone := run(1)
	gone.WorkflowID = "server/gone"
	p.later(time.Minute, func() { p.SignalWorkflow(wire.SignalAsk, gone) })
	p.later(2*time.Minute, func() { require.Empty(t, p.state(t).Runs) })
	p.run(time.Hour)
}

func TestTheGuardCarriesWhatItKnows(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.later(time.Minute, func() { p.decide(t, "ann@example", decision.StopAutomation, nil) })
	p.later(2*time.Minute, func() {
		for n := range few + 1 {
			p.SignalWorkflow(wire.SignalAsk, run(n%3))
		}
	})
	p.run(time.Hour)
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, p.GetWorkflowError(), &again)
	var in wire.GuardInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	require.Equal(t, guardRun, in.Run)
	next := newPost(t)
	next.later(time.Minute, func() {
		s := next.state(t)
		require.Equal(t, "ann@example", s.Stopped.By)
		require.Len(t, s.Waiting, 3)
	})
	next.later(time.Hour, next.CancelWorkflow)
	next.ExecuteWorkflow(wire.Guard, in)
}
