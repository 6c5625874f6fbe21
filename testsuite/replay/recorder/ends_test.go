package recorder

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/sandbox/estate"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/wire"
)

// ends are runs that do not do what was asked.
func ends() []story {
	return []story{
		{"provision-denied", denied},
		{"provision-refused", func(t *testing.T, s *set) []execution {
			return s.ends(t, s.provision(t, func(server *spec.Server) { server.Spec.Compute.Template = "debian-13" }), wire.Refused)
		}},
		{"provision-lapsed", func(t *testing.T, s *set) []execution {
			return s.ends(t, s.provision(t, func(server *spec.Server) { server.Spec.Run.ApprovalDeadline = spec.Duration(time.Second) }), wire.Lapsed)
		}},
		{"provision-plan-changed", planChanged},
		{"provision-undone", undone},
		{"provision-undone-on-failure", func(t *testing.T, s *set) []execution {
			started := s.provision(t, impossible, func(server *spec.Server) { server.Spec.Run.OnFailure = spec.OnFailureUndo })
			s.Approve(t, started)
			return s.ends(t, started, wire.Undone)
		}},
		{"provision-cancelled", cancelled},
		{"provision-cancelled-while-waiting", func(t *testing.T, s *set) []execution {
			started := s.provision(t)
			s.Until(t, started, "the approval", people.In(wire.Waiting))
			s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Cancel}, s.Requester)
			return s.ends(t, started, wire.Cancelled)
		}},
		{"provision-cancelled-unsigned", cancelledUnsigned},
		{"provision-left-behind", leftBehind},
	}
}

// denied refuses two decisions before the one that counts.
func denied(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.provision(t)
	p := s.Until(t, started, "the approval", people.In(wire.Waiting))
	for _, d := range []client.Decision{
		{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: p.Preview.Hash},
		{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: p.Preview.Plan.Document},
	} {
		result, err := s.Client.Decide(t.Context(), d, s.Requester)
		require.NoError(t, err)
		require.False(t, result.Accepted)
	}
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Reject, Reason: "not this week"}, s.Approver)
	return s.ends(t, started, wire.Denied)
}

func planChanged(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.provision(t, impatient)
	s.Until(t, started, "the approval", people.In(wire.Waiting))
	s.faults[estate.Balancer].SetDown(true)
	s.Approve(t, started)
	return s.ends(t, started, wire.PlanChanged)
}

func undone(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.provision(t, impossible)
	s.Approve(t, started)
	s.Until(t, started, "a held step", people.In(wire.Held))
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Undo, Reason: "wrong version"}, s.Requester)
	return s.ends(t, started, wire.Undone)
}

// running lets the guest be slow, and returns while a step in it is under way.
func (s *set) running(t *testing.T) client.Started {
	t.Helper()
	s.faults[estate.Guests].Slow(2 * time.Second)
	started := s.provision(t)
	s.Approve(t, started)
	s.Until(t, started, "a step in the guest", func(p wire.Progress) bool {
		for _, step := range p.Steps {
			if step.ID == "system" && step.State == wire.StepRunning {
				return true
			}
		}
		return false
	})
	return started
}

func cancelled(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.running(t)
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Cancel, Reason: "not today"}, s.Requester)
	return s.ends(t, started, wire.Cancelled)
}

func cancelledUnsigned(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.running(t)
	require.NoError(t, s.Admin(t).Temporal().CancelWorkflow(t.Context(), started.WorkflowID, ""))
	return s.ends(t, started, wire.Cancelled)
}

// leftBehind undoes a run while the platform is away: the machine stays, and the ledger names it.
func leftBehind(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.provision(t, impossible, impatient)
	s.Approve(t, started)
	s.Until(t, started, "a held step", people.In(wire.Held))
	s.faults[estate.VCenter].SetDown(true)
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Undo}, s.Requester)
	x := s.ends(t, started, wire.Undone)
	s.faults[estate.VCenter].SetDown(false) // The worker logs out when it stops.
	p, err := s.Client.Progress(t.Context(), started.WorkflowID, "")
	require.NoError(t, err)
	require.NotEmpty(t, p.LeftBehind)
	return x
}
