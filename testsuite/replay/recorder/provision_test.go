package recorder

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/sandbox/estate"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// soon is how long systems that are away are tried for: stories are not to last.
const soon = spec.Duration(6 * time.Second)

// provision starts the example.
func (s *set) provision(t *testing.T, change ...func(*spec.Server)) client.Started {
	t.Helper()
	r, err := client.Provision(stage.WebServer(t, change...))
	return s.Begin(t, r, err)
}

// ends waits for the end of a run and for the outcome that the story is about.
func (s *set) ends(t *testing.T, started client.Started, outcome wire.Outcome) []execution {
	t.Helper()
	p := s.Until(t, started, "an end", people.Ended)
	require.Equal(t, outcome, p.Outcome, "%s %v", p.Reason, p.LeftBehind)
	return of(started)
}

func (s *set) done(t *testing.T, change ...func(*spec.Server)) []execution {
	t.Helper()
	started := s.provision(t, change...)
	s.Approve(t, started)
	return s.ends(t, started, wire.Done)
}

func impatient(server *spec.Server) { server.Spec.Run.RetryFor = soon }

func impossible(server *spec.Server) { server.Spec.Application.Package.Version = "9.9.9" }

// bare leaves out everything that a spec may leave out.
func bare(server *spec.Server) {
	server.Spec.Storage, server.Spec.Firewall = nil, nil
	server.Spec.Application, server.Spec.LoadBalancer, server.Spec.Ticket = nil, nil, nil
	server.Spec.OS.Users, server.Spec.OS.Files = nil, nil
}

// pinned is a run whose plan tells versions of secrets, if only that there are none.
func pinned(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.provision(t)
	s.Approve(t, started)
	p := s.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Done, p.Outcome, "%s %v", p.Reason, p.LeftBehind)
	require.NotEmpty(t, p.Preview.Plan.Secrets)
	return of(started)
}

// provisions are runs that come to their end.
func provisions() []story {
	return []story{
		{"provision-done", func(t *testing.T, s *set) []execution { return s.done(t) }},
		{"provision-pinned", pinned},
		{"provision-bare", func(t *testing.T, s *set) []execution { return s.done(t, bare) }},
		{"provision-two-disks", func(t *testing.T, s *set) []execution {
			return s.done(t, func(server *spec.Server) {
				second := server.Spec.Storage[0]
				second.Name, second.Mount = "logs", "/srv/logs"
				server.Spec.Storage = append(server.Spec.Storage, second)
			})
		}},
		{"provision-approved-by-signal", bySignal},
		{"provision-lost-answers", lostAnswers},
		{"provision-restarted", restarted},
		{"provision-retried", retried},
		{"provision-skipped", skipped},
		{"provision-record-held", recordHeld},
	}
}

func bySignal(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.provision(t)
	p := s.Until(t, started, "the approval", people.In(wire.Waiting))
	gate, open := p.Gate(decision.Approve, "")
	require.True(t, open)
	signed, err := s.Client.Sign(p, gate, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: p.Preview.Hash}, s.Approver)
	require.NoError(t, err)
	require.NoError(t, s.Client.Temporal().SignalWorkflow(t.Context(), started.WorkflowID, "", wire.SignalDecide, wire.Decide{Signed: signed}))
	return s.ends(t, started, wire.Done)
}

// lostAnswers loses an answer of each system that says when it loses one.
func lostAnswers(t *testing.T, s *set) []execution {
	t.Helper()
	s.faults[estate.Tickets].LoseNext(1)
	started := s.provision(t)
	s.Until(t, started, "the approval", people.In(wire.Waiting))
	s.faults[estate.VCenter].LoseNext(1)
	s.faults[estate.Balancer].LoseNext(1)
	s.Approve(t, started)
	return s.ends(t, started, wire.Done)
}

// restarted stops everything while the run waits: the next worker has nothing but the history.
func restarted(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.provision(t)
	s.Until(t, started, "the approval", people.In(wire.Waiting))
	require.NoError(t, s.Close())
	s.Stage = s.begin()
	s.Approve(t, started)
	return s.ends(t, started, wire.Done)
}

func retried(t *testing.T, s *set) []execution {
	t.Helper()
	s.faults[estate.Guests].SetDown(true)
	started := s.provision(t, impatient)
	s.Approve(t, started)
	s.Until(t, started, "a held step", people.In(wire.Held))
	s.faults[estate.Guests].SetDown(false)
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Retry, Step: "reach"}, s.Requester)
	return s.ends(t, started, wire.Done)
}

// verifyHeld carries a run to its last check, which fails.
func (s *set) verifyHeld(t *testing.T) client.Started {
	t.Helper()
	started := s.provision(t, impatient, func(server *spec.Server) { server.Spec.LoadBalancer.VerifyContains = "something else" })
	s.Approve(t, started)
	s.Until(t, started, "a held step", people.In(wire.Held))
	return started
}

func skipped(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.verifyHeld(t)
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Skip, Step: "verify", Reason: "seen by eye"}, s.Requester)
	return s.ends(t, started, wire.Done)
}

// recordHeld puts a file where the records' folder was, and takes it away again.
func recordHeld(t *testing.T, s *set) []execution {
	t.Helper()
	started := s.verifyHeld(t)
	records := filepath.Join(s.folder, "records")
	require.NoError(t, os.Rename(records, records+".away"))
	require.NoError(t, os.WriteFile(records, nil, 0o600))
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Skip, Step: "verify"}, s.Requester)
	s.Until(t, started, "the record's gate", func(p wire.Progress) bool {
		_, open := p.Gate(decision.Retry, "record")
		return open
	})
	require.NoError(t, os.Remove(records))
	require.NoError(t, os.Rename(records+".away", records))
	s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Retry, Step: "record"}, s.Requester)
	return s.ends(t, started, wire.Done)
}
