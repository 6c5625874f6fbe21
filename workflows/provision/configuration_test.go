package provision

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// project stands for the playbooks that a worker has.
type project struct {
	digest    string
	foresight map[string]configuration.Foresight // What check mode sees, by playbook, until the playbook is applied.
	previewed []configuration.PreviewInput
	described []configuration.DescribeInput
	applied   []configuration.ApplyInput
}

const playSecret = "secret://vault/kv/web-01/app#token"

// playing gives the server two plays; the first has a secret that a file has too, and one of its own.
func playing(s *spec.Server) {
	secretive(s)
	s.Spec.Configuration = []spec.Play{
		{
			Name: "base", System: "playbooks", Playbook: "base.yml", Variables: map[string]spec.Variable{"port": "8080", "motd": `"hello"`},
			Secrets: map[string]string{"token": playSecret, "db": systemSecret}, Tags: []string{"web"},
		},
		{Name: "audit", Playbook: "audit.yml"},
	}
}

func (b *bench) play() *project {
	p := &project{digest: "d1", foresight: map[string]configuration.Foresight{}}
	register := func(name string, f any) { b.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	register("configuration.Describe", func(ctx context.Context, in configuration.DescribeInput) (configuration.DescribeOutput, error) {
		p.described = append(p.described, in)
		pinned, err := secret.PinAll(ctx, b.estate.shelf, in.Secrets)
		if err != nil {
			return configuration.DescribeOutput{}, fault.ForTemporal(err)
		}
		out := configuration.DescribeOutput{Secrets: pinned, Description: configuration.Description{Digest: p.digest, Tasks: []string{"task of " + in.Play.Playbook}}}
		return out, b.estate.did("configuration.Describe", nil)
	})
	register("configuration.Preview", func(_ context.Context, in configuration.PreviewInput) (configuration.PreviewOutput, error) {
		p.previewed = append(p.previewed, in)
		return configuration.PreviewOutput{Foresight: p.foresight[in.Play.Playbook]}, b.estate.didOf("configuration.Preview", in.Play.Playbook)
	})
	register("configuration.Apply", func(_ context.Context, in configuration.ApplyInput) (configuration.ApplyOutput, error) {
		if err := b.estate.didOf("configuration.Apply", in.Play.Playbook); err != nil {
			return configuration.ApplyOutput{}, err
		}
		p.applied = append(p.applied, in)
		delete(p.foresight, in.Play.Playbook)
		return configuration.ApplyOutput{Applied: configuration.Applied{
			Recap: configuration.Recap{OK: 2, Changed: 1}, Changed: []configuration.Task{{Name: "write it"}}, Restless: []configuration.Task{{Name: "touch it"}},
		}}, nil
	})
	return p
}

func TestPlaysComeBetweenSystemAndApplication(t *testing.T) {
	t.Parallel()
	b := setup(t, playing)
	b.estate.shelf.current = "3"
	project := b.play()
	b.RegisterDelayedCallback(func() { b.estate.shelf.current = "4" }, time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.carry(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)

	require.Len(t, project.applied, 2)
	first := project.applied[0]
	require.Equal(t, "base.yml audit.yml", first.Play.Playbook+" "+project.applied[1].Play.Playbook)
	require.Equal(t, "playbooks", first.System)
	require.Equal(t, configuration.Play{
		Playbook: "base.yml", Digest: "d1", Tags: []string{"web"},
		Variables: map[string]json.RawMessage{"port": json.RawMessage("8080"), "motd": json.RawMessage(`"hello"`)},
	}, first.Play)
	require.Equal(t, map[string]secret.Ref{"token": playSecret + "@3", "db": systemSecret + "@3"}, first.Secrets, "the versions of the plan")
	require.Equal(t, "server/web-01", string(first.Op.Owner))
	require.Equal(t, "configuration/base", first.Op.Key.Step)
	require.Equal(t, []string{"k"}, first.Host.Keys)
	require.Equal(t, "web-01", first.Host.Name)

	calls := b.estate.calls
	at := func(name string) int { return slices.Index(calls, name) }
	require.Less(t, at("guest.ConfigureSystem"), at("configuration.Apply"))
	require.Less(t, at("guest.MountVolume"), at("configuration.Apply"))
	require.Less(t, at("configuration.Apply"), at("guest.InstallApplication"))
	require.Less(t, at("configuration.Apply"), at("firewall.OpenPaths"))

	step := b.step(t, "configuration/base")
	require.Equal(t, wire.StepDone, step.State)
	require.Equal(t, []string{
		"ok=2 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0", "check mode foresaw 0 changes", "changed: write it",
		"not idempotent, would change again: touch it",
	}, step.Result)

	var plan wire.Plan
	require.NoError(t, json.Unmarshal(b.estate.records[0].Plan, &plan))
	require.Contains(t, string(plan.Resolved), `"digest":"d1"`)
	require.ElementsMatch(t, []secret.Pinned{{Ref: systemSecret, Version: "3"}, {Ref: applicationSecret, Version: "3"}, {Ref: playSecret, Version: "3"}}, plan.Secrets)
	change := plan.Changes[slices.IndexFunc(plan.Changes, func(c wire.PlannedChange) bool { return c.Step == "configuration/base" })]
	require.Equal(t, "goes with the machine", change.Reversal)
	require.Equal(t, []string{
		"project configuration playbooks sha256 d1", "tags web", `variable motd = "hello"`, "variable port = 8080",
		"variable db from " + systemSecret, "variable token from " + playSecret, "task: task of base.yml",
	}, change.Detail)
}

// What is approved is a project as it was: another one is another plan.
func TestAProjectThatChangedIsNotRun(t *testing.T) {
	t.Parallel()
	b := setup(t, playing)
	project := b.play()
	b.RegisterDelayedCallback(func() { project.digest = "d2" }, 30*time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.PlanChanged, b.carry(t).Outcome)
	require.Empty(t, project.applied)
	require.Zero(t, b.times("compute.CloneVM"))
}

func TestPlaysThatCannotBeRun(t *testing.T) {
	t.Parallel()
	t.Run("a playbook that cannot be read", func(t *testing.T) {
		t.Parallel()
		b := setup(t, playing)
		b.play()
		b.estate.failing["configuration.Describe"] = fault.Invalid
		out := b.carry(t)
		require.Equal(t, wire.Refused, out.Outcome)
		require.Contains(t, out.Reason, "configuration.Describe fails")
	})
	t.Run("a secret that is not there", func(t *testing.T) {
		t.Parallel()
		b := setup(t, playing, func(s *spec.Server) { s.Spec.Configuration[1].Secrets = map[string]string{"x": playSecret + "@9"} })
		b.play()
		b.estate.shelf.current, b.estate.shelf.destroyed = "3", "9"
		out := b.carry(t)
		require.Equal(t, wire.Refused, out.Outcome)
		require.Contains(t, out.Reason, "version 9 of "+playSecret)
	})
	t.Run("nobody serves playbooks", func(t *testing.T) {
		t.Parallel()
		b := setup(t, playing)
		b.play()
		b.estate.unpolled = []string{"fermata.configuration"}
		out := b.carry(t)
		require.Equal(t, wire.Refused, out.Outcome)
		require.Contains(t, out.Reason, "--serve configuration")
	})
	t.Run("a task that fails", func(t *testing.T) {
		t.Parallel()
		b := setup(t, playing)
		project := b.play()
		b.estate.failing["configuration.Apply of audit.yml"] = fault.Invalid
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.RegisterDelayedCallback(func() {
			states := map[string]wire.StepState{}
			for _, s := range b.progress(t).Steps {
				states[s.ID] = s.State
			}
			require.Equal(t, wire.StepDone, states["configuration/base"])
			require.Equal(t, wire.StepHeld, states["configuration/audit"])
			require.Equal(t, wire.StepWaiting, states[runbook.StepApplication], "it depends on the held one")
			delete(b.estate.failing, "configuration.Apply of audit.yml")
		}, 2*time.Minute)
		b.say(t, 3*time.Minute, alice, decision.Retry, "configuration/audit")
		require.Equal(t, wire.Done, b.carry(t).Outcome)
		require.Len(t, project.applied, 2, "the first is not run again")
	})
	t.Run("undone with the machine", func(t *testing.T) {
		t.Parallel()
		b := setup(t, playing)
		b.play()
		b.estate.failing["configuration.Apply of base.yml"] = fault.Invalid
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.say(t, 3*time.Minute, alice, decision.Undo, "")
		out := b.carry(t)
		require.Equal(t, wire.Undone, out.Outcome)
		require.Empty(t, out.LeftBehind)
		require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
	})
}
