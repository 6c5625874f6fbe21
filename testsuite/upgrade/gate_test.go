package upgrade

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"fermata/activities/record"
	"fermata/client"
	"fermata/decision"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/faults"
	"fermata/spec"
	"fermata/testsuite/judge"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// gate is a sandbox whose worker is a process of its own, and the runs that are parked.
type gate struct {
	*stage.Stage
	faults    *faults.Faults // Of the guests.
	approval  client.Started // Waits for people.
	approve   wire.Decide    // What they answer.
	held      client.Started // One of its steps failed.
	grace     client.Started // A decommission whose server is kept for a while.
	reference []string       // What the systems hold of a server that nobody disturbed.
}

func (g *gate) guests() map[string]*faults.Faults {
	g.faults = &faults.Faults{}
	return map[string]*faults.Faults{estate.Guests: g.faults}
}

func (g *gate) parked() []client.Started { return []client.Started{g.approval, g.held, g.grace} }

// server starts the example under another name and address.
func (g *gate) server(t *testing.T, name, address string) client.Started {
	t.Helper()
	r, err := client.Provision(stage.Server(t, name, address, func(s *spec.Server) {
		s.Spec.Run.RetryFor = spec.Duration(3 * time.Second) // So that a step is held soon.
	}))
	return g.Begin(t, r, err)
}

// park brings a run to each place where it may wait for days.
func (g *gate) park(t *testing.T) {
	t.Helper()
	first := g.server(t, "web-03", "10.20.0.13")
	g.Approve(t, first)
	p := g.Until(t, first, "an end", people.Ended)
	require.Equal(t, wire.Done, p.Outcome, p.Reason)
	require.Eventually(t, func() bool {
		g.reference = g.facts(t, "web-03", "10.20.0.13")
		return strings.Contains(strings.Join(g.reference, "\n"), " UP ")
	}, time.Minute, 100*time.Millisecond)
	hour := time.Hour
	r, err := client.Decommission("web-03", &hour)
	g.grace = g.Begin(t, r, err)
	g.Approve(t, g.grace)
	g.Until(t, g.grace, "the grace period", people.In(wire.Grace))

	g.faults.SetDown(true)
	g.held = g.server(t, "web-02", "10.20.0.12")
	g.Approve(t, g.held)
	g.Until(t, g.held, "a held step", people.In(wire.Held))
	g.approval = g.server(t, "web-01", "10.20.0.11")
	p = g.Until(t, g.approval, "the approval", people.In(wire.Waiting))
	waiting, open := p.Gate(decision.Approve, "")
	require.True(t, open)
	signed, err := g.Client.Sign(p, waiting, client.Decision{WorkflowID: g.approval.WorkflowID, Command: decision.Approve, Hash: p.Preview.Hash}, g.Approver)
	require.NoError(t, err)
	g.approve = wire.Decide{Signed: signed}
}

// approveBySignal sends the approval of the plan that was shown, to a run that no worker can carry just now.
func (g *gate) approveBySignal(t *testing.T) {
	t.Helper()
	require.NoError(t, g.Client.Temporal().SignalWorkflow(t.Context(), g.approval.WorkflowID, "", wire.SignalDecide, g.approve))
}

// ask lets the worker replay the run, as every question does, and returns what it could not. On a busy machine the answer
// may take longer than a person would wait.
func (g *gate) ask(t *testing.T, started client.Started) (err error) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err = g.Client.Progress(t.Context(), started.WorkflowID, started.RunID)
		return err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error())
	}, 2*time.Minute, 100*time.Millisecond, "nobody answers for %s", started.WorkflowID)
	return err
}

// refusedToGoOn reports whether a worker found that its build takes another way than the run did.
func (g *gate) refusedToGoOn(t *testing.T, started client.Started) bool {
	t.Helper()
	found := false
	events := g.Client.Temporal().GetWorkflowHistory(t.Context(), started.WorkflowID, started.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(t, err)
		found = found || e.GetWorkflowTaskFailedEventAttributes().GetCause() == enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
	}
	return found
}

func (g *gate) status(t *testing.T, started client.Started) enumspb.WorkflowExecutionStatus {
	t.Helper()
	d, err := g.Client.Temporal().DescribeWorkflowExecution(t.Context(), started.WorkflowID, started.RunID)
	require.NoError(t, err)
	return d.GetWorkflowExecutionInfo().GetStatus()
}

// carriers lists the builds that carried a run, in their order.
func (g *gate) carriers(t *testing.T, started client.Started) []string {
	t.Helper()
	var builds []string
	events := g.Client.Temporal().GetWorkflowHistory(t.Context(), started.WorkflowID, started.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(t, err)
		if a := e.GetWorkflowTaskCompletedEventAttributes(); a != nil {
			builds = append(builds, a.GetWorkerVersion().GetBuildId()) //nolint:staticcheck // Unversioned workers tell their build here.
		}
	}
	return slices.Compact(builds)
}

// judgeOnce looks that every run did its work once: executions, records, and what the systems hold.
func (g *gate) judgeOnce(t *testing.T) {
	t.Helper()
	for id, times := range map[string]int{"server/web-01": 1, "server/web-02": 1, "server/web-03": 2} {
		require.Eventually(t, func() bool {
			out, err := g.Client.Temporal().ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
				Query: "WorkflowId = '" + id + "' AND ExecutionStatus = 'Completed'",
			})
			require.NoError(t, err)
			return len(out.GetExecutions()) == times
		}, 30*time.Second, 100*time.Millisecond, "%s did not run %d times", id, times)
	}
	out, err := g.Client.Records(t.Context(), record.FindInput{Owner: "server/web-01"}, true)
	require.NoError(t, err)
	require.Equal(t, 4, out.Verified, "records in the chain")
	for name, address := range map[string]string{"web-01": "10.20.0.11", "web-02": "10.20.0.12"} {
		var verdict judge.Verdict
		require.Eventually(t, func() bool {
			verdict = judge.Compare(g.reference, g.facts(t, name, address))
			return verdict.Good()
		}, time.Minute, 100*time.Millisecond, "%s: %s", name, &verdict)
	}
	left := g.facts(t, "web-03", "10.20.0.13")
	require.Len(t, left, 4, "two tickets and two records are all that is left of a decommissioned server: %q", left)
	for _, fact := range left {
		require.Regexp(t, `^(ticket .*\bresolved\b|record: .*\bdone, 0 left behind)`, fact)
	}
}

// facts are what the systems hold of a server, but for what a ticket tells: that differs with what people decided.
func (g *gate) facts(t *testing.T, name, address string) []string {
	t.Helper()
	facts, err := (&judge.Judge{Estate: g.Estate, Folder: g.Folder}).Facts(t.Context(), name, address)
	require.NoError(t, err)
	return slices.DeleteFunc(facts, func(fact string) bool { return strings.HasPrefix(fact, "note ") })
}
