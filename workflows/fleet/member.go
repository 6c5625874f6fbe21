package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/executions"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/wire"
	"fermata/workflows/run"
)

const (
	// firstAgain and longestAgain are the pauses between two tries of a server that another run holds.
	firstAgain   = 15 * time.Second
	longestAgain = 5 * time.Minute
	// lookEvery is how often the fleet looks whether runs still go on that it has not heard of.
	lookEvery = 5 * time.Minute
)

// begin starts the server's own run, which outlives the fleet's. One start at a time: each carries the fleet's document.
func (p *fleet) begin(ctx workflow.Context, m *member) error {
	document, err := p.serverDocument(m)
	if err != nil {
		return err
	}
	membership, err := p.membership(m)
	if err != nil {
		return err
	}
	id := p.memberRun(ctx, m, m.Attempt+1)
	apart, _ := workflow.NewDisconnectedContext(ctx) // What stops the fleet does not stop it: a signed command does.
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(apart, workflow.ChildWorkflowOptions{
		WorkflowID: wire.ServerWorkflowID(m.Name), TaskQueue: wire.Queue, StaticSummary: "Provision " + m.Name,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			wire.AttributeKind.ValueSet(wire.ProvisionServer), wire.AttributeTarget.ValueSet(string(m.owner())), wire.AttributeKey.ValueSet(id),
			wire.AttributeSite.ValueSet(m.Site), wire.AttributeState.ValueSet(string(wire.Planning)),
		),
	}), wire.ProvisionServer, wire.StartInput{Run: id, Document: document, Start: membership.Start, Fleet: membership})
	err = child.GetChildWorkflowExecution().Get(apart, nil)
	switch {
	case temporal.IsWorkflowExecutionAlreadyStartedError(err):
		p.busy(ctx, m)
		return nil
	case err != nil:
		p.settle(ctx, m, wire.MemberFailed, fault.FromTemporal(err).Text)
		return nil
	}
	now := workflow.Now(ctx)
	m.Attempt, m.Run, m.Began, m.Ended, m.Vain = m.Attempt+1, id, &now, nil, 0
	m.State, m.Step, m.Reason = wire.MemberRunning, "", ""
	workflow.GoNamed(apart, "server "+m.Name, func(ctx workflow.Context) {
		var out wire.StartOutput
		err := child.Get(ctx, &out)
		if m.Run != id || m.final() {
			return
		}
		if err != nil {
			p.settle(ctx, m, wire.MemberFailed, fault.FromTemporal(err).Text)
			return
		}
		p.ended(ctx, m, out.Outcome, out.Reason)
	})
	return nil
}

// busy waits for a server that another run holds, or gives it up.
func (p *fleet) busy(ctx workflow.Context, m *member) {
	who := "another run"
	if found, err := executions.Find(ctx, executions.FindInput{WorkflowID: wire.ServerWorkflowID(m.Name)}); err == nil && found.Execution.Run != "" {
		who = "run " + found.Execution.Run
		if found.Execution.Kind != "" {
			who = found.Execution.Kind + ", " + who
		}
		if found.Execution.Requester != "" {
			who += ", of " + found.Execution.Requester
		}
	}
	if p.refuses() {
		p.settle(ctx, m, wire.MemberRefused, "held by "+who)
		return
	}
	pause := longestAgain
	if m.Vain < 5 {
		pause = min(firstAgain<<m.Vain, longestAgain)
	}
	m.Vain++
	m.State, m.Reason, m.Again = wire.MemberBusy, "held by "+who, workflow.Now(ctx).Add(pause)
	p.wake(ctx, m.Again)
}

// membership is what the server's run is given to look at itself.
func (p *fleet) membership(m *member) (*authority.Membership, error) {
	preview := p.frame.Plan()
	if p.leaves == nil {
		_, leaves, err := authority.NewMemberTree(preview.Members)
		if err != nil {
			return nil, err
		}
		p.leaves = leaves
	}
	plan, err := json.Marshal(preview.Plan)
	if err != nil {
		return nil, fmt.Errorf("writing the plan: %w", err)
	}
	start, approvals, gate := p.frame.Signed()
	stop := p.frame.StopGate()
	return &authority.Membership{
		Fleet: p.document, Workflow: wire.FleetWorkflowID(p.spec.Metadata.Name), Run: p.run, Index: m.Index,
		Start: start, Approvals: approvals, Plan: plan, Gate: gate.ID, Nonce: gate.Nonce, Opened: gate.Opened,
		Stop:    authority.Stop{Gate: stop.ID, Nonce: stop.Nonce, Hash: stop.Hash},
		Planned: preview.Members[m.Index], Proof: proofOf(p.leaves, m.Index),
	}, nil
}

// memberRun is the ULID of the server's run: the same for the same try, whichever execution asks.
func (p *fleet) memberRun(ctx workflow.Context, m *member, attempt int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", p.run, m.Name, attempt))
	id, err := ulid.New(ulid.Timestamp(workflow.Now(ctx)), bytes.NewReader(sum[:]))
	if err != nil {
		return ulid.ULID(sum[:16]).String() // A time that no ULID can hold: it stays unique.
	}
	return id.String()
}

// Listen takes what the servers' runs report.
func (p *fleet) Listen(ctx workflow.Context, f *run.Frame) {
	p.frame = f
	workflow.GoNamed(ctx, "look", p.lookAround)
	reports := workflow.GetSignalChannel(ctx, wire.SignalMember)
	workflow.GoNamed(ctx, "reports", func(ctx workflow.Context) {
		for {
			var r wire.MemberReport
			if !reports.Receive(ctx, &r) {
				return
			}
			f.Heard(ctx)
			if m := p.byOwner[r.Owner]; m != nil && m.Run == r.Run && !m.final() {
				p.heard(ctx, m, r)
			}
		}
	})
}

func (p *fleet) heard(ctx workflow.Context, m *member, r wire.MemberReport) {
	switch {
	case r.Phase == wire.Ended:
		p.ended(ctx, m, r.Outcome, r.Reason)
		return
	case r.Phase == wire.Held:
		m.State, m.Step, m.Reason = wire.MemberHeld, r.Step, r.Reason
	default:
		m.State, m.Step, m.Reason = wire.MemberRunning, "", ""
		if r.Phase != wire.Running {
			m.Reason = string(r.Phase)
		}
	}
	p.changes++
}

func (p *fleet) ended(ctx workflow.Context, m *member, o wire.Outcome, reason string) {
	if o == wire.Done {
		p.settle(ctx, m, wire.MemberDone, "")
		return
	}
	text := string(o)
	if reason != "" {
		text += ": " + reason
	}
	p.settle(ctx, m, wire.MemberFailed, text)
}

func (p *fleet) settle(ctx workflow.Context, m *member, s wire.MemberState, reason string) {
	now := workflow.Now(ctx)
	m.State, m.Step, m.Reason, m.Ended = s, "", reason, &now
	p.changes++
}

// lookAround looks now and then whether runs have ended without a word: a report may have been lost, a run may have been
// terminated after the fleet continued as new.
func (p *fleet) lookAround(ctx workflow.Context) {
	for workflow.Await(ctx, func() bool { return len(p.underWay()) > 0 }) == nil && workflow.Sleep(ctx, lookEvery) == nil {
		for _, m := range p.underWay() {
			was := m.Run
			found, err := executions.Find(ctx, executions.FindInput{WorkflowID: wire.ServerWorkflowID(m.Name)})
			if err != nil || m.Run != was || m.final() || (found.Execution.Open && found.Execution.Run == was) {
				continue
			}
			if found.Execution.Run != was {
				p.settle(ctx, m, wire.MemberFailed, "its run has ended unheard, and another has begun since: see fermata history "+was)
				continue
			}
			p.ended(ctx, m, wire.Outcome(found.Execution.State), "")
		}
	}
}

// underWay are the servers whose runs go on, held or not.
func (p *fleet) underWay() []*member {
	var out []*member
	for _, m := range p.state.Members {
		if m.State == wire.MemberRunning || m.State == wire.MemberHeld {
			out = append(out, m)
		}
	}
	return out
}

// recallFor is how long a stopped fleet waits for its servers' runs to take back what they did.
const recallFor = 30 * time.Minute

// recall hands the command that stopped the fleet to the runs under way, which judge it themselves, and waits for their
// ends. What is in service stays: another run takes it out.
func (p *fleet) recall(ctx workflow.Context, _ operation.Op) error {
	command := p.stopCommand()
	if command != nil {
		for _, m := range p.underWay() {
			_ = workflow.SignalExternalWorkflow(ctx, wire.ServerWorkflowID(m.Name), "", wire.SignalFleetStop, *command).Get(ctx, nil)
		}
		if _, err := workflow.AwaitWithTimeout(ctx, recallFor, func() bool { return len(p.underWay()) == 0 }); err != nil {
			return err
		}
	}
	var done []*member
	for _, m := range p.state.Members {
		if m.State == wire.MemberDone {
			done = append(done, m)
		}
	}
	text := ""
	if len(done) > 0 {
		text = fmt.Sprintf("%s in service stay so: %s (fermata decommission takes one out)", servers(len(done)), named(done))
	}
	if going := p.underWay(); len(going) > 0 {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%s still under way: %s (fermata undo stops one)", servers(len(going)), named(going))
	}
	if text == "" {
		return nil
	}
	return fault.ForTemporal(fault.New(fault.Conflict, "%s", text))
}
