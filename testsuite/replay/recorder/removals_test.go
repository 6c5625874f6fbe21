package recorder

import (
	"testing"
	"time"

	"fermata/client"
	"fermata/decision"
	"fermata/testsuite/people"
	"fermata/wire"
)

// removals are decommissions of a server that was provisioned before.
func removals() []story {
	return []story{
		{"decommission-purged", func(t *testing.T, s *set) []execution {
			return s.answered(t, decision.Purge, wire.Done)
		}},
		{"decommission-restored", func(t *testing.T, s *set) []execution {
			return s.answered(t, decision.Restore, wire.Restored)
		}},
		{"decommission-undone", func(t *testing.T, s *set) []execution {
			return s.answered(t, decision.Undo, wire.Undone)
		}},
		{"decommission-grace-passed", func(t *testing.T, s *set) []execution {
			return s.ends(t, s.decommission(t, 2*time.Second), wire.Done)
		}},
	}
}

// decommission provisions the example and begins to take it out of service.
func (s *set) decommission(t *testing.T, grace time.Duration) client.Started {
	t.Helper()
	s.done(t)
	r, err := client.Decommission("web-01", &grace)
	started := s.Begin(t, r, err)
	s.Approve(t, started)
	return started
}

// answered ends the grace period by a command.
func (s *set) answered(t *testing.T, c decision.Command, outcome wire.Outcome) []execution {
	t.Helper()
	started := s.decommission(t, time.Hour)
	s.Until(t, started, "the grace period", people.In(wire.Grace))
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: c}, s.Requester)
	return s.ends(t, started, outcome)
}
