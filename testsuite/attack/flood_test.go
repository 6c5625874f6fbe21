package attack

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"fermata/decision"
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
	p := x.recorded(t, 2*half+1)
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
	require.Equal(t, 2*half+3, looked(p))
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
