package recorder

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/sandbox"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// governed are runs under a policy file: they ask the guard, and tell people.
func governed() []story {
	return []story{
		{"provision-governed", func(t *testing.T, s *set) []execution {
			s.govern(t, sandbox.DefaultPolicy)
			r, err := client.Provision(stage.WebServer(t))
			started := s.Begin(t, r, err)
			s.Approve(t, started)
			s.Done(t, started)
			return append(of(started), s.latest(t, wire.SendNotice)...)
		}},
		{"emergency-stopped", func(t *testing.T, s *set) []execution {
			s.govern(t, sandbox.DefaultPolicy)
			r, err := client.Provision(stage.WebServer(t))
			_, stopErr := s.Client.StopAutomation(t.Context(), "a bad release", s.Approver)
			require.NoError(t, stopErr)
			started := s.Begin(t, r.Because("the site is down").Emergency(), err)
			s.Until(t, started, "being stopped", func(p wire.Progress) bool { return p.Stopped != nil })
			_, err = s.Client.ResumeAutomation(t.Context(), "mended", s.Approver)
			require.NoError(t, err)
			s.Until(t, started, "its review", func(p wire.Progress) bool { return p.Phase == wire.Waiting })
			s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve}, s.Approver)
			s.Done(t, started)
			// The guard never ends by itself.
			require.NoError(t, s.Admin(t).Temporal().CancelWorkflow(t.Context(), wire.GuardWorkflowID(), ""))
			return append(of(started), execution{id: wire.GuardWorkflowID()})
		}},
	}
}

// govern starts the sandbox anew, with a policy file.
func (s *set) govern(t *testing.T, policy string) {
	t.Helper()
	require.NoError(t, s.Close())
	s.policy = policy
	s.Stage = s.begin()
}
