package fleet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/crypto/ssh"

	"fermata/activities/authority"
	"fermata/activities/executions"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

const (
	alice    = "alice@example" // Asks.
	bob      = "bob@example"   // Decides.
	fleetRun = "01J00000000000000000000000"
)

// house is what outlives an execution: people, what the servers' runs do, and the records.
type house struct {
	mu      sync.Mutex
	people  map[string]ssh.Signer
	policy  *decision.Policy
	records []record.Record
	taken   map[string]executions.Execution // Who holds a server.
	fails   map[string]string               // Servers whose runs end otherwise than done, and how.
	holds   map[string]bool                 // Servers whose runs are held until they are let go.
	plans   map[string]string               // Servers whose plans are others than their documents', and how.
	bad     map[string]string               // Servers that cannot be planned, and why.
	busy    map[string]time.Duration        // Servers that another run holds, and how long.
	begun   []string
	runs    map[string][]wire.StartInput
	running int
	most    int // Servers at once.
	refused []string
	verify  bool
}

func build(t *testing.T) *house {
	t.Helper()
	h := &house{
		people: map[string]ssh.Signer{}, taken: map[string]executions.Execution{}, fails: map[string]string{}, holds: map[string]bool{},
		plans: map[string]string{}, bad: map[string]string{}, busy: map[string]time.Duration{}, runs: map[string][]wire.StartInput{}, verify: true,
	}
	var lines strings.Builder
	for _, name := range []string{alice, bob} {
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

// Find tells who holds a server.
func (h *house) Find(_ context.Context, id string) (executions.Execution, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.taken[id], nil
}

// document is the example with so many servers.
func document(t testing.TB, count int, change ...func(*spec.Fleet)) json.RawMessage {
	t.Helper()
	data, err := os.ReadFile("../../examples/fleet.yaml")
	require.NoError(t, err)
	text := strings.NewReplacer("count: 6", fmt.Sprint("count: ", count), "10.20.0.{{ add index 20 }}/24", `10.{{ add index 20 }}.0.1/24`, "10.20.0.1\n", "10.20.0.1\n").Replace(string(data))
	if count > 200 { // More than an octet holds: each server is named with its address.
		var list strings.Builder
		list.WriteString("servers:\n")
		for i := range count {
			fmt.Fprintf(&list, "    - {name: web-%03d, values: {net: %q}}\n", i+1, fmt.Sprintf("10.%d.%d.2", 1+i/250, i%250))
		}
		text = strings.NewReplacer("count: 6 ", list.String()+"  ", "      name: web-{{ printf \"%02d\" (add index 20) }}\n", "      labels: {a: b}\n", "10.20.0.{{ add index 20 }}/24", "\"{{ values.net }}/24\"").Replace(string(data))
	}
	text = strings.Replace(text, "        gateway: 10.20.0.1\n", "", 1)
	fleet, err := spec.ParseFleet("fleet.yaml", []byte(text))
	require.NoError(t, err)
	for _, f := range change {
		f(fleet)
	}
	out, err := json.Marshal(fleet)
	require.NoError(t, err)
	return out
}

// execution is one Temporal execution of a fleet.
type execution struct {
	*testsuite.TestWorkflowEnvironment
	house    *house
	verdicts []wire.DecideResult
	sent     int
}

func (h *house) execution(l run.Limits) *execution {
	var suite testsuite.WorkflowTestSuite
	x := &execution{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), house: h}
	x.SetTestTimeout(20 * time.Second)
	x.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "fleet/storefront", TaskQueue: wire.Queue})
	register := func(name string, f any) { x.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	authority.NewActivities(h, x.Now).Register(register)
	executions.NewActivities(h).Register(register)
	register("record.Append", func(_ context.Context, in record.AppendInput) (record.AppendOutput, error) {
		h.records = append(h.records, in.Record)
		return record.AppendOutput{Sequence: 1, Hash: "h"}, nil
	})
	named := func(name string, f any) { x.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name}) }
	named(wire.ProvisionFleet, func(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
		return provisionWithin(ctx, in, l)
	})
	named("Other", func(ctx workflow.Context, length time.Duration) error { return workflow.Sleep(ctx, length) })
	named(wire.PlanMember, h.planMember)
	named(wire.ProvisionServer, h.provisionServer)
	return x
}

// planMember is a plan without systems: the plan's hash is that of the document.
func (h *house) planMember(ctx workflow.Context, in wire.PlanMemberInput) (wire.PlanMemberOutput, error) {
	server := &spec.Server{}
	if err := json.Unmarshal(in.Document, server); err != nil {
		return wire.PlanMemberOutput{}, err
	}
	if length := h.busy[server.Metadata.Name]; length > 0 { // Another run holds the server for so long.
		_ = workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: server.Owner(), ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		}), "Other", length).GetChildWorkflowExecution().Get(ctx, nil)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	hash, err := decision.Hash(map[string]any{"document": in.Document, "plan": h.plans[server.Metadata.Name]})
	out := wire.PlanMemberOutput{Plan: authority.MemberPlan{Owner: operation.Owner(server.Owner()), Hash: hash, Summary: server.Spec.Network.Address}}
	if text, bad := h.bad[server.Metadata.Name]; bad {
		out.Problems = []wire.Observation{{Name: "compute", Text: text}}
	}
	return out, err
}

// provisionServer is a server's run without systems. It looks at what it was given, as the real one does.
func (h *house) provisionServer(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
	owner := in.Fleet.Planned.Owner
	name := strings.TrimPrefix(string(owner), "server/")
	h.mu.Lock()
	h.runs[name] = append(h.runs[name], in)
	h.begun = append(h.begun, name)
	h.running++
	h.most = max(h.most, h.running)
	outcome, held := h.fails[name], h.holds[name]
	h.taken[string(owner)] = executions.Execution{Open: true, Run: in.Run}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		state := string(wire.Done)
		if h.fails[name] != "" {
			state = h.fails[name]
		}
		h.taken[string(owner)] = executions.Execution{Run: in.Run, State: state}
	}()
	left := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.running--
	}
	if h.verify {
		judged, err := authority.JudgeMember(ctx, authority.JudgeMemberInput{
			Member: *in.Fleet, FleetKind: wire.ProvisionFleet, Kind: wire.ProvisionServer, Document: in.Document, Hash: in.Fleet.Planned.Hash,
		})
		if err != nil {
			return wire.StartOutput{}, err
		}
		if !judged.Accepted {
			h.refused = append(h.refused, name+": "+judged.Reason)
			left()
			return wire.StartOutput{Outcome: wire.Refused, Reason: judged.Reason}, nil
		}
	}
	tell := func(p wire.Phase, o wire.Outcome, reason string) {
		_ = workflow.SignalExternalWorkflow(ctx, in.Fleet.Workflow, "", wire.SignalMember, wire.MemberReport{
			Owner: owner, Run: in.Run, Phase: p, Outcome: o, Step: map[bool]string{true: "deploy"}[p == wire.Held], Reason: reason,
		}).Get(ctx, nil)
	}
	if err := workflow.Sleep(ctx, time.Minute); err != nil {
		return wire.StartOutput{}, err
	}
	if held {
		left()
		tell(wire.Held, "", "the disk is full")
		var d wire.Decide
		stops, mended := workflow.GetSignalChannel(ctx, wire.SignalFleetStop), false
		for !mended {
			some, _ := stops.ReceiveWithTimeout(ctx, time.Minute, &d)
			if some {
				tell(wire.Ended, wire.Cancelled, "as the fleet")
				return wire.StartOutput{Outcome: wire.Cancelled}, nil
			}
			h.mu.Lock()
			mended = !h.holds[name]
			h.mu.Unlock()
		}
		return wire.StartOutput{Outcome: wire.Done}, nil
	}
	left()
	switch {
	case outcome == "crash":
		return wire.StartOutput{}, errors.New("crashed")
	case outcome != "":
		tell(wire.Ended, wire.Outcome(outcome), "on purpose")
		return wire.StartOutput{Outcome: wire.Outcome(outcome), Reason: "on purpose"}, nil
	}
	tell(wire.Ended, wire.Done, "")
	return wire.StartOutput{Outcome: wire.Done}, nil
}

func (h *house) sign(t *testing.T, now time.Time, person string, e decision.Envelope) decision.Signed {
	t.Helper()
	now = now.UTC().Truncate(time.Second)
	e.Version, e.Cluster, e.Namespace, e.WorkflowID, e.Person, e.Run = decision.Version, "test", "default", "fleet/storefront", person, fleetRun
	e.Issued, e.Expires = now, now.Add(10*time.Minute)
	signed, err := decision.Sign(e, h.people[person])
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

// say has a person give a command after a while.
func (x *execution) say(t *testing.T, after time.Duration, person string, c decision.Command) {
	t.Helper()
	x.RegisterDelayedCallback(func() {
		gate, open := x.progress(t).Gate(c, "")
		if !open {
			x.verdicts = append(x.verdicts, wire.DecideResult{Reason: "no gate takes " + string(c)})
			return
		}
		e := decision.Envelope{Gate: gate.ID, Nonce: gate.Nonce, Command: c, Hash: gate.Hash}
		if c == decision.Retry || c == decision.Skip {
			e.Step = gate.Step
		}
		x.sent++
		x.UpdateWorkflow(wire.UpdateDecide, fmt.Sprint("decision-", x.sent), &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { require.NoError(t, err) },
			OnComplete: func(result any, err error) {
				require.NoError(t, err)
				x.verdicts = append(x.verdicts, result.(wire.DecideResult))
			},
		}, wire.Decide{Signed: x.house.sign(t, x.Now(), person, e)})
	}, after)
}

func (x *execution) begin(t *testing.T, document json.RawMessage) {
	t.Helper()
	hash, err := decision.Hash(document)
	require.NoError(t, err)
	x.house.taken["fleet/storefront"] = executions.Execution{Open: true, Run: fleetRun}
	x.ExecuteWorkflow(wire.ProvisionFleet, wire.StartInput{Run: fleetRun, Document: document, Start: x.house.sign(t, x.Now(), alice, decision.Envelope{
		Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash,
	})})
	require.True(t, x.IsWorkflowCompleted())
}

func (x *execution) result(t *testing.T) wire.StartOutput {
	t.Helper()
	require.NoError(t, x.GetWorkflowError())
	var out wire.StartOutput
	require.NoError(t, x.GetWorkflowResult(&out))
	return out
}

// next is the execution that goes on after this one continued as new; nil: it did not.
func (x *execution) next(t *testing.T, l run.Limits) (*execution, wire.StartInput) {
	t.Helper()
	var again *workflow.ContinueAsNewError
	if !errors.As(x.GetWorkflowError(), &again) {
		return nil, wire.StartInput{}
	}
	var in wire.StartInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	n := x.house.execution(l)
	n.SetContinuedExecutionRunID("before")
	n.SetStartTime(x.Now())
	return n, in
}

func (x *execution) member(t *testing.T, name string) wire.Member {
	t.Helper()
	for _, m := range x.progress(t).Fleet.Members {
		if m.Name == name {
			return m
		}
	}
	require.Fail(t, "no member "+name)
	return wire.Member{}
}
