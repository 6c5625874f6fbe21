package scenarios

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/record"
	"fermata/client"
	"fermata/decision"
	"fermata/sandbox"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/faults"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// provision carries the example to its end.
func (b *bench) provision(t *testing.T, change ...func(*spec.Server)) (client.Started, wire.Progress) {
	t.Helper()
	r, err := client.Provision(stage.WebServer(t, change...))
	started := b.Begin(t, r, err)
	b.Approve(t, started)
	p := b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Done, p.Outcome, p.Reason)
	return started, p
}

func TestAServerIsProvisionedAndDecommissioned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.snapshot(t)
	status, _ := b.ask(t, "/healthz")
	require.Equal(t, http.StatusServiceUnavailable, status, "the pool is empty before")

	started, p := b.provision(t)
	b.judgeProvisioned(t, started, p)

	decommission, err := client.Decommission("web-01", nil)
	leaving := b.Begin(t, decommission, err)
	b.Approve(t, leaving)
	p = b.Until(t, leaving, "the grace period", people.In(wire.Grace))
	status, _ = b.ask(t, "/healthz")
	require.Equal(t, http.StatusServiceUnavailable, status, "out of service")
	require.Contains(t, strings.Join(b.machines(t), "\n"), "web-01-retired poweredOff")
	require.Eventually(t, func() bool {
		runs, err := b.Client.List(t.Context(), client.Filter{Run: leaving.Run})
		require.NoError(t, err)
		return len(runs) == 1 && slices.Equal(runs[0].WaitingFor, []string{"grace"})
	}, 10*time.Second, 50*time.Millisecond, "a list shows what the run waits for")

	b.Decide(t, client.Decision{WorkflowID: leaving.WorkflowID, Command: decision.Restore}, b.Requester)
	p = b.Until(t, leaving, "an end", people.Ended)
	require.Equal(t, wire.Restored, p.Outcome, "%s %v", p.Reason, p.LeftBehind)
	require.Empty(t, p.LeftBehind)
	require.Eventually(t, func() bool {
		status, body := b.ask(t, "/healthz")
		return status == 200 && strings.Contains(body, "1.2.0")
	}, 30*time.Second, 100*time.Millisecond)

	again, err := client.Decommission("web-01", nil)
	last := b.Begin(t, again, err)
	b.Approve(t, last)
	b.Until(t, last, "the grace period", people.In(wire.Grace))
	b.Decide(t, client.Decision{WorkflowID: last.WorkflowID, Command: decision.Purge}, b.Approver)
	p = b.Until(t, last, "an end", people.Ended)
	require.Equal(t, wire.Done, p.Outcome, p.Reason)
	after := b.snapshot(t)
	require.Equal(t, before, after, "nothing of it is left")
	for _, ticket := range b.Estate.Tickets.Tickets() {
		require.Contains(t, []string{"resolved", "rejected"}, ticket.Status, "ticket %d is open", ticket.ID)
	}
}

func (b *bench) judgeProvisioned(t *testing.T, started client.Started, p wire.Progress) {
	t.Helper()
	status, body := b.ask(t, "/healthz")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ok hello-web 1.2.0 web-01\n", body)
	require.Equal(t, []string{"web/web-01 UP"}, b.servers(t))

	tickets := b.Estate.Tickets.Tickets()
	require.Len(t, tickets, 1)
	require.Equal(t, "resolved", tickets[0].Status)
	require.Contains(t, tickets[0].Fields["Fermata Key"], started.Run)

	out, err := b.Client.Records(t.Context(), record.FindInput{Owner: "server/web-01"}, true)
	require.NoError(t, err)
	require.Len(t, out.Entries, 1)
	require.Equal(t, 1, out.Verified)
	require.Contains(t, string(out.Entries[0].Record), p.Preview.Hash)

	secret, err := os.ReadFile(b.secret("web-01-session-key"))
	require.NoError(t, err)
	require.NotContains(t, string(out.Entries[0].Record), string(secret))
}

func TestLostAnswersFailuresAndDelaysMakeNothingTwice(t *testing.T) {
	t.Parallel()
	troubled := func() *faults.Faults {
		f, err := faults.Parse("slow=20ms,fail=7,lose=5")
		require.NoError(t, err)
		return f
	}
	b := setup(t, func(o *sandbox.Options) {
		o.Faults = map[string]*faults.Faults{estate.VCenter: troubled(), estate.Balancer: troubled(), estate.Tickets: troubled()}
	})
	started, _ := b.provision(t)
	require.Len(t, b.machinesNamed(t, "web-01"), 1)
	require.Equal(t, []string{"web/web-01 UP"}, b.servers(t))
	require.Equal(t, 1, strings.Count(b.snapshot(t).Saved, started.Run))
	open := 0
	for _, ticket := range b.Estate.Tickets.Tickets() {
		if ticket.Status == "resolved" {
			open++
		}
	}
	require.Equal(t, 1, open, "one ticket tells the story; a copy, if a lost answer made one, is rejected")
}

func (b *bench) machinesNamed(t *testing.T, name string) []string {
	t.Helper()
	var out []string
	for _, m := range b.machines(t) {
		if strings.HasPrefix(m, name) {
			out = append(out, m)
		}
	}
	return out
}

func TestAFailedStepIsHeldAndUndoTakesEverythingBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.snapshot(t)
	r, err := client.Provision(stage.WebServer(t, func(s *spec.Server) { s.Spec.Application.Package.Version = "9.9.9" }))
	started := b.Begin(t, r, err)
	b.Approve(t, started)
	p := b.Until(t, started, "a held step", people.In(wire.Held))
	gate, open := p.Gate(decision.Retry, "application")
	require.True(t, open)
	require.Contains(t, gate.Why, "9.9.9")

	b.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Retry, Step: "application"}, b.Requester)
	b.Until(t, started, "held again", func(p wire.Progress) bool {
		for _, s := range p.Steps {
			if s.ID == "application" && s.Tries == 2 && s.State == wire.StepHeld {
				return p.Phase == wire.Held
			}
		}
		return false
	})

	b.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Undo, Reason: "wrong version"}, b.Requester)
	p = b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Undone, p.Outcome)
	require.Empty(t, p.LeftBehind)
	require.Equal(t, before, b.snapshot(t))
	require.Equal(t, "rejected", b.Estate.Tickets.Tickets()[0].Status)
}

func TestDecisionsThatDoNotCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r, err := client.Provision(stage.WebServer(t))
	started := b.Begin(t, r, err)
	p := b.Until(t, started, "waiting", people.In(wire.Waiting))

	own, err := b.Client.Decide(t.Context(), client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: p.Preview.Hash}, b.Requester)
	require.NoError(t, err)
	require.False(t, own.Accepted, "four eyes")
	require.Contains(t, own.Reason, "somebody else")

	other, err := b.Client.Decide(t.Context(), client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: "sha256:" + strings.Repeat("0", 64)}, b.Approver)
	require.NoError(t, err)
	require.False(t, other.Accepted, "another plan's hash")

	forged, err := b.Client.Decide(t.Context(), client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: p.Preview.Hash},
		client.Person{Name: sandbox.Approver, Signer: b.Requester.Signer})
	require.NoError(t, err)
	require.False(t, forged.Accepted, "somebody else's key")

	_, err = b.Client.Start(t.Context(), r, b.Approver)
	require.True(t, fault.Is(err, fault.Conflict), "the target is busy: %v", err)
	require.ErrorContains(t, err, sandbox.Requester)

	b.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Reject, Reason: "not this week"}, b.Approver)
	p = b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Denied, p.Outcome)
	require.Len(t, p.Decisions, 5, "the start, three refusals and the rejection are all recorded")
	require.Empty(t, b.machinesNamed(t, "web-01"), "nothing was done")
}

func TestPlanRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r, err := client.Provision(stage.WebServer(t, func(s *spec.Server) {
		s.Spec.Compute.Template = "debian-13"
		s.Spec.LoadBalancer.Backend = "wep"
		s.Spec.OS.Files[1].Secret = "secret://file/not-there"
	}))
	require.NoError(t, err)
	preview, err := b.Client.Plan(t.Context(), r)
	require.NoError(t, err)
	text := ""
	for _, o := range preview.Problems() {
		text += o.Name + ": " + o.Text + "\n"
	}
	require.Contains(t, text, "debian-13")
	require.Contains(t, text, "wep")
	require.Contains(t, text, "not-there")
}
