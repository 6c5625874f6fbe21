package attack

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"fermata/client"
	"fermata/config"
	"fermata/decision"
	"fermata/sandbox"
	"fermata/spec"
	"fermata/starter"
	"fermata/testsuite/judge"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
	"fermata/worker"
)

// siege is a running sandbox whose worker judges by a policy file, a file of revoked keys and a certificate authority.
type siege struct {
	*stage.Stage
	cast    *cast
	judge   judge.Judge
	config  string // What the worker and the command line read.
	foreign string // The same of another installation.
}

// policy is the file that everybody reads. A run in the environment "hasty" stands under a rule of its own.
const policy = `apiVersion: fermata/v1
kind: Policy
metadata: {name: attacked}
spec:
  groups:
    askers: {members: [asker@attack]}
    approvers: {members: ["*@attack", "!dave@attack", "!nobody@attack", "*@ca"]}
    few: {members: [carol@attack, erin@ca]}
  machines: [robot@attack]
  automation: {stop: [approvers], resume: [approvers]}
  rules:
    - name: hasty
      match: {environments: [hasty]}
      may: {start: [askers], approve: [HASTY], operate: [askers]}
      approval: {HASTE}
    - name: changes
      may: {start: [askers], approve: [approvers], operate: [askers]}
      approval: {quorum: 2}
      emergency: {by: [askers], review: [approvers], within: 1h}
`

func begin(t *testing.T) *siege {
	t.Helper()
	o := sandbox.Options{Folder: t.TempDir(), WithoutUI: true, WithoutWorker: true, Log: stage.Logger(t)}
	s := &siege{Stage: stage.Start(t, o)}
	s.cast = newCast(t, filepath.Join(o.Folder, "cast"))
	s.judge = judge.Judge{Estate: s.Estate, Folder: o.Folder}
	s.Requester, s.Approver = s.cast.person(asker), s.cast.person(bob)
	s.rule(t, "approvers", "quorum: 1")
	attacking := func(name, from string) string {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		return s.describe(t, name, string(text), "allowedSigners: people/allowed_signers",
			"allowedSigners: cast/signers\n    revoked: cast/revoked\n    policy: policy.yaml")
	}
	s.config = attacking("attacked.yaml", s.Config)
	attacked, err := os.ReadFile(s.config)
	require.NoError(t, err)
	s.foreign = s.describe(t, "foreign.yaml", string(attacked), "name: sandbox", "name: elsewhere")
	cfg, err := config.Load(attacking("worker.yaml", s.WorkerConfig))
	require.NoError(t, err)
	w, err := worker.New(worker.Config{Installation: cfg, Log: o.Log})
	require.NoError(t, err)
	require.NoError(t, w.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, w.Stop()) })
	return s
}

func (s *siege) describe(t *testing.T, name, text, before, after string) string {
	t.Helper()
	require.Contains(t, text, before)
	file := filepath.Join(s.Folder, name)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(text, before, after, 1)), 0o600))
	return file
}

// rule writes the policy anew, with who approves hasty runs and how.
func (s *siege) rule(t *testing.T, group, approval string) {
	t.Helper()
	text := strings.NewReplacer("HASTY", group, "HASTE", approval).Replace(policy)
	next := filepath.Join(s.Folder, "policy.next")
	require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(t, os.Rename(next, filepath.Join(s.Folder, "policy.yaml")))
}

// target is a run under attack.
type target struct {
	*siege
	client.Started
	name, address string
}

// ask starts a run and waits until it asks for the approval.
func (s *siege) ask(t *testing.T, name, address string, change ...func(*spec.Server)) *target {
	t.Helper()
	r, err := client.Provision(stage.Server(t, name, address, change...))
	x := &target{s, s.Begin(t, r, err), name, address}
	now := s.Until(t, x.Started, "waiting", func(p wire.Progress) bool { return p.Phase == wire.Waiting || people.Ended(p) })
	require.Equal(t, wire.Waiting, now.Phase, now.Reason)
	return x
}

// gone waits until a run has ended and lets go of its target.
func (x *target) gone(t *testing.T) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		d, err := x.Client.Temporal().DescribeWorkflowExecution(t.Context(), x.WorkflowID, "")
		require.NoError(c, err)
		require.NotEqual(c, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, d.GetWorkflowExecutionInfo().GetStatus())
	}, soon, 20*time.Millisecond)
}

func (x *target) progress(t *testing.T) wire.Progress {
	t.Helper()
	p, err := x.Client.Progress(t.Context(), x.WorkflowID, "")
	require.NoError(t, err)
	return p
}

// looked is how many decisions a run has looked at.
func looked(p wire.Progress) int { return len(p.Decisions) + p.Refused }

// untouched requires that the run waits as before and did nothing that needs an approval.
func (x *target) untouched(t *testing.T, approvers []string) wire.Progress {
	t.Helper()
	p := x.progress(t)
	require.Equal(t, wire.Waiting, p.Phase, p.Reason)
	gate, open := p.Gate(decision.Approve, "")
	require.True(t, open)
	require.ElementsMatch(t, approvers, gate.Approvers)
	require.Nil(t, p.Stopped)
	begun := slices.DeleteFunc(slices.Clone(p.Steps), func(s wire.Step) bool { return s.State == wire.StepWaiting })
	for _, s := range begun {
		require.Contains(t, []string{"ticket", "address"}, s.ID, "only reservations come before the approval")
	}
	return p
}

// facts are what the systems hold of the target, its records and tickets left out.
func (x *target) facts(t *testing.T) []string {
	t.Helper()
	all, err := x.judge.Facts(t.Context(), x.name, x.address)
	require.NoError(t, err)
	return slices.DeleteFunc(all, func(fact string) bool {
		return strings.HasPrefix(fact, "record") || strings.HasPrefix(fact, "ticket") || strings.HasPrefix(fact, "note of ticket")
	})
}

// answer is what a command printed and how it ended.
type answer struct {
	out, err string
	code     int
}

// typed runs a command as a person types it.
func (s *siege) typed(t *testing.T, args ...string) answer {
	t.Helper()
	var out, err bytes.Buffer
	app := starter.New()
	app.Writer, app.ErrWriter = &out, &err
	failure := app.RunContext(t.Context(), starter.Arrange(app, append([]string{"fermata", "--config", s.config}, args...)))
	code := starter.ExitCode(&err, failure)
	return answer{out.String(), err.String(), code}
}

// soon is how long something that happens at once may take on a busy machine.
const soon = 30 * time.Second
