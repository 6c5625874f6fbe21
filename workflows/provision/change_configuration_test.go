package provision

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/secret"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// configured makes a server that was provisioned with the two plays, from a project of digest d1 and version 3 of all secrets,
// and then a document that asks for something else.
func configured(t *testing.T, ask func(*spec.Server)) (*bench, *standing, *project) {
	t.Helper()
	b, s := inService(t, ask, playing, (*spec.Server).ApplyDefaults)
	b.estate.shelf.current = "3"
	resolved, err := json.Marshal(map[string]any{"playbooks": []playbook{{Play: "base", Digest: "d1"}, {Play: "audit", Digest: "d1"}}})
	require.NoError(t, err)
	plan, err := json.Marshal(wire.Plan{Resolved: resolved, Secrets: []secret.Pinned{
		{Ref: systemSecret, Version: "3"}, {Ref: applicationSecret, Version: "3"}, {Ref: playSecret, Version: "3"},
	}})
	require.NoError(t, err)
	b.estate.records[0].Plan = plan
	return b, s, b.play()
}

// drift is what check mode sees where two tasks would change something.
func drift() configuration.Foresight {
	return configuration.Foresight{
		Recap:   configuration.Recap{OK: 3, Changed: 2},
		Changes: []configuration.Task{{Name: "write it", Diff: "--- before\n+++ after\n-theirs\n+ours\n"}, {Name: "restart it"}},
	}
}

func (p *project) books() (names []string) {
	for _, in := range p.applied {
		names = append(names, in.Play.Playbook)
	}
	return names
}

func TestPlaysThatAreAsTheyWereApplied(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*world, *project){
		"nothing changed": func(*world, *project) {},
		// What check mode skips says nothing of a play that is as it was applied.
		"tasks are skipped": func(_ *world, p *project) {
			p.foresight["base.yml"] = configuration.Foresight{Recap: configuration.Recap{OK: 1, Skipped: 2}}
		},
		"another project without a difference": func(_ *world, p *project) { p.digest = "d2" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s, p := configured(t, asBefore)
			spoil(b.estate, p)
			out := b.alter(t)
			require.Equal(t, wire.Done, out.Outcome, out.Reason)
			require.Equal(t, wire.NothingToChange, out.Reason)
			require.Empty(t, s.acts())
			require.Len(t, p.previewed, 2, "one after the other, each once")
		})
	}
}

func TestDriftOfAPlayIsApplied(t *testing.T) {
	t.Parallel()
	b, s, p := configured(t, asBefore)
	p.foresight["audit.yml"] = drift()
	b.say(t, time.Minute, bob, decision.Approve, "")
	var seen []wire.Observation
	b.RegisterDelayedCallback(func() { seen = b.progress(t).Preview.Observations }, 30*time.Second)
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, []string{
		"loadbalancer.SetMember drain", "configuration.Apply", "probe.Get", "loadbalancer.SetMember ready", "probe.Get",
	}, s.acts(), "out of the pool, healthy, back, asked as a user would")
	require.Equal(t, []string{"audit.yml"}, p.books(), "the other is as it was")
	applied := p.applied[0]
	require.Equal(t, "d1", applied.Play.Digest)
	require.Equal(t, []string{"k"}, applied.Host.Keys)
	require.Equal(t, "configuration/audit", applied.Op.Key.Step)
	require.Equal(t, p.previewed[1].Host, applied.Host)

	var texts []string
	for _, o := range seen {
		require.True(t, o.OK)
		if o.Name == "play audit" {
			texts = append(texts, o.Text)
		}
	}
	require.Equal(t, []string{
		"check mode: 2 tasks would change (ok=3 changed=2 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0)",
		"would change: write it", "| --- before", "| +++ after", "| -theirs", "| +ours", "would change: restart it",
	}, texts)

	var plan wire.Plan
	require.NoError(t, json.Unmarshal(b.estate.records[1].Plan, &plan))
	change := plan.Changes[slices.IndexFunc(plan.Changes, func(c wire.PlannedChange) bool { return c.Step == "configuration/audit" })]
	require.Equal(t, wire.Irreversible, change.Reversal)
	require.Equal(t, playDrift, change.Detail[0])
	require.NotContains(t, string(b.estate.records[1].Plan), "write it", "what check mode sees is not covered by the hash")
	require.Equal(t, []playbook{{Play: "base", Digest: "d1", Tasks: []string{"task of base.yml"}}, {Play: "audit", Digest: "d1", Tasks: []string{"task of audit.yml"}}},
		booksOf(plan), "the next change goes out from all plays")
	require.Equal(t, wire.StepDone, b.lastStep(t, "health").State)
}

func TestPlaysThatAreAskedForDifferently(t *testing.T) {
	t.Parallel()
	skips := configuration.Foresight{Recap: configuration.Recap{OK: 1, Skipped: 1}}
	variable := func(s *spec.Server) { s.Spec.Configuration[0].Variables["port"] = "9090" }
	for name, x := range map[string]struct {
		ask   func(*spec.Server)
		spoil func(*world, *project)
		books []string
		why   string
	}{
		"a variable":             {variable, func(_ *world, p *project) { p.foresight["base.yml"] = drift() }, []string{"base.yml"}, playSpec},
		"tags":                   {func(s *spec.Server) { s.Spec.Configuration[0].Tags = nil }, func(_ *world, p *project) { p.foresight["base.yml"] = drift() }, []string{"base.yml"}, playSpec},
		"one without difference": {variable, func(*world, *project) {}, nil, ""},
		"a command, skipped":     {variable, func(_ *world, p *project) { p.foresight["base.yml"] = skips }, []string{"base.yml"}, playSpec + playSkips},
		"check mode stops":       {variable, func(e *world, _ *project) { e.failing["configuration.Preview of base.yml"] = fault.Invalid }, []string{"base.yml"}, playSpec},
		"check mode stops, as recorded": {
			func(s *spec.Server) { s.Spec.LoadBalancer.Weight = 7 },
			func(e *world, _ *project) { e.failing["configuration.Preview of audit.yml"] = fault.Invalid },
			[]string{"audit.yml"},
			playBlind,
		},
		"another project": {
			asBefore, func(_ *world, p *project) { p.digest = "d2"; p.foresight["base.yml"] = skips }, []string{"base.yml"}, playProject + playSkips,
		},
		"a rotated secret": {asBefore, func(e *world, p *project) { e.shelf.current = "4"; p.foresight["base.yml"] = drift() }, []string{"base.yml"}, playSecrets},
		"a new play": {
			func(s *spec.Server) {
				s.Spec.Configuration = append(s.Spec.Configuration, spec.Play{Name: "extra", Playbook: "extra.yml"})
			},
			func(_ *world, p *project) { p.foresight["extra.yml"] = drift() },
			[]string{"extra.yml"},
			playNew,
		},
		"another order": {
			func(s *spec.Server) { slices.Reverse(s.Spec.Configuration) },
			func(_ *world, p *project) { p.foresight["base.yml"], p.foresight["audit.yml"] = drift(), drift() },
			[]string{"audit.yml", "base.yml"},
			playDrift,
		},
		"one that is not asked for any more": {func(s *spec.Server) { s.Spec.Configuration = s.Spec.Configuration[1:] }, func(*world, *project) {}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _, p := configured(t, x.ask)
			x.spoil(b.estate, p)
			b.say(t, time.Minute, bob, decision.Approve, "")
			out := b.alter(t)
			require.Equal(t, wire.Done, out.Outcome, out.Reason)
			require.Empty(t, out.Reason, "there is something to approve")
			require.Equal(t, x.books, p.books())
			var plan wire.Plan
			require.NoError(t, json.Unmarshal(b.estate.records[1].Plan, &plan))
			for _, c := range plan.Changes {
				if c.Step == stepConfiguration+"base" || c.Step == stepConfiguration+"audit" || c.Step == stepConfiguration+"extra" {
					require.Equal(t, x.why, c.Detail[0])
				}
			}
			require.JSONEq(t, string(b.document), string(b.estate.records[1].Spec))
		})
	}
}

// Nothing knows how to take a play back; people approve that it stays.
func TestAPlayThatIsNoLongerApplied(t *testing.T) {
	t.Parallel()
	b, s, _ := configured(t, func(x *spec.Server) { x.Spec.Configuration = x.Spec.Configuration[:1] })
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Empty(t, s.acts())
	var plan wire.Plan
	require.NoError(t, json.Unmarshal(b.estate.records[1].Plan, &plan))
	paper := plan.Changes[slices.IndexFunc(plan.Changes, func(c wire.PlannedChange) bool { return c.Step == stepPaper })]
	require.Equal(t, []string{"configuration", "play audit is no longer applied; what it did stays"}, paper.Detail)
}

// The versions that check mode reads are those that the play is given, also after a rotation between plan and approval.
func TestCheckModeReadsTheVersionsOfThePlan(t *testing.T) {
	t.Parallel()
	b, _, p := configured(t, asBefore)
	p.foresight["base.yml"] = drift()
	b.RegisterDelayedCallback(func() { b.estate.shelf.current = "4" }, 30*time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	want := map[string]secret.Ref{"token": playSecret + "@3", "db": systemSecret + "@3"}
	require.Equal(t, want, p.applied[0].Secrets)
	for _, in := range p.previewed {
		if in.Play.Playbook == "base.yml" {
			require.Equal(t, want, in.Secrets)
			require.Equal(t, "d1", in.Play.Digest)
		}
	}
}

func TestCheckModeIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(*project){
		"the drift is gone":     func(p *project) { delete(p.foresight, "base.yml") },
		"another play drifts":   func(p *project) { p.foresight["audit.yml"] = drift() },
		"the project is edited": func(p *project) { p.digest = "d2" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s, p := configured(t, asBefore)
			p.foresight["base.yml"] = drift()
			b.RegisterDelayedCallback(func() { then(p) }, 30*time.Second)
			b.say(t, time.Minute, bob, decision.Approve, "")
			require.Equal(t, wire.PlanChanged, b.alter(t).Outcome)
			require.Empty(t, s.acts())
		})
	}
	t.Run("other lines of the same drift are no other plan", func(t *testing.T) {
		t.Parallel()
		b, _, p := configured(t, asBefore)
		p.foresight["base.yml"] = drift()
		b.RegisterDelayedCallback(func() {
			other := drift()
			other.Changes[0].Diff = "-something else\n"
			p.foresight["base.yml"] = other
		}, 30*time.Second)
		b.say(t, time.Minute, bob, decision.Approve, "")
		require.Equal(t, wire.Done, b.alter(t).Outcome)
	})
}

func TestPlaysThatForbidAChange(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		ask   func(*spec.Server)
		spoil func(*world)
		text  string
	}{
		"the guest lets nobody in": {asBefore, func(e *world) { e.failing["configuration.Preview of base.yml"] = fault.Unauthorized }, "play base: configuration.Preview of base.yml fails"},
		"somebody else plays":      {asBefore, func(e *world) { e.failing["configuration.Preview of audit.yml"] = fault.Unavailable }, "play audit: "},
		"a playbook that is gone":  {asBefore, func(e *world) { e.failing["configuration.Describe"] = fault.Invalid }, "configuration.Describe fails"},
		"nobody serves playbooks":  {asBefore, func(e *world) { e.unpolled = []string{"fermata.configuration"} }, "--serve configuration"},
		"a secret that is gone":    {asBefore, func(e *world) { e.shelf.current, e.shelf.destroyed = "4", "4" }, "version 4 of "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s, _ := configured(t, x.ask)
			x.spoil(b.estate)
			out := b.alter(t)
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, x.text)
			require.Empty(t, s.acts())
		})
	}
}

// A play that fails holds the run with the server out of its pool. Taken back, it is in the ledger unless nothing was done.
func TestAPlayThatFailsInAChange(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (*bench, *standing, *project) {
		t.Helper()
		b, s, p := configured(t, asBefore)
		p.foresight["base.yml"] = drift()
		b.say(t, time.Minute, bob, decision.Approve, "")
		return b, s, p
	}
	t.Run("retried", func(t *testing.T) {
		t.Parallel()
		b, s, p := start(t)
		b.estate.failing["configuration.Apply of base.yml"] = fault.Invalid
		b.RegisterDelayedCallback(func() {
			require.Equal(t, loadbalancer.Drain, s.member.Runtime, "nobody is sent to what is half configured")
			delete(b.estate.failing, "configuration.Apply of base.yml")
		}, 2*time.Minute)
		b.say(t, 3*time.Minute, alice, decision.Retry, "configuration/base")
		require.Equal(t, wire.Done, b.alter(t).Outcome)
		require.Equal(t, []string{"base.yml"}, p.books())
		require.Equal(t, loadbalancer.Ready, s.member.Runtime)
	})
	for name, x := range map[string]struct {
		spoil func(*world, *project)
		left  []string
	}{
		"undone before it acted": {func(e *world, _ *project) { e.failing["configuration.Apply of base.yml"] = fault.Invalid }, nil},
		"undone where tasks are skipped": {func(e *world, p *project) {
			e.failing["configuration.Apply of base.yml"] = fault.Invalid
			skips := drift()
			skips.Recap.Skipped = 1
			p.foresight["base.yml"] = skips
		}, []string{"run the playbook of base: irreversible: playbook base.yml was run; what it did stays"}},
		"undone after a part": {func(e *world, p *project) {
			e.failing["configuration.Apply of base.yml"] = fault.Invalid
			e.after["loadbalancer.SetMember drain"] = func() {
				part := drift()
				part.Recap.Changed, part.Changes = 1, part.Changes[1:]
				p.foresight["base.yml"] = part
			}
		}, []string{"run the playbook of base: irreversible: playbook base.yml was run; what it did stays"}},
		"undone as the application does not answer": {
			func(e *world, _ *project) { e.failing["probe.Get of health"] = fault.Invalid },
			[]string{"run the playbook of base: irreversible: playbook base.yml was run; what it did stays"},
		},
		"undone where nobody can look": {func(e *world, _ *project) {
			e.failing["configuration.Apply of base.yml"] = fault.Invalid
			e.after["loadbalancer.SetMember drain"] = func() { e.failing["configuration.Preview of base.yml"] = fault.Unauthorized }
		}, []string{"run the playbook of base: configuration.Preview of base.yml fails on purpose"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s, p := start(t)
			x.spoil(b.estate, p)
			b.say(t, 20*time.Minute, alice, decision.Undo, "")
			out := b.alter(t)
			require.Equal(t, wire.Undone, out.Outcome)
			require.Equal(t, x.left, out.LeftBehind)
			require.Equal(t, loadbalancer.Ready, s.member.Runtime)
		})
	}
}

// With a restart the application is asked once, after the plays.
func TestPlaysAfterARestart(t *testing.T) {
	t.Parallel()
	b, s, p := configured(t, func(x *spec.Server) { x.Spec.Compute.CPUs++ })
	s.machine.CPUHotAdd = false
	p.foresight["base.yml"] = drift()
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, []string{
		"loadbalancer.SetMember drain", "compute.StopVM", "compute.ResizeVM", "compute.StartVM", "configuration.Apply", "probe.Get",
		"loadbalancer.SetMember ready", "probe.Get",
	}, s.acts())
}

func TestDriftOfPlaysIsTold(t *testing.T) {
	t.Parallel()
	compare := func(t *testing.T, spoil func(*world, *project)) wire.Comparison {
		t.Helper()
		b, _, p := configured(t, asBefore)
		spoil(b.estate, p)
		b.ExecuteWorkflow(wire.CompareServer, wire.CompareInput{Name: "web-01"})
		require.NoError(t, b.GetWorkflowError())
		var out wire.Comparison
		require.NoError(t, b.GetWorkflowResult(&out))
		require.Empty(t, p.applied)
		return out
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		out := compare(t, func(*world, *project) {})
		require.Empty(t, out.Drifted())
		require.Empty(t, out.Unread)
		require.Contains(t, out.Items, wire.Item{Object: "play audit", Recorded: playApplied, Actual: playApplied})
	})
	t.Run("of one play", func(t *testing.T) {
		t.Parallel()
		out := compare(t, func(_ *world, p *project) { p.foresight["base.yml"] = drift() })
		require.Equal(t, []wire.Item{{Object: "play base", Recorded: playApplied, Actual: "check mode would change: write it; restart it", Drift: true}}, out.Drifted())
	})
	t.Run("by another project", func(t *testing.T) {
		t.Parallel()
		out := compare(t, func(_ *world, p *project) { p.digest, p.foresight["base.yml"] = "d2", drift() })
		require.Len(t, out.Drifted(), 1)
		require.Contains(t, out.Drifted()[0].Actual, "(by the project as it is now, sha256 d2; recorded is d1)")
	})
	t.Run("not known", func(t *testing.T) {
		t.Parallel()
		out := compare(t, func(e *world, _ *project) { e.failing["configuration.Preview of base.yml"] = fault.Invalid })
		require.Empty(t, out.Drifted())
		require.Equal(t, []wire.Observation{{Name: "play base", Text: "check mode stopped: configuration.Preview of base.yml fails on purpose"}}, out.Unread)
	})
	t.Run("the guest does not answer", func(t *testing.T) {
		t.Parallel()
		out := compare(t, func(e *world, _ *project) { e.failing["configuration.Preview of base.yml"] = fault.Unavailable })
		require.Len(t, out.Unread, 1)
	})
}

// A run that an older build planned neither looks at the later sections nor takes a change of them.
func TestARunOfAnOlderBuildLeavesTheLaterSectionsAlone(t *testing.T) {
	t.Parallel()
	older := func(b *bench) {
		b.OnGetVersion(laterChanges, workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	}
	t.Run("unchanged", func(t *testing.T) {
		t.Parallel()
		b, s, p := configured(t, func(x *spec.Server) { x.Spec.LoadBalancer.Weight = 7 })
		older(b)
		p.foresight["base.yml"] = drift()
		b.say(t, time.Minute, bob, decision.Approve, "")
		out := b.alter(t)
		require.Equal(t, wire.Done, out.Outcome, out.Reason)
		require.Equal(t, []string{"loadbalancer.AlterMember", "probe.Get"}, s.acts())
		require.Empty(t, p.described)
		require.Empty(t, p.previewed)
	})
	for section, ask := range map[string]func(*spec.Server){
		"configuration": func(x *spec.Server) { x.Spec.Configuration = nil }, "dns": inDNS, "inventory": withInventory,
	} {
		t.Run("a change of "+section, func(t *testing.T) {
			t.Parallel()
			b, _, _ := configured(t, ask)
			older(b)
			out := b.alter(t)
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, section+": a change of this section is not carried out")
		})
	}
}
