package recorder

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"

	"fermata/decision"
	"fermata/testsuite/people"
	"fermata/wire"
	"fermata/workflows/run"
)

func carried() []story {
	return []story{{"provision-continued", continued}}
}

// continued floods a waiting run with decisions that no gate takes, until it continues as new; then it is approved.
func continued(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.provision(t)
	s.Until(t, started, "the approval", people.In(wire.Waiting))
	s.flood(t, started.WorkflowID, s.stray(t), run.DefaultLimits().Updates)
	var next string
	require.Eventually(t, func() bool {
		d, err := s.Client.Temporal().DescribeWorkflowExecution(t.Context(), started.WorkflowID, "")
		require.NoError(t, err)
		next = d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
		return next != started.RunID
	}, time.Minute, 100*time.Millisecond, "the run did not continue as new")
	s.Approve(t, started)
	return append(s.ends(t, started, wire.Done), execution{started.WorkflowID, next})
}

// stray is well formed, small, and for a gate that nobody opened.
func (s *set) stray(t *testing.T) wire.Decide {
	t.Helper()
	hash, err := decision.Hash("nothing")
	require.NoError(t, err)
	envelope, err := decision.Envelope{
		Version: decision.Version, Cluster: "x", Namespace: "x", WorkflowID: "x", Run: "x", Gate: "x", Nonce: "x",
		Command: decision.Approve, Hash: hash, Person: "x", Issued: time.Unix(1, 0), Expires: time.Unix(2, 0),
	}.Canonical()
	require.NoError(t, err)
	return wire.Decide{Signed: decision.Signed{Envelope: envelope}}
}

// flood sends so many updates, ten at a time: more at once Temporal refuses.
func (s *set) flood(t *testing.T, id string, d wire.Decide, many int) {
	t.Helper()
	numbers := make(chan int)
	var group sync.WaitGroup
	errs := make([]error, many)
	for range 10 {
		group.Go(func() {
			for n := range numbers {
				handle, err := s.Client.Temporal().UpdateWorkflow(t.Context(), temporal.UpdateWorkflowOptions{
					WorkflowID: id, UpdateID: strconv.Itoa(n), UpdateName: wire.UpdateDecide, Args: []any{d},
					WaitForStage: temporal.WorkflowUpdateStageCompleted,
				})
				if err == nil {
					err = handle.Get(t.Context(), nil)
				}
				errs[n] = err
			}
		})
	}
	for n := range many {
		numbers <- n
	}
	close(numbers)
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}
