package starter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/decision"
	"fermata/wire"
)

const site = `apiVersion: fermata/v1
kind: Policy
metadata: {name: lab}
spec:
  groups:
    people: {members: ["*@estate.test"]}
    managers: {members: [bob@estate.test]}
  machines: [night@estate.test]
  rules:
    - name: lab
      match: {environments: [lab]}
      may: {start: [people], approve: [people], operate: [managers]}
      approval: {quorum: 2, deadline: 8h, escalate: {after: 4h, to: [managers]}}
      emergency: {by: [people], review: [managers], within: 24h}
    - {name: other, may: {start: [managers], approve: [people]}}
  limits:
    - {name: hourly, match: {environments: [lab]}, changesPerHour: 5}
`

// example is a spec that the repository ships.
var example = filepath.Join("..", "examples", "web-server.yaml")

func TestPolicyTestSaysWhoCouldApprove(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "policy.yaml", site)
	out, _, code := d.run(t, "policy", "test", example)
	require.Equal(t, 0, code, out)
	for _, want := range []string{
		"rule    lab, a normal change", "approve    people (bob@estate.test)", "needs 2 approval(s), none by the requester, within 8h",
		"after 4h also managers (bob@estate.test)", "limit hourly: 5 changes within an hour",
	} {
		require.Contains(t, out, want)
	}
	out, _, code = d.run(t, "policy", "test", "--emergency", example)
	require.Equal(t, 0, code)
	require.Contains(t, out, "acts first; reviewed within 24h by managers")
}

func TestPolicyTestSaysWhetherADecisionWouldCount(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "policy.yaml", site)
	keys, err := os.ReadFile(filepath.Join(d.folder, "allowed_signers"))
	require.NoError(t, err)
	d.write(t, "allowed_signers", strings.Replace(string(keys), "bob@estate.test", "*@estate.test,!dan@estate.test,eve@example", 1))
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"yes":            {[]string{"--person", "carol@estate.test"}, 0, "it would count; 2 people must approve"},
		"other command":  {[]string{"--person", "bob@estate.test", "--command", "retry"}, 0, "it would count"},
		"the requester":  {[]string{"--person", "carol@estate.test", "--requester", "Carol@estate.test"}, exitRefused, "somebody else must approve"},
		"a stranger":     {[]string{"--person", "eve@example"}, exitRefused, `eve@example may not approve: rule "lab" lets people`},
		"without a key":  {[]string{"--person", "dan@estate.test"}, exitRefused, "allowed_signers is for dan@estate.test"},
		"a machine":      {[]string{"--person", "night@estate.test"}, exitRefused, "machines may start and cancel"},
		"not steering":   {[]string{"--person", "carol@estate.test", "--command", "purge"}, exitRefused, "lets managers"},
		"no such word":   {[]string{"--person", "carol@estate.test", "--command", "aprove"}, exitInvalid, "no command"},
		"needs a run":    {[]string{"--envelope", "x.json"}, exitInvalid, "--envelope needs a RUN"},
		"no such policy": {[]string{"--policy", "none.yaml"}, exitInvalid, "reading the policy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errors, code := d.run(t, append(append([]string{"policy", "test"}, c.args...), example)...)
			require.Equal(t, c.code, code, errors)
			require.Contains(t, out+errors, c.want)
		})
	}
}

// The answer is that of the run: who asked may approve where the rule says so, and never reviews an emergency.
func TestPolicyTestKnowsFourEyes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "policy.yaml", strings.Replace(site, "quorum: 2,", "quorum: 2, fourEyes: false,", 1))
	self := []string{"policy", "test", "--requester", "bob@estate.test", "--person", "bob@estate.test"}
	out, _, code := d.run(t, append(self, example)...)
	require.Equal(t, 0, code, out)
	_, errors, code := d.run(t, append(self, "--emergency", example)...)
	require.Equal(t, exitRefused, code)
	require.Contains(t, errors, "somebody else must approve it")
}

func TestPolicyTestOfARun(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "policy.yaml", site)
	d.planned(t)
	_, errors, code := d.run(t, "policy", "test", "web-01")
	require.Equal(t, exitInvalid, code)
	require.Contains(t, errors, "runs without a policy file")
	d.progress.Facts = &decision.Facts{Kind: wire.ProvisionServer, Requester: "carol@estate.test"}
	out, _, code := d.run(t, "policy", "test", "web-01")
	require.Equal(t, 0, code)
	require.Contains(t, out, "rule    other")
}

func TestPolicyCheckReportsPlaces(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "policy.yaml", site)
	out, _, code := d.run(t, "policy", "check", filepath.Join(d.folder, "policy.yaml"))
	require.Equal(t, 0, code)
	require.Contains(t, out, "is fine: sha256:")
	d.write(t, "bad.yaml", site+"    - {name: other, changesPerHour: 0}\n    - {name: other, targetsPerRun: 1}\n")
	_, errors, code := d.run(t, "policy", "check", filepath.Join(d.folder, "bad.yaml"))
	require.Equal(t, exitInvalid, code)
	require.Contains(t, errors, "bad.yaml:18:37: spec.limits[1].changesPerHour: expected a whole number from 1 to 1000000, found 0")
	require.Contains(t, errors, "bad.yaml:19:14: spec.limits[2].name: expected a value of its own")
}

func TestStopAndResume(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	out, _, code := d.run(t, "stop-automation", "--reason", "a bad release")
	require.Equal(t, 0, code)
	require.Contains(t, out, "stop-automation by bob@estate.test counts")
	_, _, code = d.run(t, "resume")
	require.Equal(t, 0, code)
	require.Equal(t, []decision.Command{decision.StopAutomation, decision.ResumeAutomation}, []decision.Command{d.decisions[0].Command, d.decisions[1].Command})
	require.Equal(t, "a bad release", d.decisions[0].Reason)
	d.result = wire.DecideResult{Code: decision.CodeNotAllowed, Reason: "rule automation lets nobody"}
	_, errors, code := d.run(t, "stop-automation")
	require.Equal(t, exitRefused, code)
	require.Contains(t, errors, "does not count: rule automation lets nobody")
}

func TestAutomationShowsTheGuard(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.guard = wire.GuardState{
		Stopped: &wire.Stopped{By: "carol@estate.test", Reason: "a bad\x1b release", Since: time.Now()}, Permits: 7, Runs: []string{"server/web-01"},
		Waiting: []wire.GuardWaiting{{WorkflowID: "server/web-02", Why: "automation is stopped"}}, LastHour: map[string]int{"hourly": 5},
	}
	out, _, code := d.run(t, "automation")
	require.Equal(t, 0, code)
	for _, want := range []string{"stopped since", "by carol@estate.test: a bad", "permits given: 7; under way: 1", "hourly", "server/web-02 waits: automation is stopped"} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "\x1b")
	d.guard.Stopped.Reason = ""
	out, _, _ = d.run(t, "automation")
	require.Contains(t, out, "by carol@estate.test\n", "no reason was given")
}

func TestAnEmergencyNeedsAReason(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, errors, code := d.run(t, "run", "--emergency", example)
	require.Equal(t, exitInvalid, code)
	require.Contains(t, errors, "--emergency needs --reason")
}
