package scenarios

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/sandbox"
	"fermata/spec"
	"fermata/starter"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// governing is a policy with a rule for each kind of change.
const governing = `apiVersion: fermata/v1
kind: Policy
metadata: {name: test}
spec:
  groups:
    people: {members: ["*@sandbox"], notify: [{system: mail, to: on-call@sandbox}, {system: hooks}]}
    lost: {members: [approver@sandbox], notify: [{system: mail, to: nobody@sandbox}]}
  automation: {stop: [people]}
  rules:
    - {name: routine, match: {environments: [routine]}, change: standard, may: {start: [people], operate: [lost]}}
    - name: others
      may: {start: [people], approve: [people], operate: [people]}
      emergency: {by: [people], review: [people], within: 1h}
  limits:
    - {name: pair, match: {environments: [routine]}, changesPerHour: 2}
`

func inEnvironment(name string) func(*spec.Server) {
	return func(s *spec.Server) { s.Metadata.Environment = name }
}

// delivered are the notices that arrived at a system, as text.
func (b *bench) delivered(t *testing.T, system string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(b.Folder, "estate", system), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !(strings.HasSuffix(path, ".eml") || strings.HasSuffix(path, ".json")) {
			return err
		}
		text, err := os.ReadFile(path)
		out = append(out, string(text))
		return err
	})
	require.NoError(t, err)
	return out
}

func (b *bench) until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	require.Eventually(t, reached, b.Patience, 50*time.Millisecond, what)
}

// Each kind of change on a real server: a normal one tells people by mail and webhook, a standard one waits for nobody, an
// emergency acts first and is reviewed, a limit makes the third of an hour wait, and automation is stopped and goes on.
func TestARunUnderAPolicy(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *sandbox.Options) { o.Policy = governing })

	_, p := b.provision(t)
	require.Equal(t, "others", p.Policy.Rule)
	require.Equal(t, sandbox.Approver, p.Policy.Approved)
	require.Equal(t, 1, p.Policy.Permit)
	for _, system := range []string{"mail", "hooks"} {
		b.until(t, "two notices by "+system, func() bool { return len(b.delivered(t, system)) == 2 })
		all := strings.Join(b.delivered(t, system), "\n")
		require.Contains(t, all, "waits for a decision")
		require.Contains(t, all, "is done")
	}

	// Two standard changes go through; who is told of the end cannot be reached, which holds nothing and is shown.
	for n, name := range []string{"web-02", "web-03"} {
		r, err := client.Provision(stage.Server(t, name, "10.20.0.1"+string(rune('2'+n)), inEnvironment("routine")))
		p = b.Done(t, b.Begin(t, r, err))
		require.Contains(t, p.Policy.Approved, `a standard change: approved beforehand by rule "routine"`)
	}
	b.until(t, "the notice is shown as failed", func() bool {
		now, err := b.Client.Progress(t.Context(), "server/web-03", "")
		require.NoError(t, err)
		return len(now.Notices) == 1 && now.Notices[0].State == wire.NoticeFailed
	})

	b.verified(t, "server/web-01", "server/web-03")

	// The third of an hour waits, and can be cancelled.
	r, err := client.Provision(stage.Server(t, "web-04", "10.20.0.14", inEnvironment("routine")))
	third := b.Begin(t, r, err)
	b.Until(t, third, "waiting for the limit", func(p wire.Progress) bool { return strings.Contains(p.Waits, `limit "pair"`) })
	state, err := b.Client.Automation(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{"pair": 2}, state.LastHour)
	b.Decide(t, client.Decision{WorkflowID: third.WorkflowID, Command: decision.Cancel}, b.Approver)
	b.Until(t, third, "its end", people.Ended)
}

func TestAnEmergencyAndAStop(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *sandbox.Options) { o.Policy = governing })
	stopped, err := b.Client.StopAutomation(t.Context(), "a bad release", b.Approver)
	require.NoError(t, err)
	require.True(t, stopped.Accepted, stopped.Reason)

	r, err := client.Provision(stage.WebServer(t))
	started := b.Begin(t, r.Because("the site is down").Emergency(), err)
	p := b.Until(t, started, "being stopped", func(p wire.Progress) bool { return p.Stopped != nil })
	require.Equal(t, sandbox.Approver, p.Stopped.By)
	for _, s := range p.Steps {
		require.Equal(t, wire.StepWaiting, s.State, s.ID)
	}
	require.Empty(t, b.machines(t))
	require.Empty(t, b.Estate.Tickets.Tickets())

	again, err := b.Client.StopAutomation(t.Context(), "", b.Approver)
	require.ErrorContains(t, err, "in that state already", "%+v", again)
	resumed, err := b.Client.ResumeAutomation(t.Context(), "mended", b.Requester)
	require.NoError(t, err)
	require.True(t, resumed.Accepted, resumed.Reason)

	p = b.Until(t, started, "its review", func(p wire.Progress) bool {
		_, open := p.Gate(decision.Approve, "")
		return open && p.Phase == wire.Waiting
	})
	status, _ := b.ask(t, "/healthz")
	require.Equal(t, 200, status, "it has acted")
	require.Equal(t, "an emergency change, not reviewed yet", p.Policy.Review)
	own, err := b.Client.Decide(t.Context(), client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve}, b.Requester)
	require.NoError(t, err)
	require.Equal(t, "four_eyes", own.Code)
	b.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve}, b.Approver)
	p = b.Done(t, started)
	require.Equal(t, "an emergency change, reviewed and accepted by "+sandbox.Approver, p.Reason)
	b.verified(t, "server/web-01")
}

// verified asks `fermata history`, which verifies every signature and hash again.
func (b *bench) verified(t *testing.T, targets ...string) {
	t.Helper()
	for _, target := range targets {
		var out bytes.Buffer
		app := starter.New()
		app.Writer, app.ErrWriter = &out, &out
		require.NoError(t, app.RunContext(t.Context(), []string{"fermata", "--config", b.Config, "history", target}), out.String())
		require.Contains(t, out.String(), "are found as they are recorded")
	}
}
