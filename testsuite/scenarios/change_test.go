package scenarios

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/decision"
	"fermata/sandbox/estate/guest"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// older is the example with the application's older version.
func older(s *spec.Server) { s.Spec.Application.Package.Version = "1.1.0" }

// askFor starts whatever the client decides that the spec needs now.
func (b *bench) askFor(t *testing.T, change ...func(*spec.Server)) client.Started {
	t.Helper()
	r, err := b.Client.Ask(t.Context(), stage.WebServer(t, change...))
	return b.Begin(t, r, err)
}

// changed carries a change to its end.
func (b *bench) changed(t *testing.T, change ...func(*spec.Server)) wire.Progress {
	t.Helper()
	started := b.askFor(t, change...)
	b.Approve(t, started)
	p := b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Done, p.Outcome, p.Reason)
	require.Equal(t, wire.ChangeServer, p.Kind)
	return p
}

// inside is the guest of the machine that the run deployed.
func (b *bench) inside(t *testing.T, p wire.Progress) *guest.Machine {
	t.Helper()
	for _, s := range p.Steps {
		for _, line := range s.Result {
			if id, ok := strings.CutPrefix(line, "instance UUID "); ok {
				return b.Estate.Guest(id)
			}
		}
	}
	require.Fail(t, "no machine was deployed")
	return nil
}

// more asks for more of everything.
func more(s *spec.Server) {
	s.Spec.Compute.CPUs, s.Spec.Compute.Memory = 4, 8*spec.GiB
	s.Spec.Storage[0].Size = 30 * spec.GiB
	s.Spec.Storage = append(s.Spec.Storage, spec.Volume{Name: "logs", Size: 2 * spec.GiB, Filesystem: "ext4", Mount: "/srv/logs", Owner: "root", Mode: "0755"})
	s.Spec.OS.Packages = append(s.Spec.OS.Packages, "jq")
	s.Spec.OS.Files = append(s.Spec.OS.Files, spec.File{Path: "/etc/hello.txt", Content: "hello\n", Owner: "root", Mode: "0644"})
	s.Spec.Firewall = append(s.Spec.Firewall, spec.Rule{Name: "admin", From: []string{"10.9.0.0/16"}, Protocol: "tcp", Port: 22})
	s.Spec.LoadBalancer.Weight = 7
}

// A server's second day: nothing to do, more of everything, another version, drift, and its end.
func TestAServerIsChanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.snapshot(t)
	_, made := b.provision(t, older)

	nothing := b.askFor(t, older)
	p := b.Until(t, nothing, "an end", people.Ended)
	require.Equal(t, wire.Done, p.Outcome, p.Reason)
	require.Equal(t, wire.NothingToChange, p.Reason)
	require.Empty(t, p.Steps[:len(p.Steps)-1], "the record alone is written")

	p = b.changed(t, older, more)
	require.Contains(t, stepsOf(p), "aside resize", "the template takes no CPUs while it runs")
	compared, err := b.Client.Compare(t.Context(), "web-01")
	require.NoError(t, err)
	require.Empty(t, compared.Drifted())
	require.Empty(t, compared.Unread)
	require.Greater(t, len(compared.Items), 15)
	status, body := b.ask(t, "/healthz")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "1.1.0")

	b.changed(t, more) // The newer version.
	_, body = b.ask(t, "/healthz")
	require.Contains(t, body, "1.2.0")

	require.NoError(t, b.inside(t, made).WriteFile("/etc/hello.txt", []byte("theirs\n"), 0o644))
	compared, err = b.Client.Compare(t.Context(), "web-01")
	require.NoError(t, err)
	require.Len(t, compared.Drifted(), 1)
	require.Equal(t, "file /etc/hello.txt", compared.Drifted()[0].Object)
	p = b.changed(t, more)
	require.Equal(t, []string{"ticket", "reach", "files", "close", "record"}, strings.Fields(stepsOf(p)))

	r, err := client.Decommission("web-01", nil)
	leaving := b.Begin(t, r, err)
	b.Approve(t, leaving)
	b.Until(t, leaving, "the grace period", people.In(wire.Grace))
	b.Decide(t, client.Decision{WorkflowID: leaving.WorkflowID, Command: decision.Purge}, b.Approver)
	p = b.Until(t, leaving, "an end", people.Ended)
	require.Equal(t, wire.Done, p.Outcome, p.Reason)
	require.Equal(t, before, b.snapshot(t), "what was added later goes too")
	_, err = b.Client.Compare(t.Context(), "web-01")
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
}

func stepsOf(p wire.Progress) string {
	var ids []string
	for _, s := range p.Steps {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, " ")
}

// An update that does not answer is taken back before people are asked; what would shrink is refused.
func TestAnUpdateThatFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, made := b.provision(t, older)
	quick := func(s *spec.Server) { s.Spec.Run.RetryFor = spec.Duration(20 * time.Second) }
	held := func(started client.Started) string {
		b.Approve(t, started)
		p := b.Until(t, started, "a held step", people.In(wire.Held))
		gate, open := p.Gate(decision.Retry, "application")
		require.True(t, open)
		status, body := b.ask(t, "/healthz")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, "1.1.0", "the former version serves")
		require.Equal(t, []string{"web/web-01 UP"}, b.servers(t))
		b.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Undo}, b.Requester)
		p = b.Until(t, started, "an end", people.Ended)
		require.Equal(t, wire.Undone, p.Outcome)
		require.Empty(t, p.LeftBehind)
		return gate.Why
	}
	why := held(b.askFor(t, quick, func(s *spec.Server) { s.Spec.Application.Health.Contains = "never said" }))
	require.Contains(t, why, "the former version is back and answers, in the pool")
	why = held(b.askFor(t, quick, func(s *spec.Server) { s.Spec.Application.Config[0].Content = "port = none\n" }))
	require.Contains(t, why, "the former version is back and answers, in the pool")
	config, err := b.inside(t, made).ReadFile("/etc/hello-web/hello-web.conf")
	require.NoError(t, err)
	require.Contains(t, string(config), "name = web-01", "with its configuration")

	p := b.Until(t, b.askFor(t, older, func(s *spec.Server) { s.Spec.Compute.CPUs = 1 }), "an end", people.Ended)
	require.Equal(t, wire.Refused, p.Outcome)
	require.Contains(t, p.Reason, "compute.cpus: 1 instead of 2 would shrink it")
	compared, err := b.Client.Compare(t.Context(), "web-01")
	require.NoError(t, err)
	require.Empty(t, compared.Drifted())
}
