package provision

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/executions"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

const fleetID = "fleet/storefront"

// begun is a server's run as a fleet begins it, and what a test may spoil of that.
type begun struct {
	*bench
	in      wire.StartInput
	parent  string // Id of what begins it.
	plans   []authority.MemberPlan
	plan    wire.Plan
	reports []wire.MemberReport
}

// member plans the first server of the example and has alice ask for the fleet and bob approve it.
func member(t *testing.T, text ...func(string) string) *begun {
	t.Helper()
	data, err := os.ReadFile("../../examples/fleet.yaml")
	require.NoError(t, err)
	content := string(data)
	for _, f := range text {
		content = f(content)
	}
	fleet, err := spec.ParseFleet("fleet.yaml", []byte(content))
	require.NoError(t, err)
	m := &begun{bench: setup(t), parent: fleetID}
	document, err := json.Marshal(fleet)
	require.NoError(t, err)
	for i := range fleet.Size() {
		server, err := fleet.Member(i)
		require.NoError(t, err)
		own, err := json.Marshal(server)
		require.NoError(t, err)
		planning := setup(t)
		planning.ExecuteWorkflow(PlanMember, wire.PlanMemberInput{Run: runULID, Document: own})
		require.NoError(t, planning.GetWorkflowError())
		var out wire.PlanMemberOutput
		require.NoError(t, planning.GetWorkflowResult(&out))
		require.Empty(t, out.Problems)
		m.plans = append(m.plans, out.Plan)
		if i == 0 {
			m.in = wire.StartInput{Run: "01J0000000000000000000000A", Document: own}
		}
	}
	hash, err := decision.Hash(json.RawMessage(document))
	require.NoError(t, err)
	tree, leaves, err := authority.NewMemberTree(m.plans)
	require.NoError(t, err)
	m.plan = wire.Plan{Version: wire.PlanVersion, Kind: wire.ProvisionFleet, Owner: fleetID, Document: hash}
	m.plan.Resolved, err = json.Marshal(tree)
	require.NoError(t, err)
	m.in.Fleet = &authority.Membership{
		Fleet: document, Workflow: fleetID, Run: runULID, Gate: "approval", Nonce: decision.NewNonce(),
		Start:   m.signFleet(t, alice, decision.Envelope{Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash}),
		Planned: m.plans[0], Proof: decision.TreeProof(leaves, 0),
		Stop: authority.Stop{Gate: "run", Nonce: decision.NewNonce()},
	}
	m.approve(t, bob)
	return m
}

func (m *begun) signFleet(t *testing.T, person string, e decision.Envelope) decision.Signed {
	t.Helper()
	now := m.Now().UTC().Truncate(time.Second)
	e.Version, e.Cluster, e.Namespace, e.Person, e.Run = decision.Version, "test", "default", person, runULID
	if e.WorkflowID == "" {
		e.WorkflowID = fleetID
	}
	e.Issued, e.Expires = now, now.Add(10*time.Minute)
	signed, err := decision.Sign(e, m.people[person])
	require.NoError(t, err)
	return signed
}

// approve has people approve the plan as it is, instead of those before.
func (m *begun) approve(t *testing.T, people ...string) {
	t.Helper()
	f := m.in.Fleet
	hash, err := m.plan.Hash()
	require.NoError(t, err)
	f.Plan, err = json.Marshal(m.plan)
	require.NoError(t, err)
	f.Stop.Hash, f.Approvals = hash, nil
	for _, person := range people {
		f.Approvals = append(f.Approvals, m.signFleet(t, person, decision.Envelope{Gate: f.Gate, Nonce: f.Nonce, Command: decision.Approve, Hash: hash}))
	}
}

// carryMember begins the run as the child of what the fleet would be.
func (m *begun) carryMember(t *testing.T) wire.StartOutput {
	t.Helper()
	m.SetStartWorkflowOptions(startOptions(m.parent))
	m.RegisterWorkflowWithOptions(func(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
		workflow.Go(ctx, func(ctx workflow.Context) {
			for {
				var r wire.MemberReport
				workflow.GetSignalChannel(ctx, wire.SignalMember).Receive(ctx, &r)
				m.reports = append(m.reports, r)
			}
		})
		var out wire.StartOutput
		ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: "server/web-21"})
		err := workflow.ExecuteChildWorkflow(ctx, wire.ProvisionServer, in).Get(ctx, &out)
		return out, err
	}, workflow.RegisterOptions{Name: "Parent"})
	m.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", wire.SignalMember, mock.Anything).Return(nil).Maybe() // Where no such fleet goes on.
	m.ExecuteWorkflow("Parent", m.in)
	return m.result(t)
}

func TestAServerOfAFleetIsProvisionedByTheFleetsApproval(t *testing.T) {
	t.Parallel()
	m := member(t)
	out := m.carryMember(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, provisioned, m.estate.objects)
	rec := m.estate.records[0]
	require.Equal(t, alice, rec.Requester)
	require.Contains(t, string(rec.Decisions), `"membership"`)
	require.Contains(t, string(rec.Decisions), `"via":"fleet"`)
	require.NotEmpty(t, m.reports)
	last := m.reports[len(m.reports)-1]
	require.Equal(t, wire.MemberReport{Owner: "server/web-21", Run: m.in.Run, Phase: wire.Ended, Outcome: wire.Done}, last)
}

// The signatures are hours old when a late wave begins: what counted then counts, as long as the policy still holds.
func TestAnApprovalOfAFleetThatHasExpiredSinceStillCounts(t *testing.T) {
	t.Parallel()
	m := member(t)
	m.SetStartTime(time.Now().Add(9 * time.Hour))
	require.Equal(t, wire.Done, m.carryMember(t).Outcome)
}

func TestAServerThatIsNotPartOfWhatWasApprovedIsRefused(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		forge  func(t *testing.T, m *begun)
		reason string
	}{
		"no approval":               {func(t *testing.T, m *begun) { m.approve(t) }, "needs 1 approvals, 0 count"},
		"approved by the requester": {func(t *testing.T, m *begun) { m.approve(t, alice) }, "somebody else must approve it"},
		"twice by one person":       {func(t *testing.T, m *begun) { m.approve(t, alice, alice) }, "needs 1 approvals, 0 count"},
		"approval of another plan": {func(t *testing.T, m *begun) {
			old := m.in.Fleet.Approvals
			m.plan.Owner = fleetID
			m.plan.Changes = []wire.PlannedChange{{Title: "more"}}
			m.approve(t)
			m.in.Fleet.Approvals = old
		}, "look at it again and sign anew"},
		"approval at another gate":   {func(_ *testing.T, m *begun) { m.in.Fleet.Gate = "review" }, "for the gate"},
		"approval with an old nonce": {func(_ *testing.T, m *begun) { m.in.Fleet.Nonce = decision.NewNonce() }, "earlier opening"},
		"approval without a nonce":   {func(_ *testing.T, m *begun) { m.in.Fleet.Nonce = "" }, "needs 1 approvals, 0 count"},
		"a forged signature":         {func(_ *testing.T, m *begun) { m.in.Fleet.Approvals[0].Signature = m.in.Fleet.Start.Signature }, "does not fit the message"},
		"the start as an approval":   {func(_ *testing.T, m *begun) { m.in.Fleet.Approvals = []decision.Signed{m.in.Fleet.Start} }, "needs 1 approvals, 0 count"},
		"no start":                   {func(_ *testing.T, m *begun) { m.in.Fleet.Start = decision.Signed{} }, "the start of the fleet does not count"},
		"the start of another run": {func(t *testing.T, m *begun) {
			m.in.Fleet.Start = m.signFleet(t, alice, decision.Envelope{WorkflowID: "server/web-21", Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: m.plan.Document})
		}, `the decision is for "server/web-21"`},
		"another document of the fleet": {func(t *testing.T, m *begun) {
			m.in.Fleet.Fleet = json.RawMessage(replace(string(m.in.Fleet.Fleet), `"maxConcurrent":3`, `"maxConcurrent":300`))
		}, "but this is sha256:"},
		"another document of the server": {func(t *testing.T, m *begun) {
			m.in.Document = json.RawMessage(replace(string(m.in.Document), `"cpus":2`, `"cpus":64`))
		}, "is not that of server 1 of fleet/storefront"},
		"the place of another server": {func(_ *testing.T, m *begun) { m.in.Fleet.Index = 1 }, "server 2 of fleet/storefront is server/web-22, not server/web-21"},
		"a place that there is not":   {func(_ *testing.T, m *begun) { m.in.Fleet.Index = 6 }, "none has the index 6"},
		"the path of another server": {func(t *testing.T, m *begun) {
			_, leaves, err := authority.NewMemberTree(m.plans)
			require.NoError(t, err)
			m.in.Fleet.Proof = decision.TreeProof(leaves, 1)
		}, "nothing proves that server/web-21 is part of the plan"},
		"no path": {func(_ *testing.T, m *begun) { m.in.Fleet.Proof = nil }, "nothing proves"},
		"a plan of its own in a tree of its own": {func(t *testing.T, m *begun) {
			hash, err := decision.Hash("mine")
			require.NoError(t, err)
			m.in.Fleet.Planned.Hash = hash
		}, "nothing proves"},
		"the plan of another server": {func(_ *testing.T, m *begun) { m.in.Fleet.Planned = m.plans[1] }, "not server/web-22"},
		"another fleet's id":         {func(_ *testing.T, m *begun) { m.in.Fleet.Workflow, m.parent = "fleet/other", "fleet/other" }, "the document is of fleet/storefront"},
		"begun by nobody's fleet":    {func(_ *testing.T, m *begun) { m.parent = "fleet/other" }, "but that has not begun it"},
		"begun by no fleet":          {func(_ *testing.T, m *begun) { m.in.Fleet.Workflow, m.parent = "server/web-77", "server/web-77" }, "but that has not begun it"},
		"of a run that has ended":    {func(_ *testing.T, m *begun) { m.in.Fleet.Run = "01J00000000000000000000009" }, "has ended: what was approved for it begins nothing any more"},
		"secrets in other versions": {func(_ *testing.T, m *begun) {
			m.in.Fleet.Planned.Secrets = append(m.in.Fleet.Planned.Secrets, m.in.Fleet.Planned.Secrets...)
			m.in.Fleet.Planned.Summary = "10.20.0.99"
		}, "nothing proves"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := member(t)
			x.forge(t, m)
			out := m.carryMember(t)
			require.Equal(t, wire.Refused, out.Outcome, out.Reason)
			require.Contains(t, out.Reason, "this run is not part of what was approved: ")
			require.Contains(t, out.Reason, x.reason)
			require.Empty(t, m.estate.objects, "nothing was done, no ticket opened")
			require.Equal(t, []string{"record.Append"}, m.estate.calls)
		})
	}
}

func replace(text, old, with string) string {
	if !json.Valid([]byte(text)) {
		panic("no JSON")
	}
	out := []byte(text)
	for i := 0; i+len(old) <= len(out); i++ {
		if string(out[i:i+len(old)]) == old {
			return string(out[:i]) + with + string(out[i+len(old):])
		}
	}
	panic(old + " is not in the text")
}

func TestAServerWhosePlanIsAnotherNowIsNotCarriedOut(t *testing.T) {
	t.Parallel()
	m := member(t)
	m.estate.template = "t-2"
	out := m.carryMember(t)
	require.Equal(t, wire.PlanChanged, out.Outcome, out.Reason)
	require.Contains(t, out.Reason, "what would be done has changed")
	require.Empty(t, m.estate.objects)
}

func TestAServerThatSaysItIsPartOfAFleetButWasStartedByAPersonIsRefused(t *testing.T) {
	t.Parallel()
	m := member(t)
	m.SetStartWorkflowOptions(startOptions("server/web-21"))
	m.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", wire.SignalMember, mock.Anything).Return(nil).Maybe()
	m.ExecuteWorkflow(wire.ProvisionServer, m.in)
	out := m.result(t)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "but that has not begun it")
	require.Equal(t, []string{"record.Append"}, m.estate.calls)
}

// What was approved for a fleet whose run has ended, or that another run of holds, begins nothing.
func TestAnApprovalCountsOnlyWhileItsFleetGoesOn(t *testing.T) {
	t.Parallel()
	m := member(t)
	m.OnActivity("executions.Find", mock.Anything, mock.Anything).Return(executions.FindOutput{Execution: executions.Execution{Run: runULID}}, nil)
	out := m.carryMember(t)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "has ended")
}

func TestTheCommandThatStopsAFleetStopsItsServers(t *testing.T) {
	t.Parallel()
	stop := func(t *testing.T, m *begun, person string, bend func(*decision.Envelope)) {
		t.Helper()
		m.RegisterDelayedCallback(func() {
			f := m.in.Fleet
			e := decision.Envelope{Gate: f.Stop.Gate, Nonce: f.Stop.Nonce, Command: decision.Cancel, Hash: f.Stop.Hash}
			bend(&e)
			require.NoError(t, m.SignalWorkflowByID("server/web-21", wire.SignalFleetStop, wire.Decide{Signed: m.signFleet(t, person, e)}))
		}, 10*time.Minute)
	}
	for name, x := range map[string]struct {
		bend    func(*decision.Envelope)
		outcome wire.Outcome
	}{
		"signed":                {func(*decision.Envelope) {}, wire.Cancelled},
		"with another nonce":    {func(e *decision.Envelope) { e.Nonce = decision.NewNonce() }, wire.Done},
		"for another target":    {func(e *decision.Envelope) { e.WorkflowID = "server/web-22" }, wire.Done},
		"that is no such thing": {func(e *decision.Envelope) { e.Command = decision.Approve }, wire.Done},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := member(t)
			m.estate.failing["guest.InstallApplication"] = "invalid"
			stop(t, m, alice, x.bend)
			if x.outcome == wire.Done {
				m.RegisterDelayedCallback(func() {
					m.estate.mu.Lock()
					defer m.estate.mu.Unlock()
					delete(m.estate.failing, "guest.InstallApplication")
				}, 20*time.Minute)
				m.retryMember(t, 30*time.Minute)
			}
			require.Equal(t, x.outcome, m.carryMember(t).Outcome)
			if x.outcome == wire.Cancelled {
				require.Equal(t, map[string]string{"ticket": "rejected"}, m.estate.objects)
			}
			require.Contains(t, m.reports, wire.MemberReport{
				Owner: operation.Owner("server/web-21"), Run: m.in.Run, Phase: wire.Held, Step: "application", Reason: "guest.InstallApplication fails on purpose",
			})
		})
	}
}

// retryMember has bob retry the held step of the server's own run: that is not the fleet's matter.
func (m *begun) retryMember(t *testing.T, after time.Duration) {
	t.Helper()
	m.RegisterDelayedCallback(func() {
		value, err := m.QueryWorkflowByID("server/web-21", wire.QueryProgress)
		require.NoError(t, err)
		var p wire.Progress
		require.NoError(t, value.Get(&p))
		require.Equal(t, fleetID, p.PartOf)
		gate, open := p.Gate(decision.Retry, "")
		require.True(t, open)
		now := m.Now().UTC().Truncate(time.Second)
		signed, err := decision.Sign(decision.Envelope{
			Version: decision.Version, Cluster: "test", Namespace: "default", WorkflowID: "server/web-21", Run: m.in.Run, Person: bob,
			Gate: gate.ID, Nonce: gate.Nonce, Command: decision.Retry, Hash: gate.Hash, Step: gate.Step, Issued: now, Expires: now.Add(time.Minute),
		}, m.people[bob])
		require.NoError(t, err)
		require.NoError(t, m.SignalWorkflowByID("server/web-21", wire.SignalDecide, wire.Decide{Signed: signed}))
	}, after)
}
