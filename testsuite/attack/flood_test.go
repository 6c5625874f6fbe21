package attack

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"golang.org/x/sync/errgroup"

	"fermata/decision"
	"fermata/wire"
)

// flood sends 3,000 forged decisions, half by update and half by signal; then good ones count.
func flood(t *testing.T, s *siege) {
	const half = 1500
	x := s.ask(t, "web-26", "10.20.0.126")
	f := x.forge(t, decision.Approve)
	forged := make([]decision.Signed, 2*half)
	for i := range forged {
		forged[i] = f.with(dave, f.canonical(f.envelope(bob, func(e *decision.Envelope) { e.Reason = fmt.Sprint("forged ", i) })))
	}
	began := time.Now()
	var again atomic.Int64
	var senders errgroup.Group
	senders.SetLimit(12)
	for i := range half {
		senders.Go(func() error { return x.insist(t, forged[i], &again) })
		senders.Go(func() error { return x.signal(t, forged[half+i]) })
	}
	require.NoError(t, senders.Wait())
	p, sent := x.counted(t)
	require.GreaterOrEqual(t, sent, 2*half, "every one was taken")
	require.LessOrEqual(t, sent, 2*half+int(again.Load()), "but those that were sent again, none was taken twice")
	t.Logf("3,000 forged decisions were refused within %s; %d updates were asked to come again, as the run continued as new",
		time.Since(began).Round(100*time.Millisecond), again.Load())
	require.NotEqual(t, x.RunID, s.latest(t, x.WorkflowID), "the run went on in a new execution")
	gate, open := p.Gate(decision.Approve, "")
	require.True(t, open)
	require.Equal(t, f.gate.Nonce, gate.Nonce, "what was signed before still counts")
	x.untouched(t, nil)

	result, err := x.update(t, f.signed(bob))
	require.NoError(t, err)
	require.True(t, result.Accepted, result.Reason)
	require.NoError(t, x.signal(t, f.signed(erin)))
	p = s.Done(t, x.Started)
	require.Equal(t, 1+sent+2, looked(p))
}

// counted waits until the run has looked at its start and at every message that Temporal has taken for it, once. Temporal can
// have taken an update that it answers with an error, as the run continues as new: then it is sent, taken and refused again.
func (x *target) counted(t *testing.T) (p wire.Progress, sent int) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		p, sent = x.progress(t), x.taken(t)
		require.Equal(c, 1+sent, looked(p))
	}, soon, 100*time.Millisecond)
	return p, sent
}

// taken counts the decisions in the histories of all executions of the run.
func (x *target) taken(t *testing.T) (n int) {
	t.Helper()
	for id := x.RunID; id != ""; {
		history := x.Client.Temporal().GetWorkflowHistory(t.Context(), x.WorkflowID, id, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		id = ""
		for history.HasNext() {
			e, err := history.Next()
			require.NoError(t, err)
			switch e.GetEventType() { //nolint:exhaustive // Those that carry what somebody sent, and the last.
			case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
				n++
			case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
				if e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == wire.SignalDecide { // Not the guard's answer.
					n++
				}
			case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
				id = e.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
			}
		}
	}
	return n
}

// insist sends an update until the run takes it: while it continues as new it asks to send it again.
func (x *target) insist(t *testing.T, d decision.Signed, again *atomic.Int64) error {
	for {
		result, err := x.Client.Send(t.Context(), x.WorkflowID, d)
		switch {
		case err == nil && result.Code == decision.CodeSigner:
			return nil
		case err == nil:
			return fmt.Errorf("a forged decision was answered with %+v", result)
		case !comesAgain(err):
			return err
		}
		again.Add(1)
	}
}

// comesAgain are the answers after which an update is to be sent again, the run's own and those of Temporal.
func comesAgain(err error) bool {
	for _, text := range []string{"send the decision again", "workflow update was aborted", "unexpected workflow task failure"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

func (s *siege) latest(t *testing.T, workflowID string) string {
	t.Helper()
	d, err := s.Client.Temporal().DescribeWorkflowExecution(t.Context(), workflowID, "")
	require.NoError(t, err)
	return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}
