package stage

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/wire"
)

// Patience is how long Until waits. It is generous: machines that run tests are slow.
const Patience = 2 * time.Minute

// Begin starts a run as the requester. It takes what client.Provision and client.Decommission return.
func (s *Stage) Begin(t *testing.T, r client.Request, err error) client.Started {
	t.Helper()
	require.NoError(t, err)
	started, err := s.Client.Start(t.Context(), r, s.Requester)
	require.NoError(t, err)
	return started
}

// Until watches a run until the condition holds, and says where the run is if it never does.
func (s *Stage) Until(t *testing.T, started client.Started, what string, reached func(wire.Progress) bool) wire.Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	var last wire.Progress
	watching, enough := context.WithCancel(ctx)
	defer enough()
	_, _ = s.Client.Watch(watching, started.WorkflowID, "", func(p wire.Progress) {
		if p.Run != started.Run {
			return
		}
		last = p
		if reached(p) {
			enough()
		}
	}, func(error) {})
	if !reached(last) {
		for _, step := range last.Steps {
			t.Logf("%-24s %-10s %v %v attempt %d %s", step.ID, step.State, step.Reason, step.Result, step.Attempt, step.Doing)
		}
		if last.Preview != nil {
			t.Logf("observations: %+v", last.Preview.Observations)
		}
		require.FailNow(t, "the run did not come to: "+what, "phase %s, outcome %s, reason %q, gates %+v, left %v",
			last.Phase, last.Outcome, last.Reason, last.Gates, last.LeftBehind)
	}
	return last
}

// Decide sends a person's decision, which must count.
func (s *Stage) Decide(t *testing.T, d client.Decision, p client.Person) {
	t.Helper()
	result, err := s.Client.Decide(t.Context(), d, p)
	require.NoError(t, err)
	require.True(t, result.Accepted, result.Reason)
}

// Approve waits for the plan and approves what it shows.
func (s *Stage) Approve(t *testing.T, started client.Started) {
	t.Helper()
	p := s.Until(t, started, "waiting for the approval", func(p wire.Progress) bool { return p.Phase == wire.Waiting || Ended(p) })
	require.Equal(t, wire.Waiting, p.Phase, p.Reason)
	hash, err := client.Hash(p.Preview.Plan)
	require.NoError(t, err)
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: hash}, s.Approver)
}

// In is a condition for Until: the run is in the phase.
func In(phase wire.Phase) func(wire.Progress) bool {
	return func(p wire.Progress) bool { return p.Phase == phase }
}

// Ended is a condition for Until.
func Ended(p wire.Progress) bool { return p.Phase == wire.Ended }
