package recorder

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// instances are the lives of an instance of a cloud.
func instances() []story {
	return []story{
		{"instance-done", func(t *testing.T, s *set) []execution { return s.ends(t, s.instance(t, nil), wire.Done) }},
		{"instance-undone", func(t *testing.T, s *set) []execution {
			return s.ends(t, s.instance(t, func(i *spec.Instance) {
				i.Spec.Application.Health.Path, i.Spec.Run.RetryFor, i.Spec.Run.OnFailure = "/no-such-page", spec.Duration(3*time.Second), spec.OnFailureUndo
			}), wire.Undone)
		}},
		{"instance-rotated", func(t *testing.T, s *set) []execution {
			s.Done(t, s.instance(t, func(i *spec.Instance) { i.Spec.Database.Overlap = spec.Duration(time.Second) }))
			r, err := client.RotateDatabasePassword("app-01")
			started := s.Begin(t, r, err)
			s.Approve(t, started)
			return s.ends(t, started, wire.Done)
		}},
		{"instance-dropped", func(t *testing.T, s *set) []execution {
			started := s.leave(t)
			s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Purge}, s.Requester)
			s.Until(t, started, "the drop's own approval", func(p wire.Progress) bool { _, open := p.Gate(decision.Approve, ""); return open })
			s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve}, s.Approver)
			return s.ends(t, started, wire.Done)
		}},
		{"instance-restored", func(t *testing.T, s *set) []execution {
			started := s.leave(t)
			s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Restore}, s.Requester)
			return s.ends(t, started, wire.Restored)
		}},
		{"plan-instance", func(t *testing.T, s *set) []execution {
			r, err := client.ProvisionInstance(instance(t))
			require.NoError(t, err)
			preview, err := s.Client.Plan(t.Context(), r)
			require.NoError(t, err)
			require.Empty(t, preview.Problems())
			return s.latest(t, wire.PlanInstance)
		}},
		{"expire-account", func(t *testing.T, s *set) []execution {
			at := time.Now().Add(20 * time.Second).UTC()
			s.Done(t, s.instance(t, func(i *spec.Instance) {
				i.Spec.Accounts.Local[0].Expires = spec.Time(at.Format("2006-01-02T15:04:05Z"))
			}))
			id := wire.ExpiryWorkflowID("instance/app-01", "local", "anna")
			require.NoError(t, s.Client.Temporal().GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
			return s.latest(t, wire.ExpireAccount)
		}},
	}
}

func instance(t *testing.T) *spec.Instance {
	t.Helper()
	file := filepath.Join(stage.Root(t), "examples", "instance.yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	i, err := spec.ParseInstance(file, data)
	require.NoError(t, err)
	return i
}

// instance begins to provision the example, and has it approved.
func (s *set) instance(t *testing.T, change func(*spec.Instance)) client.Started {
	t.Helper()
	i := instance(t)
	if change != nil {
		change(i)
	}
	r, err := client.ProvisionInstance(i)
	started := s.Begin(t, r, err)
	s.Approve(t, started)
	return started
}

// leave provisions the example and takes it out of service, up to the grace period.
func (s *set) leave(t *testing.T) client.Started {
	t.Helper()
	s.Done(t, s.instance(t, nil))
	r, err := client.DecommissionInstance("app-01", nil, spec.DatabaseDrop)
	started := s.Begin(t, r, err)
	s.Approve(t, started)
	s.Until(t, started, "the grace period", people.In(wire.Grace))
	return started
}
